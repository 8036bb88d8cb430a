"""What differs from PyTorch by design, each with its reason."""

from __future__ import annotations

from tests.against_torch.sampling import Call


def names(text: str) -> list[str]:
    """The words of a text."""
    return text.split()


_BEYOND = {
    "complex numbers are not part of the engine": """complex polar view_as_real view_as_complex cdouble cfloat chalf
        conj_physical imag angle stft istft linalg.eig linalg.eigvals""",
    "sparse tensors are not part of the engine": "sparse.sampled_addmm sparse.mm to_sparse",
    "NumPy has no bfloat16 and no float8": "bfloat16 torch._scaled_mm torch._scaled_mm_v2",
    "values are immutable and have no strides": """as_strided as_strided_copy as_strided_scatter empty_strided
        new_empty_strided empty_permuted resize_ resize_as_""",
    "its numbers are whatever stood there; ours are zeros": "empty empty_like new_empty",
    "CUDA only": """jiterator_unary jiterator_binary jiterator_4inputs_with_extra_args jiterator_binary_return_by_ref
        jiterator_2inputs_2outputs""",
}
BEYOND = {name: reason for reason, text in _BEYOND.items() for name in names(text)}
"""Ops that are not here, and why."""

RANDOM = frozenset(
    names(
        """nn.functional.dropout nn.functional.dropout2d nn.functional.dropout3d nn.functional.alpha_dropout
        nn.functional.feature_alpha_dropout nn.functional.rrelu randn randn_like rand_like randint randint_like normal
        uniform bernoulli multinomial cauchy exponential geometric log_normal"""
    )
)
"""Their numbers come from another generator: shapes and dtypes are compared."""

TRIANGLES = "PyTorch gives a triangular operand a full gradient; ours is zero where nothing is read"
CTC = "PyTorch's gradient holds only for normalised inputs, whatever they are; ours is the gradient (tests/ops/test_ctc.py)"
GRADIENTS: dict[str, str] = {
    "cholesky_solve": TRIANGLES,
    "nn.functional.ctc_loss": CTC,
    "linalg.pinv:hermitian": "PyTorch's mixes both triangles where they differ",
    "half": "float16 is for storage: nothing is computed in it",
}
"""Ops whose gradients are not compared."""

SIGNS = {"linalg.eigh", "linalg.svd", "linalg.qr", "svd", "qr", "geqrf"}
"""Ops whose vectors have a sign that is free: where it is the other one, magnitudes are compared and gradients are not."""

AXES_OF_NUMBERS = "an array without axes has no axis 0; PyTorch takes it as if it had one"


def by_design(key: str, route: str, call: Call, dtype: str) -> str:
    """Why a call means something else here, or nothing."""
    if dtype in ("int64", "bool"):
        if key.startswith("nn.functional.") and key not in ("nn.functional.one_hot", "nn.functional.embedding"):
            return "networks compute with floats"
        if key in WHOLE:
            return WHOLE[key]
    if call.named.get("dropout_p", 0):
        return "its numbers come from another generator"
    if route == "native" and key.startswith("round:"):
        return "round of the Array API knows no decimals"
    if key == "linalg.lu" and not call.named.get("pivot", True):
        return "LAPACK has no LU without pivots"
    if key == "cov" and getattr(call.named.get("aweights"), "dtype", call.args[0].dtype) != call.args[0].dtype:
        return "PyTorch adds weights in their own dtype, ours in that of the observations"
    if op_of(key) == "linalg.lu_factor":
        return "PyTorch gives the swaps of rows one after the other, ours the permutation they make"
    if key in ("linalg.svd", "svd") and _completes(call):
        return "the vectors that complete a basis may be any (their gradients: test_more.py)"
    if route == "native" and key == "unique" and call.named.get("dim") is not None:
        return "unique_values of the Array API knows no axis"
    if route == "native" and key == "index_put" and call.named.get("accumulate"):
        return "adding at repeated places is index_add's and scatter_add's"
    if route == "native" and (call.named.get("hermitian") or call.named.get("atol") is not None):
        return "the Array API knows neither"
    if route == "native" and key == "linalg.solve" and call.args[0].ndim == call.args[1].ndim + 1 > 2:
        return "the Array API takes only 1-d right sides for vectors, PyTorch stacks of them as well"
    return ""


_TIES = "which of equal elements is named is not said; ours is the first"
WHOLE = {
    **dict.fromkeys(names("kthvalue topk mode sort argsort"), _TIES),
    **dict.fromkeys(names("addmv addbmm baddbmm"), "an integer times a float factor is a float"),
    "arange": "PyTorch rounds start, stop and step to integers first",
    **dict.fromkeys(names("linspace logspace"), "PyTorch steps in integers, ours rounds down what a float would be"),
    "__rpow__": "an integer raised to a negative power is a mistake",
    "bincount": "sums of integers are integers",
}
"""Ops of integers and bools that mean something else."""


def op_of(key: str) -> str:
    """The name of an op without its variant."""
    return key.partition(":")[0]


def _completes(call: Call) -> bool:
    """Whether a singular value decomposition gives more vectors than singular values."""
    m, n = call.args[0].shape[-2:]
    return m != n and (call.named.get("full_matrices", "some" not in call.named) or call.named.get("some") is False)


def on_purpose(route: str, said: str, dtype: str) -> str:
    """Why what is different in a call has to be, or nothing."""
    if route == "native" and said.startswith("AxisError") and said.endswith(NO_AXES):
        return AXES_OF_NUMBERS
    if said.startswith("DTypeError") and dtype in ("int64", "bool"):
        return "the op does not declare this dtype"
    if said.startswith("static: SymbolError"):
        return "a number that a trace has to know"
    refused = REFUSED if route == "native" else REFUSED_EVERYWHERE
    return next((why for start, why in refused.items() if said.startswith(start)), "")


REFUSED_EVERYWHERE = {
    "ShapeError: take_along_axis: x and indices must have": "an index without elements may have any axes to PyTorch",
    "ShapeError: tensordot: axis": "axes of length 1 are not stretched to others in a contraction (Array API)",
    "ShapeError: batch_norm: needs at least 2 axes": "channels are the second axis",
}
REFUSED = REFUSED_EVERYWHERE | {
    "ShapeError: squeeze: axis": "the Array API refuses to squeeze an axis that is longer than 1",
    "ShapeError: nonzero: a 0-d": "the Array API refuses it",
    "AxisError: concat: axis 1 is outside an array of 1": "PyTorch skips vectors of length 0, whatever the others are",
}
"""Mistakes to us, and calls to PyTorch."""


NO_AXES = ("outside an array of 0 dimensions", "a 0-d array has no order")
