"""All calls of one op against PyTorch, counted."""

from __future__ import annotations

import contextlib
from collections import Counter
from dataclasses import dataclass, field

from tests.against_torch.comparing import ask_torch, difference, refined
from tests.against_torch.crossing import Foreign
from tests.against_torch.differences import GRADIENTS, RANDOM, SIGNS, by_design, on_purpose
from tests.against_torch.offered import ROUTES
from tests.against_torch.sampling import calls, ops


@dataclass
class Tally:
    """How the calls of one op went."""

    passed: int = 0
    left_out: int = 0
    """Calls that PyTorch refuses, or that hold what is not here by design."""
    failed: list[tuple[str, str]] = field(default_factory=list)
    """What was different, and in which call."""

    def reasons(self) -> list[tuple[str, str, int]]:
        """Each reason (numbers aside) with its first call and how often it came."""
        counted = Counter(_kind(r) for r, _ in self.failed)
        first = {_kind(r): (r, c) for r, c in reversed(self.failed)}
        return [(*first[k], n) for k, n in counted.most_common(4)]


def _kind(reason: str) -> str:
    return "".join(c for c in reason.split(", first ")[0] if not c.isdigit())[:60]


def check(key: str, route: str, dtype: str, most: int = 10, static: int = 0) -> Tally:
    """The first ``most`` calls of an op in one dtype, ``static`` of them compiled as well."""
    op = ops()[key]
    ours = ROUTES[route](key)
    tally = Tally()
    how = "random" if op.name in RANDOM else "signed" if op.name in SIGNS else ""
    gradients = op.supports_autograd and dtype.startswith("float")
    compiled = 0
    for call in calls(key, dtype, most):
        if by_design(key, route, call, dtype):
            tally.left_out += 1
            continue
        try:
            wanted = ask_torch(op, call, gradients and op.name not in GRADIENTS and key not in GRADIENTS)
        except Exception:  # PyTorch refuses it, or it holds what is foreign
            tally.left_out += 1
            continue
        try:
            said = difference(route, ours, call, wanted, how=how)
            if not said and compiled < static:
                compiled += 1
                said = difference(route, ours, call, wanted, static=True, how=how)
                said = f"static: {said}" if said else ""
        except Foreign:
            tally.left_out += 1
            continue
        if said and dtype == "float32" and "elements differ" in said:
            with contextlib.suppress(Exception):  # PyTorch's own float32 may be the one that is far off
                said = difference(route, ours, call, refined(op, call, wanted), how=how)
        if said and on_purpose(route, said, dtype):
            tally.left_out += 1
        elif said:
            tally.failed.append((said, f"{op.name}({call})"))
        else:
            tally.passed += 1
    return tally
