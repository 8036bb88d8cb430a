"""Layers that hold weights, and the containers that put layers together."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import numpy as np

from engine.dtypes import DEFAULT_FLOAT, FLOATS, as_dtype
from engine.errors import ArgumentError
from engine.op import as_handle
from engine.ops.compare import equal, where
from engine.ops.dtype import stop_gradient
from engine.ops.shape import expand_dims
from engine.spec import DType
from engine.state import Parameter
from tapegraph.nn import functional as F
from tapegraph.nn import init
from tapegraph.nn.module import Module


class Identity(Module):
    """The input itself."""

    def forward(self, input: Any) -> Any:
        return input


class Linear(Module):
    """input @ weight.T + bias. input: [..., in_features]; result: [..., out_features].

    ``weight``: [out_features, in_features], ``bias``: [out_features], both uniform in ±1/sqrt(in_features) as in
    PyTorch (He et al. 2015 with a = sqrt 5). Raises ShapeError for another last axis.
    """

    def __init__(self, in_features: int, out_features: int, bias: bool = True, *, dtype: Any = None) -> None:
        super().__init__()
        self.in_features = whole(in_features, "in_features", "Linear", least=0)
        self.out_features = whole(out_features, "out_features", "Linear", least=0)
        dtype = floating(dtype, "Linear")
        self.weight = Parameter(np.empty((out_features, in_features), dtype))
        self.bias = Parameter(np.empty((out_features,), dtype)) if bias else None
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw weight and bias anew."""
        init.kaiming_uniform_(self.weight, a=math.sqrt(5))
        if self.bias is not None:
            bound = 1 / math.sqrt(self.in_features) if self.in_features else 0.0
            init.uniform_(self.bias, -bound, bound)

    def forward(self, input: Any) -> Any:
        return F.linear(input, self.weight, self.bias)

    def extra_repr(self) -> str:
        return f"in_features={self.in_features}, out_features={self.out_features}, bias={self.bias is not None}"


