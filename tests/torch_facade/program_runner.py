"""Runs a program written for PyTorch under either library: only the import lines differ, draws and first weights are shared."""

import importlib
import re
import sys
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType

import numpy as np

FOLDER = Path(__file__).with_name("programs")
NAMES = sorted(path.stem for path in FOLDER.glob("*.py"))
_IMPORT = re.compile(r"^(\s*)(import|from) torch(?=[\s.])(.*)$", re.M)


def rewritten(source):
    """The program with ``torch`` imported from tapegraph."""

    def line(found):
        indent, word, rest = found.groups()
        if word == "import" and " as " not in rest:
            assert not rest.strip(), f"import torch{rest} binds the name torch"
            return f"{indent}import tapegraph.torch as torch"
        return f"{indent}{word} tapegraph.torch{rest}"

    return _IMPORT.sub(line, source)


def loaded(name, facade):
    """The program as a module of its own."""
    path = FOLDER / f"{name}.py"
    source = path.read_text()
    module = ModuleType(f"{name}_{'facade' if facade else 'torch'}")
    module.__file__ = str(path)
    sys.modules[module.__name__] = module
    exec(compile(rewritten(source) if facade else source, str(path), "exec"), module.__dict__)
    return module


@contextmanager
def shared_draws(library, seed):
    """Random functions of a library that draw the same numbers as those of another library do under the same seed."""
    rng = np.random.default_rng(seed)

    def shape(size):
        return tuple(size[0]) if len(size) == 1 and not isinstance(size[0], int) else tuple(size)

    def of(array):
        return library.from_numpy(np.ascontiguousarray(array))

    def randint(*args, dtype=None, generator=None, **_):
        *bounds, size = args
        low, high = bounds if len(bounds) == 2 else (0, bounds[0])
        return of(rng.integers(low, high, tuple(size)))

    replaced = {
        "randn": lambda *size, **_: of(rng.normal(size=shape(size)).astype(np.float32)),
        "rand": lambda *size, **_: of(rng.random(shape(size)).astype(np.float32)),
        "randn_like": lambda x, **_: of(rng.normal(size=tuple(x.shape)).astype(np.float32)),
        "randint": randint,
        "randperm": lambda n, **_: of(rng.permutation(n)),
    }
    held = {name: getattr(library, name) for name in replaced}
    for name, function in replaced.items():
        setattr(library, name, function)
    try:
        yield
    finally:
        for name, function in held.items():
            setattr(library, name, function)


def tensors(model):
    """The tensors that a run starts from."""
    return list(model.state_dict().values()) if hasattr(model, "state_dict") else list(model)


def losses(name, facade, start=None, steps=6, compile=lambda f: f):
    """What ``train`` of a program returns, and the weights it started from (``start``: those of another run)."""
    library = importlib.import_module("tapegraph.torch" if facade else "torch")
    program = loaded(name, facade)
    library.manual_seed(0)
    with shared_draws(library, 1):
        model = program.make()
    if start is None:
        start = [t.detach().numpy().copy() for t in tensors(model)]
    else:
        with library.no_grad():
            for tensor, value in zip(tensors(model), start, strict=True):
                tensor.copy_(library.from_numpy(value))
    with shared_draws(library, 2):
        return program.train(model, steps, compile), start
