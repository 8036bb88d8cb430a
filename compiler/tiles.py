"""The innermost loop of convolutions as one word of a kernel's text: a tile of sums of products held in vector registers."""

from functools import cache

from llvmlite import ir
from numba import types
from numba.extending import intrinsic

from compiler.machine import processor

ROWS = 6  # of a tile: with two vectors for each row, twelve sums, two factors and one more fill sixteen registers
I32, I64 = ir.IntType(32), ir.IntType(64)


@cache
def _widths() -> tuple[int, int]:
    """Bytes of a row of sums: of tiles with many rows, and of those with few, where other sums must hide an FMA's latency."""
    _, _, features = processor()
    if "+avx512f" in features:
        return 128, 128
    return (64, 128) if "+avx" in features or "+neon" in features else (32, 64)


@intrinsic
def tile_sums(context, rows, columns, depth, adds, a, at_a, b, at_b, table, row_at, a_at, b_at, o, at_o, step):
    """o[at_o + r * step + j] = sum over k < depth of a[at_a + table[row_at + r] + table[a_at + k]] * b[at_b + table[b_at + k] + j].

    For r < rows (at most ROWS) and j < columns, added to what stands there where ``adds`` is not 0. Each sum is taken
    in the order of k, by fused multiplications and additions. Columns come in whole vectors: up to 128 bytes behind
    the last are read, and written with numbers that mean nothing.
    """
    i64, real = types.int64, a.dtype
    sig = types.void(i64, i64, i64, i64, a, i64, a, i64, table, i64, i64, i64, a, i64, i64)

    def generate(target, builder, sig, args):
        rows, columns, depth, adds, a, at_a, b, at_b, table, row_at, a_at, b_at, o, at_o, step = args
        places = [builder.gep(a, [at_a]), builder.gep(b, [at_b]), builder.gep(o, [at_o])]
        tables = [builder.gep(table, [at]) for at in (row_at, a_at, b_at)]
        function = _function(builder.module, a.type.pointee, 4 if real == types.float32 else 8)
        builder.call(function, [rows, columns, depth, adds, step, *places, *tables])
        return target.get_dummy_value()

    return sig, generate


