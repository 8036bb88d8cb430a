"""A small workload and peers made of NumPy, good ones and bad ones, as files."""

from textwrap import dedent

WORKLOAD = dedent(
    '''
    """One step down the slope of a square."""
    import numpy as np

    CASES = {"small": {"size": 8, "target": 2.0}, "large": {"size": 64}}

    def start(case, rng):
        return {"w": np.zeros(case["size"], np.float32)}, [(rng.random(case["size"], np.float32),) for _ in range(2)]

    def work(case):
        return {"flops": 0, "bytes": 8 * case["size"]}

    def tapegraph(case, params, peer):
        tg = peer.tg
        w = tg.Parameter(params["w"])

        @tg.function
        def step(x):
            value, slope = tg.value_and_grad(lambda w: tg.sum((w - x) ** 2))(w)
            w.assign(w - 0.1 * slope)
            return value

        return step, lambda: {"w": w}

    def _by_hand(params, rate):
        w = params["w"].copy()

        def step(x):
            value = np.sum((w - x) ** 2)
            np.subtract(w, np.float32(2 * rate) * (w - x), out=w)
            return value

        return step, lambda: {"w": w}

    def numpy(case, params, peer):
        return _by_hand(params, 0.1)

    good = numpy

    def wrong(case, params, peer):
        return _by_hand(params, 0.11)

    def dying(case, params, peer):
        import os, sys

        step, read = _by_hand(params, 0.1)
        calls = []

        def once(x):
            calls.append(1)
            if len(calls) > 3 + 4:
                sys.stderr.write("out of luck\\n")
                sys.stderr.flush()
                os._exit(7)
            return step(x)

        return once, read

    def raising(case, params, peer):
        raise RuntimeError("no such device")
    '''
)
PEER = dedent(
    """
    import sys

    class Contender:
        version = "1"

        def __init__(self, name, threads, cold):
            ours = {"tapegraph", "engine", "eager", "graph", "compiler", "numba"}
            assert not ours & {name.split(".")[0] for name in sys.modules}
    """
)
MISSING = "import a_package_that_nobody_has\n"


def write(folder):
    """The path of the workload, and the peers by name as ``process.CONTENDERS`` has them."""
    (folder / "square.py").write_text(WORKLOAD)
    peers = {}
    for name in ("good", "wrong", "dying", "raising", "missing"):
        (folder / f"{name}.py").write_text(MISSING if name == "missing" else PEER)
        peers[name] = str(folder / name)
    return folder / "square.py", peers
