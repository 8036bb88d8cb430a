"""Modules of PyTorch whose contents are one level up here, and those that are not offered: both are found by import."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from importlib import import_module
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType

_PACKAGE = __name__.rpartition(".")[0] + "."

# Where programs import from -> the module that has it here.
_MOVED = {
    "utils.data": "dataloader dataset sampler",
    "amp": "autocast_mode grad_scaler",
    "autograd": "function variable",
    "distributions": "bernoulli beta categorical dirichlet distribution exponential gamma independent kl laplace "
    "multivariate_normal normal uniform",
    "nn.modules": "activation adaptive batchnorm container conv distance dropout flatten fold instancenorm lazy linear "
    "loss module normalization padding pixelshuffle pooling rnn sparse transformer upsampling",
    "optim": "adadelta adagrad adam adamax adamw asgd lbfgs nadam radam rmsprop rprop sgd",
}
PATHS = {f"{parent}.{name}": parent for parent, names in _MOVED.items() for name in names.split()}
PATHS = {path: target.replace("nn.modules", "nn") for path, target in PATHS.items()}
PATHS |= {
    "nn.modules": "nn",
    "nn.parallel": "nn",
    "cuda.amp": "amp",
    "cuda.amp.autocast_mode": "amp",
    "cuda.amp.grad_scaler": "amp",
    "autograd.functional": "derivatives",
}

NOT_OFFERED = {
    "distributed": "there is one process here: leave it out",
    "fft": "complex numbers are not offered: use numpy.fft on tensor.numpy() outside of what is differentiated",
    "fx": "tapegraph.compile and tapegraph.explain show the graph of a function",
    "hub": "download weights yourself and torch.load them",
    "multiprocessing": "use Python's multiprocessing, or DataLoader(num_workers=...)",
    "onnx": "save the state_dict and rebuild the model in PyTorch to export it",
    "profiler": "use Python's cProfile",
    "sparse": "sparse tensors are not offered: use index_add, gather and scatter",
    "utils.tensorboard": "write the numbers to a file, or use the tensorboardX package",
}


class _Elsewhere(MetaPathFinder, Loader):
    """Finds ``tapegraph.torch.<path>`` of the tables above."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if not fullname.startswith(_PACKAGE):
            return None
        name = fullname.removeprefix(_PACKAGE)
        if name in NOT_OFFERED:
            raise ModuleNotFoundError(f"torch.{name} is not offered; {NOT_OFFERED[name]}", name=fullname)
        return ModuleSpec(fullname, self, is_package=True) if name in PATHS else None

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        here = import_module(_PACKAGE + PATHS[spec.name.removeprefix(_PACKAGE)])
        found = ModuleType(spec.name, here.__doc__)
        found.__path__ = []
        found.__getattr__ = lambda name: getattr(here, name)  # type: ignore[method-assign]
        found.__dict__.update({k: v for k, v in vars(here).items() if not k.startswith("__")})
        return found

    def exec_module(self, module: ModuleType) -> None:
        """Nothing is left to do."""


sys.meta_path.append(_Elsewhere())
