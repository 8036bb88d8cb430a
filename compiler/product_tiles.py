"""A register tile of a matrix product, and the panel that feeds it, as words of a kernel's text for numba.

A tile is a few rows of the result by PANEL bytes; its sums stay in registers for the whole inner size, one broadcast
of the left operand and one fused multiply-add for each row (Goto and van de Geijn 2008, "Anatomy of high-performance
matrix multiplication").
"""

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from compiler.panels import BLOCK, PANEL, ROOM, ROWS
from compiler.tiles import spread

I64 = ir.IntType(64)


def _loop(builder, count, name):
    """(block to write the body in, counter, function that ends the loop) of a loop that runs at least once."""
    before = builder.block
    body = builder.append_basic_block(name)
    builder.branch(body)
    builder.position_at_end(body)
    counter = builder.phi(I64)
    counter.add_incoming(I64(0), before)

    def end(step=1):
        following = builder.add(counter, I64(step))
        counter.add_incoming(following, builder.block)
        after = builder.append_basic_block(f"{name}.end")
        builder.cbranch(builder.icmp_signed("<", following, count), body, after)
        builder.position_at_end(after)

    return before, counter, end


def _vector(builder, pointer, index, kind):
    return builder.bitcast(builder.gep(pointer, [index]), kind.as_pointer())


def tile(rows):
    """A word: C[rows, panel] = alpha * A[rows, k] @ B[k, panel], k at least 1.

    A's element (r, p) lies at at_a + r * row_a + p * step_a; rows of B lie step_b apart, those of C row_c.
    """

    @intrinsic
    def word(context, a, at_a, row_a, step_a, b, at_b, step_b, k, alpha, c, at_c, row_c):
        i64 = types.int64
        sig = types.void(a, i64, i64, i64, b, i64, i64, i64, a.dtype, c, i64, i64)

        def generate(target, builder, sig, args):
            a, at_a, row_a, step_a, b, at_b, step_b, k, alpha, c, at_c, row_c = args
            real = alpha.type
            size = sig.args[0].dtype.bitwidth // 8
            kind = ir.VectorType(real, PANEL // size)
            lines = [builder.gep(a, [builder.add(at_a, builder.mul(row_a, I64(r)))]) for r in range(rows)]
            b = builder.gep(b, [at_b])
            before, p, end = _loop(builder, k, "tile")
            sums = [builder.phi(kind) for _ in lines]
            name = f"llvm.fma.v{kind.count}f{8 * size}"
            fma = cgutils.get_or_insert_function(builder.module, ir.FunctionType(kind, [kind] * 3), name)
            right = builder.load(_vector(builder, b, builder.mul(p, step_b), kind), align=size)
            far = builder.mul(p, step_a)
            grown = [
                builder.call(fma, [spread(builder, builder.load(builder.gep(line, [far])), kind.count), right, total])
                for line, total in zip(lines, sums, strict=True)
            ]
            for total, more in zip(sums, grown, strict=True):
                total.add_incoming(ir.Constant(kind, [real(0.0)] * kind.count), before)
                total.add_incoming(more, builder.block)
            end()
            factor = spread(builder, alpha, kind.count)
            for r, total in enumerate(grown):
                place = builder.add(at_c, builder.mul(row_c, I64(r)))
                builder.store(builder.fmul(total, factor), _vector(builder, c, place, kind), align=size)
            return target.get_dummy_value()

        return sig, generate

    return word


@intrinsic
def panel_room(context, like):
    """A pointer to ROOM elements in the frame of the running function."""

    def generate(target, builder, sig, args):
        element = target.get_value_type(sig.return_type.dtype)
        return cgutils.alloca_once(builder, element, size=I64(ROOM))

    return like(like), generate


def _transposed(builder, rows):
    """The columns of a square block of vectors, by halving blocks."""
    count, at = len(rows), len(rows) // 2
    while at:
        rows = list(rows)
        for i in (i for i in range(count) if not i & at):
            low = [e if not e & at else count + e - at for e in range(count)]
            high = [e + at if not e & at else count + e for e in range(count)]
            pair = rows[i], rows[i + at]
            for place, mask in ((i, low), (i + at, high)):
                chosen = ir.Constant(ir.VectorType(ir.IntType(32), count), mask)
                rows[place] = builder.shuffle_vector(*pair, chosen)
        at //= 2
    return rows


def _turn(builder, w, b, row_b, blocks, side, kind):
    """w[k, panel] = B[panel, k].T for the first blocks of k; rows of B lie row_b apart."""
    size = BLOCK // side
    _, block, end = _loop(builder, blocks, "turn")
    first = builder.mul(block, I64(side))
    for part in range(0, PANEL // size, side):
        rows = []
        for r in range(part, part + side):
            place = builder.add(builder.mul(row_b, I64(r)), first)
            rows.append(builder.load(_vector(builder, b, place, kind), align=size))
        for q, column in enumerate(_transposed(builder, rows)):
            place = builder.add(builder.mul(builder.add(first, I64(q)), I64(PANEL // size)), I64(part))
            builder.store(column, _vector(builder, w, place, kind), align=size)
    end()


@intrinsic
def panel_filled(context, w, b, at_b, row_b, k, transposed):
    """w[k, panel] = B[k, panel], or B[panel, k].T where transposed; rows of B lie row_b apart. How many rows it wrote."""
    i64 = types.int64
    sig = i64(w, b, i64, i64, i64, i64)

    def generate(target, builder, sig, args):
        w, b, at_b, row_b, k, transposed = args
        size = sig.args[0].dtype.bitwidth // 8
        real, side = target.get_value_type(sig.args[0].dtype), BLOCK // size
        b = builder.gep(b, [at_b])
        blocks = builder.sdiv(k, I64(side))
        turned = builder.icmp_signed("!=", transposed, I64(0))
        done = cgutils.alloca_once_value(builder, builder.select(turned, builder.mul(blocks, I64(side)), k))
        with builder.if_else(turned) as (turning, copying):
            with turning, builder.if_then(builder.icmp_signed(">", blocks, I64(0))):
                _turn(builder, w, b, row_b, blocks, side, ir.VectorType(real, side))
            with copying:
                kind = ir.VectorType(real, PANEL // size)
                _, p, end = _loop(builder, k, "copy")
                line = builder.load(_vector(builder, b, builder.mul(p, row_b), kind), align=size)
                builder.store(line, _vector(builder, w, builder.mul(p, I64(kind.count)), kind), align=size)
                end()
        return builder.load(done)

    return sig, generate


@intrinsic
def choose(context, condition, a, b):
    """One of two pointers."""
    return a(types.boolean, a, a), lambda _, builder, sig, args: builder.select(*args)


PRODUCT_TILES = {f"tile_{rows}": tile(rows) for rows in (ROWS, 2)}
PRODUCT_TILES |= {"panel_room": panel_room, "panel_filled": panel_filled, "choose": choose}
