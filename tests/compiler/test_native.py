"""Kernels mean the same natively and in plain Python; the driver walks tables; what cannot be native is refused."""

import gc
import os
import platform
import re
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest

from compiler import driver, loader
from compiler.kernel import Kernel, KernelError, Param, pack
from compiler.toolchain import compile_objects

ROOT = Path(__file__).parents[2]
FLOATS, SIGNED = ("float32", "float64"), ("int8", "int16", "int32", "int64")
UNSIGNED = ("uint8", "uint16", "uint32", "uint64")


def params(described: str) -> tuple[Param, ...]:
    """Parameters from "a:float32* n:int s:float32": a star makes a pointer."""
    found = []
    for word in described.split():
        name, kind = word.split(":")
        if kind.endswith("*"):
            found.append(Param(name, "ptr", kind[:-1]))
        else:
            found.append(Param(name, "int") if kind == "int" else Param(name, "float", kind))
    return tuple(found)


def kernel(described: str, *lines: str) -> Kernel:
    """A kernel with these body lines over i in range(n)."""
    names = ", ".join(param.name for param in params(described))
    body = "".join(f"        {line}\n" for line in lines)
    return Kernel(f"def kernel({names}):\n    for i in range(n):\n{body}    return 0\n", params(described))


def both(kernel: Kernel, *args):
    """Outputs (copies of the array arguments) after a native and a Python run."""
    outputs = []
    for run in (lambda *a: driver.call(kernel, *a), kernel.run_python):
        mine = [arg.copy() if isinstance(arg, np.ndarray) else arg for arg in args]
        assert run(*mine) == 0
        outputs.append([arg for arg in mine if isinstance(arg, np.ndarray)])
    return outputs


def specials(dtype: str) -> np.ndarray:
    """Pairs-forming edge values of a dtype, with some ordinary ones."""
    kind = np.dtype(dtype)
    if kind.kind == "f":
        info = np.finfo(kind)
        tiny = info.smallest_subnormal
        values = [
            0.0,
            -0.0,
            np.inf,
            -np.inf,
            np.nan,
            tiny,
            -tiny,
            info.max,
            info.tiny,
            1,
            -1,
            0.1,
            -7.5,
            3,
            1e30,
        ]
        return np.array(values, kind)
    info = np.iinfo(kind)
    return np.array(
        sorted(
            {info.min, info.min + 1, info.max, 0, 1, 2, 3, 7, 100}
            | ({-1, -2, -7} & {info.min, -1, -2, -7} if info.min else set())
        ),
        kind,
    )


def pairs(dtype: str) -> tuple[np.ndarray, np.ndarray]:
    values = specials(dtype)
    a, b = np.meshgrid(values, values)
    return a.ravel().copy(), b.ravel().copy()


def test_example_of_the_design():
    text = """def kernel(a0, a1, o0, n0, n1, s0):
    for i0 in range(n0):
        for i1 in range(n1):
            o0[i0 * n1 + i1] = a0[i0 * s0 + i1] * a1[i1] - float32(0.5)
    return 0
"""
    made = Kernel(text, params("a0:float32* a1:float32* o0:float32* n0:int n1:int s0:int"))
    rng = np.random.default_rng(0)
    a, b = rng.standard_normal(5 * 40).astype("f4"), rng.standard_normal(37).astype("f4")
    native, python = both(made, a, b, np.zeros(5 * 37, "f4"), 5, 37, 40)
    np.testing.assert_array_equal(native[2], python[2])
    np.testing.assert_array_equal(native[2].reshape(5, 37), a.reshape(5, 40)[:, :37] * b - np.float32(0.5))


