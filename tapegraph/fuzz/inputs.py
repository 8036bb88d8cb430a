"""What random programs are called with: expressions for arrays of all dtypes, shapes and layouts, and for wrong ones."""

from __future__ import annotations

import random
from dataclasses import dataclass

SIZES = (0, 1, 2, 3, 4, 5)
DTYPES = ("float32",) * 5 + ("float64",) * 3 + ("int64",) * 3 + ("int32", "int8", "uint8", "bool", "bool", "uint32")
SPECIAL = "0.0, -0.0, 1.0, -1.0, np.nan, np.inf, -np.inf, 1e-40, 1e30, 0.5, 2.5, -3.5"


@dataclass(frozen=True)
class Kind:
    """An input in all calls: ``shape`` in numbers and letters that stand for sizes, which change from call to call."""

    dtype: str
    shape: tuple[int | str, ...]
    layout: str  # "", "T", "reversed" or "strided"
    values: str  # "uniform", "whole", "special"
    seed: int

    def expression(self, sizes: dict[str, int], rng_seed: int) -> str:
        """The array as an expression of NumPy's."""
        shape = tuple(sizes[n] if isinstance(n, str) else n for n in self.shape)
        made, after = shape, ""
        if self.layout == "T" and len(shape) > 1:
            made, after = shape[::-1], ".T"
        elif self.layout == "reversed" and shape:
            after = "[::-1]"
        elif self.layout == "strided" and shape:
            made, after = (*shape[:-1], 2 * shape[-1]), "[..., ::2]"
        rng = f"np.random.default_rng({self.seed + rng_seed})"
        if self.dtype == "bool":
            return f"({rng}.random({made}) < 0.5){after}" if made else f"np.array({rng}.random() < 0.5)"
        if self.values == "special":
            return f"{rng}.choice(np.array([{SPECIAL}], {self.dtype!r}), {made}){after}"
        low = 0 if self.dtype.startswith("u") else -3
        drawn = f"{rng}.integers({low}, 4, {made})"
        if self.dtype.startswith("float") and self.values == "uniform":
            drawn = f"{rng}.uniform(-2, 2, {made})"
        return f"{drawn}.astype({self.dtype!r}){after}" if made else f"np.array({drawn}, {self.dtype!r})"


def shape(rng: random.Random, letters: str = "nm") -> tuple[int | str, ...]:
    """A shape of numbers and letters."""
    rank = rng.choice((0, 1, 1, 2, 2, 2, 3))
    return tuple(rng.choice((*letters, *letters, *letters, 1, 2, 3, 4)) for _ in range(rank))


def kind(rng: random.Random) -> Kind:
    """An input at random."""
    dtype = rng.choice(DTYPES)
    values = (
        "special" if rng.random() < 0.04 and dtype.startswith("float") else rng.choice(("uniform", "uniform", "whole"))
    )
    layout = rng.choice(("", "", "", "T", "reversed", "strided"))
    return Kind(dtype, shape(rng), layout, values, rng.randrange(1000))


def sizes(rng: random.Random, first: bool) -> dict[str, int]:
    """Numbers for the letters; in the first call none of them is 0 or 1, mostly."""
    usual = (2, 3, 4, 5) if first and rng.random() < 0.85 else SIZES
    return {letter: rng.choice(usual) for letter in "nm"}


WRONG = (
    '"text"',
    "None",
    "3",
    "2.5",
    "[1.0, 2.0]",
    "np.ones((2, 3, 2), 'float32')",
    "np.ones((7,), 'int64')",
    "np.float32(2)",
)


def wrong(rng: random.Random) -> str:
    """Something that is probably not what a call should be made with."""
    return rng.choice(WRONG)
