"""torch.optim.swa_utils: the schedule of stochastic weight averaging."""

from __future__ import annotations

from tapegraph.optim import swa_utils as _ours
from tapegraph.torch.optim.lr_scheduler import schedule

SWALR = schedule("SWALR", _ours.SWALR)
__all__ = ["SWALR"]