@pytest.mark.parametrize("dtype", (*FLOATS, *SIGNED, *UNSIGNED))
def test_binary_words_on_edge_values(dtype):
    words = {
        "add": np.add,
        "subtract": np.subtract,
        "multiply": np.multiply,
        "radd": np.add,
        "rmul": np.multiply,
    }
    words |= {"maximum": np.maximum, "minimum": np.minimum}
    words |= {"floor_divide": np.floor_divide, "remainder": np.remainder}
    a, b = pairs(dtype)
    outputs = " ".join(f"o{j}:{dtype}*" for j in range(len(words)))
    made = kernel(
        f"a:{dtype}* b:{dtype}* {outputs} n:int",
        *(f"o{j}[i] = {word}(a[i], b[i])" for j, word in enumerate(words)),
    )
    native, python = both(made, a, b, *(np.zeros_like(a) for _ in words), a.size)
    for word, mine, twin in zip(words, native[2:], python[2:], strict=True):
        with np.errstate(all="ignore"):
            expected = words[word](a, b)
        np.testing.assert_array_equal(mine, expected, err_msg=word)
        np.testing.assert_array_equal(twin, expected, err_msg=word)
        if word not in ("maximum", "minimum") and a.dtype.kind == "f":
            clean = ~np.isnan(expected)
            np.testing.assert_array_equal(np.signbit(mine[clean]), np.signbit(expected[clean]), err_msg=word)


@pytest.mark.parametrize("dtype", FLOATS)
def test_unary_words(dtype):
    words = {
        "sqrt": np.sqrt,
        "fabs": np.abs,
        "floor": np.floor,
        "ceil": np.ceil,
        "trunc": np.trunc,
        "rint": np.rint,
    }
    a = np.concatenate([specials(dtype), np.linspace(-3, 3, 61).astype(dtype)])
    outputs = " ".join(f"o{j}:{dtype}*" for j in range(len(words)))
    lines = [f"o{j}[i] = {word}(a[i])" for j, word in enumerate(words)]
    made = kernel(f"a:{dtype}* {outputs} p:bool* n:int", *lines, "p[i] = isnan(a[i])")
    native, python = both(made, a, *(np.zeros_like(a) for _ in words), np.zeros(a.size, bool), a.size)
    for word, mine, twin in zip(words, native[1:], python[1:], strict=False):
        with np.errstate(all="ignore"):
            np.testing.assert_array_equal(mine, words[word](a), err_msg=word)
        np.testing.assert_array_equal(mine, twin)
    np.testing.assert_array_equal(native[-1], np.isnan(a))


def test_half_precision_round_trip_and_rounding():
    halves = np.arange(1 << 16, dtype=np.uint16).view(np.float16)
    made = kernel("a:float16* o:float32* n:int", "o[i] = half_to_float(a[i])")
    native, _ = both(made, halves, np.zeros(halves.size, "f4"), halves.size)
    np.testing.assert_array_equal(native[1], halves.astype("f4"))
    rng = np.random.default_rng(0)
    finite = np.unique(halves[np.isfinite(halves)]).astype("f8")
    ties = (finite[1:] + finite[:-1]) / 2
    near = np.concatenate([ties, np.nextafter(ties, np.inf), np.nextafter(ties, -np.inf)])
    wide = np.concatenate([near, rng.standard_normal(1000) * 1e4, [np.nan, np.inf, 65519.99, 65520, 1e-8, -1e300]])
    for dtype in FLOATS:
        made = kernel(f"a:{dtype}* o:float16* n:int", "o[i] = float_to_half(a[i])")
        with np.errstate(over="ignore"):
            values = wide.astype(dtype)
        native, _ = both(made, values, np.zeros(values.size, np.float16), values.size)
        with np.errstate(all="ignore"):
            np.testing.assert_array_equal(native[1], values.astype(np.float16))


@pytest.mark.parametrize("source", (*FLOATS, "int64", "uint8", "bool"))
def test_casts_follow_astype(source):
    targets = (
        "float32",
        "float64",
        "int8",
        "int16",
        "int32",
        "int64",
        "uint8",
        "uint16",
        "uint32",
        "uint64",
        "bool",
    )
    values = np.array([0, 1, 2.75, 100.5, 120, 0.25]).astype(source)
    outputs = " ".join(f"o{j}:{target}*" for j, target in enumerate(targets))
    made = kernel(
        f"a:{source}* {outputs} n:int",
        *(f"o{j}[i] = {'bool_' if target == 'bool' else target}(a[i])" for j, target in enumerate(targets)),
    )
    native, python = both(made, values, *(np.zeros(values.size, target) for target in targets), values.size)
    for target, mine, twin in zip(targets, native[1:], python[1:], strict=True):
        np.testing.assert_array_equal(mine, values.astype(target), err_msg=target)
        np.testing.assert_array_equal(twin, values.astype(target), err_msg=target)