class Embedding(Module):
    """Rows of ``weight`` [num_embeddings, embedding_dim] chosen by integers: [...] to [..., embedding_dim].

    Rows are drawn from the standard normal distribution; row ``padding_idx`` is zero and gets no gradient.
    Raises IndexRangeError for an index outside the table, DTypeError for floats.
    """

    def __init__(
        self, num_embeddings: int, embedding_dim: int, padding_idx: int | None = None, *, dtype: Any = None
    ) -> None:
        super().__init__()
        self.num_embeddings = whole(num_embeddings, "num_embeddings", "Embedding", least=1)
        self.embedding_dim = whole(embedding_dim, "embedding_dim", "Embedding", least=1)
        if padding_idx is not None and not -num_embeddings <= padding_idx < num_embeddings:
            raise ArgumentError(
                f"padding_idx {padding_idx} is outside a table of {num_embeddings} rows", op="Embedding"
            )
        self.padding_idx = None if padding_idx is None else padding_idx % num_embeddings
        self.weight = Parameter(np.empty((num_embeddings, embedding_dim), floating(dtype, "Embedding")))
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw the rows anew."""
        init.normal_(self.weight)
        if self.padding_idx is not None:
            self.weight[self.padding_idx] = 0.0

    def forward(self, input: Any) -> Any:
        rows = F.embedding(input, self.weight)
        if self.padding_idx is None:
            return rows
        return where(expand_dims(equal(as_handle(input), self.padding_idx), axis=-1), stop_gradient(rows), rows)

    def extra_repr(self) -> str:
        tail = "" if self.padding_idx is None else f", padding_idx={self.padding_idx}"
        return f"{self.num_embeddings}, {self.embedding_dim}{tail}"


class LayerNorm(Module):
    """Zero mean and unit variance over the last axes, then times ``weight`` plus ``bias`` (Ba et al. 2016).

    ``normalized_shape``: the size of the last axis or a sequence of the last sizes; the shape of weight (ones) and
    bias (zeros). Raises ShapeError where the input ends in other sizes.
    """

    def __init__(
        self,
        normalized_shape: int | Iterable[int],
        eps: float = 1e-5,
        elementwise_affine: bool = True,
        bias: bool = True,
        *,
        dtype: Any = None,
    ) -> None:
        super().__init__()
        sizes = (normalized_shape,) if isinstance(normalized_shape, int) else tuple(normalized_shape)
        self.normalized_shape = tuple(whole(n, "normalized_shape", "LayerNorm", least=1) for n in sizes)
        self.eps = eps
        dtype = floating(dtype, "LayerNorm")
        self.weight = Parameter(np.ones(sizes, dtype)) if elementwise_affine else None
        self.bias = Parameter(np.zeros(sizes, dtype)) if elementwise_affine and bias else None

    def reset_parameters(self) -> None:
        """Set weight to ones and bias to zeros."""
        if self.weight is not None:
            init.ones_(self.weight)
        if self.bias is not None:
            init.zeros_(self.bias)

    def forward(self, input: Any) -> Any:
        return F.layer_norm(input, self.normalized_shape, self.weight, self.bias, self.eps)

    def extra_repr(self) -> str:
        return f"{self.normalized_shape}, eps={self.eps}, elementwise_affine={self.weight is not None}"


class Dropout(Module):
    """While training, each element zeroed with probability ``p`` and the rest scaled by 1/(1-p) (Srivastava et al. 2014)."""

    def __init__(self, p: float = 0.5) -> None:
        super().__init__()
        if not 0 <= p <= 1:
            raise ArgumentError(f"p must lie in [0, 1], not {p}", op="Dropout")
        self.p = p

    def forward(self, input: Any) -> Any:
        return F.dropout(input, self.p, self.training)

    def extra_repr(self) -> str:
        return f"p={self.p}"


class Flatten(Module):
    """Axes ``start_axis`` to ``end_axis`` (included) joined into one; by default all but the first."""

    def __init__(self, start_axis: int = 1, end_axis: int = -1) -> None:
        super().__init__()
        self.start_axis, self.end_axis = start_axis, end_axis

    def forward(self, input: Any) -> Any:
        return F.flatten(input, self.start_axis, self.end_axis)

    def extra_repr(self) -> str:
        return f"start_axis={self.start_axis}, end_axis={self.end_axis}"


class ModuleList(Module):
    """A list of modules whose parameters count; it computes nothing itself."""

    def __init__(self, modules: Iterable[Module] = ()) -> None:
        super().__init__()
        self.extend(modules)

    def append(self, module: Module) -> Any:
        """Add a module at the end; returns the list."""
        setattr(self, str(len(self)), part(module, type(self).__name__))
        return self

    def extend(self, modules: Iterable[Module]) -> Any:
        """Add modules at the end; returns the list."""
        for module in modules:
            self.append(module)
        return self

    def __len__(self) -> int:
        return sum(1 for _ in self.named_children())

    def __iter__(self) -> Iterator[Module]:
        return self.children()

    def __getitem__(self, index: int | slice) -> Any:
        found = list(self.children())[index]
        return type(self)(*_arguments(self, found)) if isinstance(index, slice) else found

    def __setitem__(self, index: int, module: Module) -> None:
        setattr(self, str(range(len(self))[index]), part(module, type(self).__name__))


class Sequential(ModuleList):
    """Modules applied one after the other. Takes modules, or one dict of named modules."""

    def __init__(self, *modules: Module | Mapping[str, Module]) -> None:
        if len(modules) == 1 and isinstance(modules[0], Mapping):
            super().__init__()
            for name, module in modules[0].items():
                setattr(self, name, part(module, "Sequential"))
        else:
            super().__init__(modules)  # type: ignore[arg-type]

    def forward(self, input: Any) -> Any:
        for module in self.children():
            input = module(input)
        return input


class ModuleDict(Module):
    """A dict of modules whose parameters count; it computes nothing itself."""

    def __init__(self, modules: Mapping[str, Module] | None = None) -> None:
        super().__init__()
        for name, module in (modules or {}).items():
            self[name] = module

    def __getitem__(self, name: str) -> Module:
        return dict(self.named_children())[name]

    def __setitem__(self, name: str, module: Module) -> None:
        if hasattr(type(self), name) or "." in name:
            raise ArgumentError(f"{name!r} cannot be the name of a module", op="ModuleDict", fix="choose another key")
        setattr(self, name, part(module, "ModuleDict"))

    def __delitem__(self, name: str) -> None:
        del self.__dict__[name]

    def __contains__(self, name: object) -> bool:
        return name in self.keys()

    def __len__(self) -> int:
        return len(self.keys())

    def __iter__(self) -> Iterator[str]:
        return iter(self.keys())

    def keys(self) -> list[str]:
        """The names in order of insertion."""
        return [name for name, _ in self.named_children()]

    def values(self) -> list[Module]:
        """The modules in order of insertion."""
        return list(self.children())

    def items(self) -> list[tuple[str, Module]]:
        """Pairs of name and module in order of insertion."""
        return list(self.named_children())


def _arguments(container: ModuleList, found: list[Module]) -> tuple[Any, ...]:
    return tuple(found) if isinstance(container, Sequential) else (found,)


def part(module: Any, op: str) -> Module:
    """``module`` if it is one, else an ArgumentError."""
    if isinstance(module, Module):
        return module
    fix = f"write {module.__name__}()" if isinstance(module, type) else "wrap the function in an nn.Module"
    raise ArgumentError(f"takes modules, not {module!r}", op=op, fix=fix)


def whole(value: Any, name: str, op: str, least: int) -> int:
    """``value`` as an int of at least ``least``, else an ArgumentError."""
    if hasattr(value, "__index__") and int(value) >= least:
        return int(value)
    raise ArgumentError(f"{name} must be an int of at least {least}, not {value!r}", op=op)


def floating(dtype: Any, op: str) -> DType:
    """The dtype of a layer's parameters: float32 unless given, else an ArgumentError if it is not a float."""
    target = DEFAULT_FLOAT if dtype is None else as_dtype(dtype)
    if target not in FLOATS:
        raise ArgumentError(f"parameters are float32 or float64, not {target.name}", op=op)
    return target