def _function(module, number, size):
    """The tile as a function of the module, with a branch for each number of rows."""
    name = f"tile_sums_{number}"
    if name in module.globals:
        return module.globals[name]
    kinds = [*[I64] * 5, *[number.as_pointer()] * 3, *[I64.as_pointer()] * 3]
    function = ir.Function(module, ir.FunctionType(ir.VoidType(), kinds), name)
    function.linkage = "internal"
    function.attributes.add("noinline")
    for argument in function.args[5:]:
        argument.add_attribute("noalias")
    builder = ir.IRBuilder(function.append_basic_block("entry"))
    done = function.append_basic_block("done")
    choice = builder.switch(function.args[0], done)
    ir.IRBuilder(done).ret_void()
    wide, widest = _widths()
    for rows in range(1, ROWS + 1):
        block = function.append_basic_block(f"rows_{rows}")
        choice.add_case(I64(rows), block)
        builder.position_at_end(block)
        width = (wide if rows > ROWS // 2 else widest) // size
        _tile(builder, function, rows, ir.VectorType(number, width), size, done)
    return function


def _tile(builder, function, rows, vector, align, done):
    """The sums of so many rows, a vector of columns at a time."""
    _, columns, depth, adds, step, a, b, o, row_table, a_table, b_table = function.args
    name = f"llvm.fma.v{vector.count}{vector.element.intrinsic_name}"
    fma = builder.module.globals.get(name) or ir.Function(builder.module, ir.FunctionType(vector, [vector] * 3), name)
    zero, one = I64(0), I64(1)
    fresh = builder.icmp_signed("==", adds, zero)
    starts = [builder.gep(a, [builder.load(builder.gep(row_table, [I64(r)]))]) for r in range(rows)]
    before = builder.block
    outer, inner, write = (function.append_basic_block(f"{part}_{rows}") for part in ("columns", "sum", "write"))
    builder.cbranch(builder.icmp_signed(">", columns, zero), outer, done)

    builder.position_at_end(outer)
    column = builder.phi(I64)
    places = [builder.gep(o, [builder.add(column, builder.mul(step, I64(r)))]) for r in range(rows)]
    places = [builder.bitcast(place, vector.as_pointer()) for place in places]
    held = [builder.load(place, align=align) for place in places]
    held = [builder.select(fresh, ir.Constant(vector, None), total) for total in held]
    right = builder.gep(b, [column])
    builder.cbranch(builder.icmp_signed(">", depth, zero), inner, write)

    builder.position_at_end(inner)
    k = builder.phi(I64)
    sums = [builder.phi(vector) for _ in range(rows)]
    left_at = builder.load(builder.gep(a_table, [k]))
    right_at = builder.load(builder.gep(b_table, [k]))
    factor = builder.load(builder.bitcast(builder.gep(right, [right_at]), vector.as_pointer()), align=align)
    grown = []
    for start, total in zip(starts, sums, strict=True):
        value = spread(builder, builder.load(builder.gep(start, [left_at])), vector.count)
        grown.append(builder.call(fma, [value, factor, total]))
    following = builder.add(k, one)
    k.add_incoming(zero, outer)
    k.add_incoming(following, inner)
    for total, first, later in zip(sums, held, grown, strict=True):
        total.add_incoming(first, outer)
        total.add_incoming(later, inner)
    builder.cbranch(builder.icmp_signed("<", following, depth), inner, write)

    builder.position_at_end(write)
    results = [builder.phi(vector) for _ in range(rows)]
    for place, result, first, later in zip(places, results, held, grown, strict=True):
        result.add_incoming(first, outer)
        result.add_incoming(later, inner)
        builder.store(result, place, align=align)
    onward = builder.add(column, I64(vector.count))
    column.add_incoming(zero, before)
    column.add_incoming(onward, write)
    builder.cbranch(builder.icmp_signed("<", onward, columns), outer, done)


LANES = 8  # elements that line_copy writes at once


@intrinsic
def line_copy(context, to, at_to, source, at_source, step, count):
    """to[at_to + j] = source[at_source + j * step] for j < count, and 0 from there to the next multiple of LANES.

    ``step`` is 1 or 2. Nothing behind the last element is read.
    """
    i64 = types.int64
    sig = types.void(to, i64, source, i64, i64, i64)

    def generate(target, builder, sig, args):
        to, at_to, source, at_source, step, count = args
        function = _line(builder.module, to.type.pointee, 4 if sig.args[0].dtype == types.float32 else 8)
        builder.call(function, [builder.gep(to, [at_to]), builder.gep(source, [at_source]), step, count])
        return target.get_dummy_value()

    return sig, generate


def _line(module, number, size):
    """The copy as a function of the module, with a branch for each step."""
    name = f"line_copy_{number}"
    if name in module.globals:
        return module.globals[name]
    pointer = number.as_pointer()
    function = ir.Function(module, ir.FunctionType(ir.VoidType(), [pointer, pointer, I64, I64]), name)
    function.linkage = "internal"
    function.attributes.add("noinline")
    for argument in function.args[:2]:
        argument.add_attribute("noalias")
    builder = ir.IRBuilder(function.append_basic_block("entry"))
    done = function.append_basic_block("done")
    ir.IRBuilder(done).ret_void()
    blocks = [function.append_basic_block(f"step_{step}") for step in (1, 2)]
    builder.cbranch(builder.icmp_signed("==", function.args[2], I64(1)), *blocks)
    for step, block in enumerate(blocks, 1):
        builder.position_at_end(block)
        _lanes(builder, function, number, size, step, done)
    return function


def _lanes(builder, function, number, size, step, done):
    """Loads of ``step`` vectors, of which every ``step``-th lane is kept, masked behind the last element."""
    to, source, _, count = function.args
    row, order = ir.VectorType(number, LANES), ir.VectorType(I32, LANES)
    before = builder.block
    loop = function.append_basic_block(f"lanes_{step}")
    builder.cbranch(builder.icmp_signed(">", count, I64(0)), loop, done)
    builder.position_at_end(loop)
    at = builder.phi(I64)
    left = spread(builder, builder.trunc(builder.sub(count, at), I32), LANES)
    parts = []
    for part in range(step):
        needed_by = ir.Constant(order, [(j + part * LANES + step - 1) // step for j in range(LANES)])
        place = builder.gep(source, [builder.add(builder.mul(at, I64(step)), I64(part * LANES))])
        mask = builder.icmp_signed("<", needed_by, left)
        parts.append(_masked_load(builder, row, builder.bitcast(place, row.as_pointer()), mask, size))
    kept = ir.Constant(order, [j * step for j in range(LANES)])
    values = builder.shuffle_vector(parts[0], parts[-1], kept)
    builder.store(values, builder.bitcast(builder.gep(to, [at]), row.as_pointer()), align=size)
    onward = builder.add(at, I64(LANES))
    at.add_incoming(I64(0), before)
    at.add_incoming(onward, loop)
    builder.cbranch(builder.icmp_signed("<", onward, count), loop, done)


def spread(builder, value, lanes):
    """A vector with the value in every lane."""
    vector = ir.VectorType(value.type, lanes)
    none = ir.Constant(vector, ir.Undefined)
    first = builder.insert_element(none, value, I32(0))
    return builder.shuffle_vector(first, none, ir.Constant(ir.VectorType(I32, lanes), None))


def _masked_load(builder, row, place, mask, size):
    """Elements where the mask is set, 0 elsewhere; memory behind the others is not touched."""
    name = f"llvm.masked.load.v{row.count}{row.element.intrinsic_name}.p0"
    kinds = [place.type, I32, mask.type, row]
    function = builder.module.globals.get(name) or ir.Function(builder.module, ir.FunctionType(row, kinds), name)
    return builder.call(function, [place, I32(size), mask, ir.Constant(row, None)])


TILES = {"line_copy": line_copy, "tile_sums": tile_sums}