@pytest.mark.parametrize("dtype", (*FLOATS, *SIGNED, *UNSIGNED))
def test_absolute_value(dtype):
    a = specials(dtype)
    native, python = both(kernel(f"a:{dtype}* o:{dtype}* n:int", "o[i] = abs(a[i])"), a, np.zeros_like(a), a.size)
    np.testing.assert_array_equal(native[1], np.abs(a))
    np.testing.assert_array_equal(python[1], np.abs(a))


def test_bits_and_wide_products():
    a = np.array([0, 1, 1 << 63, 2**64 - 1, 0x9E3779B97F4A7C15], np.uint64)
    b = np.array([5, 2**64 - 1, 2, 2**64 - 1, 0xD2B74407B1CE6E93], np.uint64)
    native, python = both(
        kernel("a:uint64* b:uint64* o:uint64* n:int", "o[i] = mulhi_u64(a[i], b[i])"),
        a,
        b,
        np.zeros(5, np.uint64),
        5,
    )
    assert native[2].tolist() == python[2].tolist() == [int(x) * int(y) >> 64 for x, y in zip(a, b, strict=True)]
    x = specials("float32")
    made = kernel("x:float32* o:int32* y:float32* n:int", "o[i] = float32_bits(x[i])", "y[i] = bits_float32(o[i])")
    native, _ = both(made, x, np.zeros(x.size, "i4"), np.zeros_like(x), x.size)
    np.testing.assert_array_equal(native[1], x.view("i4"))
    np.testing.assert_array_equal(native[2].view("i4"), x.view("i4"))


def test_fma_rounds_once_and_where_selects():
    x = np.array([1 + 2.0**-12], "f4")
    made = kernel(
        "x:float32* o:float32* w:float32* n:int",
        "o[i] = fma(x[i], x[i], float32(-1.0))",
        "w[i] = where(x[i] > float32(2.0), x[i], float32(7.0))",
    )
    native, python = both(made, x, np.zeros(1, "f4"), np.zeros(1, "f4"), 1)
    assert native[1][0] == python[1][0] == np.float32(2.0**-11 + 2.0**-24)
    assert native[2][0] == python[2][0] == 7


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("word, start", [("radd", "0.0"), ("rmul", "1.0"), ("maximum", "a[0]"), ("minimum", "a[0]")])
def test_reductions_vectorise_and_are_right(dtype, word, start):
    from compiler.toolchain import llvm_text

    text = f"""def kernel(a, o, m, n, s):
    for i in range(m):
        acc = {dtype}({start})
        for j in range(n):
            acc = {word}(acc, a[i * s + j])
        o[i] = acc
    return 0
"""
    made = Kernel(text, params(f"a:{dtype}* o:{dtype}* m:int n:int s:int"))
    name = {"radd": "fadd", "rmul": "fmul", "maximum": "fmaximum", "minimum": "fminimum"}[word]
    assert re.search(rf"llvm\.vector\.reduce\.{name}\.v\d+f", llvm_text(made))
    a = (np.random.default_rng(1).standard_normal((3, 1001)) / 8 + 1).astype(dtype)
    native, _ = both(made, a.ravel(), np.zeros(3, dtype), 3, 1000, 1001)
    whole = {"radd": np.add, "rmul": np.multiply, "maximum": np.maximum, "minimum": np.minimum}[word]
    start = a[0, 0] if start == "a[0]" else float(start)
    expected = [whole.reduce(row[:1000], initial=start) for row in a]
    np.testing.assert_allclose(native[1], expected, rtol=1e-4 if dtype == "float32" else 1e-12)
    a[1, 500] = np.nan
    native, _ = both(made, a.ravel(), np.zeros(3, dtype), 3, 1000, 1001)
    assert np.isnan(native[1]).tolist() == [False, True, False]


def test_plain_addition_is_never_reassociated():
    from compiler.toolchain import llvm_text

    text = "def kernel(a, o, n):\n    acc = 0.0\n    for j in range(n):\n        acc = acc + a[j]\n    o[0] = acc\n    return 0\n"
    assert "vector.reduce" not in llvm_text(Kernel(text, params("a:float64* o:float64* n:int")))


def test_distinct_pointers_need_no_overlap_checks():
    from compiler.toolchain import llvm_text

    count = 16
    pointers = " ".join(f"a{j}:float32*" for j in range(count)) + " o:float32* n:int"
    made = kernel(pointers, "o[i] = " + " + ".join(f"a{j}[i]" for j in range(count)))
    code = llvm_text(made)
    assert re.search(r"load <\d+ x float>", code)
    assert "memcheck" not in code


