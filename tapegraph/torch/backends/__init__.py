"""torch.backends: none of them is here; settings are accepted."""

from __future__ import annotations

import sys
from types import SimpleNamespace


def _no() -> bool:
    return False


cuda = SimpleNamespace(is_built=_no, matmul=SimpleNamespace(allow_tf32=False), enable_flash_sdp=lambda enabled: None)
cudnn = SimpleNamespace(
    is_available=_no, enabled=False, benchmark=False, deterministic=True, allow_tf32=False, version=lambda: None
)
mps = SimpleNamespace(is_available=_no, is_built=_no)
mkl = mkldnn = openmp = SimpleNamespace(is_available=_no, enabled=False)
__all__ = ["cuda", "cudnn", "mkl", "mkldnn", "mps", "openmp"]

sys.modules[f"{__name__}.cudnn"] = cudnn  # type: ignore[assignment]
