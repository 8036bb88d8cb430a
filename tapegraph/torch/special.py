"""torch.special: special functions that are also functions of torch."""

from __future__ import annotations

from typing import Any

from tapegraph.torch.methods import SPELLINGS
from tapegraph.torch.nn.functional import FUNCTIONS

_NAMES = {
    "expit": "sigmoid",
    "erf": "erf",
    "erfc": "erfc",
    "erfinv": "erfinv",
    "exp2": "exp2",
    "expm1": "expm1",
    "log1p": "log1p",
}
_NAMES |= {
    "logit": "logit",
    "logsumexp": "logsumexp",
    "sinc": "sinc",
    "xlogy": "xlogy",
    "gammaln": "lgamma",
    "digamma": "digamma",
    "psi": "digamma",
}


def __getattr__(name: str) -> Any:
    if _NAMES.get(name) in SPELLINGS:
        return SPELLINGS[_NAMES[name]].function
    if name in ("softmax", "log_softmax"):
        return FUNCTIONS[name]
    raise AttributeError(f"tapegraph.torch.special has no {name!r}")