def vectors_stored(line: str, dtype: str = "float32") -> list[str]:
    """The types of the vectors that the loop over o[i] = line stores, one for each store."""
    from compiler.toolchain import llvm_text

    return re.findall(r"store (<\d+ x \w+>)", llvm_text(kernel(f"a:{dtype}* o:{dtype}* n:int", line)))


@pytest.mark.skipif(platform.machine() != "x86_64", reason="widths of x86")
def test_loops_over_polynomials_take_whole_vectors_and_long_ones_two():
    from compiler.machine import vector_bytes

    whole = f"<{vector_bytes() // 4} x float>"
    assert whole in vectors_stored("o[i] = exp(a[i])")
    assert whole in vectors_stored("o[i] = exp(a[i]) * sin(a[i])")  # sin computes in float64
    assert vectors_stored("o[i] = erf(a[i]) * exp(a[i])").count(whole) >= 2
    assert f"<{vector_bytes() // 8} x double>" in vectors_stored("o[i] = exp(a[i]) * sin(a[i])", "float64")


def test_a_loop_that_cannot_be_vectorised_says_nothing(capfd):
    assert not vectors_stored("o[i] = exp(o[i - 1]) * sin(a[i])")
    assert capfd.readouterr() == ("", "")


def test_loops_with_bounds_continue_and_nesting():
    text = """def kernel(o, n):
    k = 0
    for i in range(2, n):
        for j in range(i, 2 * n, 3):
            if j == 5:
                continue
            o[k] = i * 100 + j
            k += 1
        if i == n - 1:
            break
    return 0
"""
    native, python = both(Kernel(text, params("o:int64* n:int")), np.zeros(64, np.int64), 6)
    np.testing.assert_array_equal(native[0], python[0])
    assert native[0][0] == 202


def test_float_arguments_keep_their_bits():
    for dtype in FLOATS:
        made = kernel(f"o:{dtype}* s:{dtype} n:int", "o[i] = s")
        for value in (0.1, -0.0, np.inf, 1e-40):
            native, python = both(made, np.ones(1, dtype), value, 1)
            assert native[0].tobytes() == python[0].tobytes() == np.array([value], dtype).tobytes()


def test_driver_stops_at_the_first_bad_row():
    status = Kernel("def kernel(o, s):\n    o[0] += 1\n    return s\n", params("o:int64* s:int"))
    address, counter = loader.load([status])[0], np.zeros(1, np.int64)
    run = driver.runner()
    for bad, code in ((2, 5), (0, -7), (3, 1)):
        counter[0] = 0
        blocks = [pack(status, (counter.ctypes.data, code if row == bad else 0)) for row in range(5)]
        rows = driver.table([address] * 5, [block.ctypes.data for block in blocks])
        assert driver.decode(run(rows.ctypes.data, 0, 5)) == (bad, code)
        assert counter[0] == bad + 1
        assert driver.decode(run(rows.ctypes.data, bad + 1, 5)) is None
        assert counter[0] == 5
        assert run(rows.ctypes.data, 3, 3) == 0


def test_driver_checks_its_arguments():
    for wrong in ((), (1, 2), (1, 2, "x"), (1 << 70, 0, 0)):
        with pytest.raises((TypeError, OverflowError)):
            driver.runner()(*wrong)


def test_driver_releases_the_gil():
    text = "def kernel(o, n):\n    acc = 0.0\n    for i in range(n):\n        acc = acc + 1.0\n    o[0] = acc\n    return 0\n"
    slow = Kernel(text, params("o:float64* n:int"))
    out = np.zeros(1)
    driver.call(slow, out, 1)
    ticks, done = [], threading.Event()

    def tick():
        while not done.is_set():
            ticks.append(time.perf_counter())
            time.sleep(0.002)

    thread = threading.Thread(target=tick)
    thread.start()
    begin = time.perf_counter()
    driver.call(slow, out, 100_000_000)
    end = time.perf_counter()
    done.set()
    thread.join()
    assert out[0] == 100_000_000
    assert sum(begin < moment < end for moment in ticks) >= 2


