"""What the command line compares: a function of a script's or the digits; made here, and in new processes from plain data."""

from __future__ import annotations

import inspect
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

from tapegraph.comparison.figures import Start
from tapegraph.comparison.measurement import Measurement, Settings
from tapegraph.comparison.script import Loaded, ScriptError, Target, load
from tapegraph.comparison.starts import starts_in_processes
from tapegraph.comparison.workers import Worker

Progress = Callable[[str, float], None]

HERE = Path(__file__).parent
QUICK = 3.0  # seconds that a script may take to import, if new processes are to import it again


def made(job: dict[str, Any]) -> tuple[Callable[..., Any], tuple[Any, ...]]:
    """The function and arguments of ``{"digits": settings}`` or ``{"script": the fields of a Target}``."""
    if "digits" in job:
        from tapegraph.comparison import digits

        task = digits.job(**job["digits"])
        return task.step, tuple(next(iter(task.batches)))
    loaded = load(Target(**job["script"]))
    if loaded.batches is None:
        return loaded.function, loaded.args
    batch = next(iter(loaded.batches))
    return loaded.function, (*loaded.args, *(batch if isinstance(batch, tuple | list) else (batch,)))


def script(
    target: Target, settings: Settings, peers: Mapping[str, str], facade: Sequence[str], progress: Progress
) -> Measurement:
    """The comparison of a function of a script's. Raises ScriptError.

    ``peers``: places of the same work by name. ``facade``: names of peers that are to run the script itself.
    """
    progress(f"importing {target.script}", 0.0)
    began = time.perf_counter()
    loaded = load(target)
    took = time.perf_counter() - began
    settings.batches = loaded.batches
    settings.title = target.place
    settings.peers = {name: load(Target(place, args=target.args)).function for name, place in peers.items()}
    settings.workers = [_facade(name, target, loaded, settings.threads) for name in facade]
    measurement = Measurement(loaded.function, loaded.args, settings, progress)
    if took <= QUICK:
        settings.starts = _in_processes({"script": asdict(target)}, settings.threads, measurement)
    else:
        measurement.found.notes.append(
            f"Importing {target.script} took {took:.0f} s, so compiling was measured in this process, not in new ones."
        )
    return measurement


def _facade(name: str, target: Target, loaded: Loaded, threads: int) -> Worker:
    """PyTorch running the script itself, where that is written in PyTorch's words."""
    modules = {}
    for label, value in vars(loaded.module).items():
        if hasattr(value, "state_dict") and hasattr(value, "named_parameters"):
            modules[label] = value
        elif not inspect.ismodule(value) and not inspect.isclass(value):
            inner = getattr(value, "__dict__", {}).items()
            modules |= {f"{label}.{key}": part for key, part in inner if hasattr(part, "named_parameters")}
    params = {key: _weights(part) for key, part in modules.items()}
    case = {"script": str(Path(target.script).resolve()), "function": target.function}
    made = Worker(name, HERE / "facade_peer.py", case, params, threads)
    if not _imports_facade(loaded.module) or not name.startswith("torch"):
        return made.out(
            f"{target.script} is not written for it; give its own function with --peer {name}=FILE.py:FUNCTION"
        )
    return made


def _imports_facade(module: ModuleType) -> bool:
    return "tapegraph.torch" in Path(module.__file__ or "").read_text(encoding="utf-8")


def _in_processes(job: dict[str, Any], threads: int, measurement: Measurement) -> Callable[[], Iterator[Start]]:
    def starts() -> Iterator[Start]:
        try:
            yield from starts_in_processes(job, threads)
        except RuntimeError as failed:
            measurement.found.notes.append(f"Compiling was measured in this process: {failed}.")
            yield from measurement.starts_here()

    return starts


def _weights(model: Any) -> dict[str, Any]:
    return {name: np.array(value) for name, value in model.state_dict().items()}


def digits(chosen: dict[str, Any], settings: Settings, peers: Sequence[str], progress: Progress) -> Measurement:
    """The comparison on handwritten digits, beside ``peers``; ``chosen``: model, batch_size, seed, dtype. Raises ScriptError."""
    from tapegraph.comparison.digits import MODELS, job, training_size

    size = chosen.get("batch_size", 32)
    if size > training_size():
        raise ScriptError(f"--batch-size: {size} is more than the {training_size()} images there are to train on")
    known = {**chosen, "epochs": settings.epochs}
    task = job(**known)
    settings.batches, settings.evaluate = task.batches, task.evaluate
    settings.score_name = f"accuracy on {task.held_out} digits"
    settings.title = f"training step of {MODELS[chosen.get('model', 'mlp')].text} on handwritten digits"
    settings.workers = [
        Worker(name, HERE / "digits_peer.py", task.case, _weights(task.model), settings.threads) for name in peers
    ]
    measurement = Measurement(task.step, (), settings, progress)
    measurement.found.settings |= {"model": "mlp", "batch_size": 32, "seed": 0, "dtype": "float32", **chosen}
    settings.starts = _in_processes({"digits": known}, settings.threads, measurement)
    return measurement
