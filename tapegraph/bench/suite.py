"""Workloads as they are found in files: a docstring, CASES, ``start``, ``work`` and one builder per contender."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

from tapegraph.bench.worker import load

FOLDER = Path(__file__).parent / "workloads"
SUITES = ("quick", "all")


@dataclass(frozen=True)
class Workload:
    """One case of a file: ``options`` are what ``start`` and the builders are given."""

    name: str
    file: str
    options: dict[str, Any]
    module: ModuleType

    @property
    def caption(self) -> str:
        return (self.module.__doc__ or "").strip().splitlines()[0]

    @property
    def target(self) -> float | None:
        """The ratio of the fastest peer's time to ours that it is to reach, if there is one."""
        return self.options.get("target")

    def start(self, seed: int = 0) -> tuple[dict[str, Any], list[tuple[Any, ...]]]:
        """First parameters by name and the batches, the same for every contender."""
        found: tuple[dict[str, Any], list[tuple[Any, ...]]] = self.module.start(
            self.options, np.random.default_rng(seed)
        )
        return found

    def work(self) -> dict[str, float]:
        """``flops`` of matrix products and ``bytes`` that must pass between memory and processor, in one call."""
        count = getattr(self.module, "work", None)
        return {} if count is None else count(self.options)


def in_file(path: Path) -> list[Workload]:
    """The workloads of a file. Raises ValueError where it is none."""
    module = load(str(path))
    missing = [name for name in ("CASES", "start", "tapegraph") if not hasattr(module, name)]
    if missing:
        raise ValueError(f"{path} is no workload: it has no {', no '.join(missing)}")
    return [Workload(name, str(path), {"name": name, **case}, module) for name, case in module.CASES.items()]


def shipped() -> list[Workload]:
    """Every workload that comes with the package."""
    return [w for path in sorted(FOLDER.glob("*.py")) if path.stem != "__init__" for w in in_file(path)]


def chosen(suite: str, names: Iterable[str]) -> list[Workload]:
    """The workloads of a suite, or those named: by a whole name, by its beginning, or by a file. Raises ValueError."""
    known, found = shipped(), []
    names = list(names)
    if not names:
        return [w for w in known if suite == "all" or w.options.get("quick")]
    for name in names:
        if name.endswith(".py"):
            if not Path(name).is_file():
                raise ValueError(f"there is no file {name}")
            found += in_file(Path(name))
            continue
        alike = [w for w in known if w.name == name] or [w for w in known if w.name.startswith(name)]
        if not alike:
            raise ValueError(f"there is no workload {name!r}; choose from {', '.join(w.name for w in known)}")
        found += alike
    return found