def test_what_cannot_be_native_is_refused_with_its_text():
    with pytest.raises(KernelError, match="unknown_word"):
        loader.load([kernel("o:float64* n:int", "o[i] = unknown_word(o[i])")])
    with pytest.raises(KernelError, match="def kernel"):
        loader.load([kernel("o:float64* n:int", "o[i] = [o[i]]")])
    for wrong in ("fma(i, i, i)", "max(o[i], 1.0)", "o[i] ** 2", "unknown.word(i)"):
        with pytest.raises(KernelError, match="def kernel"):
            loader.load([kernel("o:float64* n:int", f"o[i] = {wrong}")])
    raising = Kernel("def kernel(n):\n    if n > 3:\n        raise ValueError('no')\n    return 0\n", params("n:int"))
    with pytest.raises(KernelError):
        loader.load([raising])
    with pytest.raises(ValueError, match="no 'int'"):
        Param("n", "int", "float32")


def test_kernels_are_shared_by_content():
    one, two = (kernel("o:int64* n:int", "o[i] = i + 41") for _ in range(2))
    assert one is not two and one.key == two.key
    first = loader.load([one, two])
    assert first[0] == first[1]
    assert loader.load([two]) == first[:1]
    assert loader.last.registry == 1 and loader.last.compiled == 0


def test_python_run_shows_its_lines():
    broken = kernel("o:float64* n:int", "o[i] = o[i + 100]")
    with pytest.raises(IndexError) as caught:
        broken.run_python(np.zeros(3), 3)
    assert "o[i] = o[i + 100]" in str(caught.traceback[-1].statement)


def test_a_kernel_depends_on_no_kernel_compiled_before():
    """numba remembers operators for the life of a process; here each is met for the first time, in place first."""
    operators = "+= -= *= <<= >>= &= |= ^= %= //="
    lines = "".join(
        f"    k = 1003\n    k {operator} n\n    x = x {operator[:-1]} n + k\n" for operator in operators.split()
    )
    text = f"def kernel(o, r, n):\n    x = 9\n    k = 3\n{lines}    o[0] = x + k\n    r[0] = -r[0] / n\n    return 0\n"
    program = f"""
import numpy as np
from compiler.driver import call
from compiler.kernel import Kernel, Param
kernel = Kernel({text!r}, (Param("o", "ptr", "int64"), Param("r", "ptr", "float64"), Param("n", "int")))
first, second = (np.zeros(1, np.int64), np.ones(1)), (np.zeros(1, np.int64), np.ones(1))
assert call(kernel, *first, 3) == kernel.run_python(*second, 3) == 0
assert first == second, (first, second)
"""
    environment = {**os.environ, "TAPEGRAPH_CACHE_DIR": os.devnull}
    subprocess.run([sys.executable, "-W", "ignore", "-c", program], check=True, cwd=ROOT, timeout=60, env=environment)


def test_division_never_raises():
    made = kernel("a:float64* b:float64* o:float64* n:int", "o[i] = a[i] / b[i]")
    a, b = pairs("float64")
    native, python = both(made, a, b, np.zeros_like(a), a.size)
    np.testing.assert_array_equal(native[2], python[2])
    for sign in ("//", "%"):
        made = kernel("a:int64* b:int64* o:int64* n:int", f"o[i] = a[i] {sign} b[i]")
        a, b = pairs("int64")
        keep = (b != 0) & (b != -1)
        a, b = a[keep], b[keep]
        native, python = both(made, a, b, np.zeros_like(a), a.size)
        np.testing.assert_array_equal(native[2], python[2])


@pytest.mark.parametrize("text", ["def kernel(n):\n    return n + 1234\n", "def kernel(n):\n    return unheard(n)\n"])
def test_the_collector_is_left_as_it_was(text):
    kernel, usual = Kernel(text, (Param("n", "int"),)), gc.get_threshold()
    seen = set()
    try:
        for _ in compile_objects([kernel]):
            seen.add(gc.get_threshold())
    except KernelError:
        assert "unheard" in text
    assert gc.get_threshold() == usual and usual not in seen
    gc.set_threshold(0)  # switched off by the user
    try:
        list(compile_objects([Kernel("def kernel(n):\n    return n\n", (Param("n", "int"),))]))
        assert gc.get_threshold()[0] == 0
    finally:
        gc.set_threshold(*usual)
