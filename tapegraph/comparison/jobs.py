"""What the command line compares: a function of a script's or the digits; made here, and in new processes from plain data."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict
from typing import Any

from tapegraph.comparison.figures import Start
from tapegraph.comparison.measurement import Measurement, Settings
from tapegraph.comparison.script import ScriptError, Target, load
from tapegraph.comparison.starts import starts_in_processes

Progress = Callable[[str, float], None]

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


def script(target: Target, settings: Settings, peers: Mapping[str, str], progress: Progress) -> Measurement:
    """The comparison of a function of a script's; ``peers``: places of the same work by name. Raises ScriptError."""
    progress(f"importing {target.script}", 0.0)
    began = time.perf_counter()
    loaded = load(target)
    took = time.perf_counter() - began
    settings.batches = loaded.batches
    settings.title = target.place
    settings.peers = {name: load(Target(place, args=target.args)).function for name, place in peers.items()}
    measurement = Measurement(loaded.function, loaded.args, settings, progress)
    if took <= QUICK:
        settings.starts = _in_processes({"script": asdict(target)}, settings.threads, measurement)
    else:
        measurement.found.notes.append(
            f"Importing {target.script} took {took:.0f} s, so compiling was measured in this process, not in new ones."
        )
    return measurement


def _in_processes(job: dict[str, Any], threads: int, measurement: Measurement) -> Callable[[], Iterator[Start]]:
    def starts() -> Iterator[Start]:
        try:
            yield from starts_in_processes(job, threads)
        except RuntimeError as failed:
            measurement.found.notes.append(f"Compiling was measured in this process: {failed}.")
            yield from measurement.starts_here()

    return starts


def digits(chosen: dict[str, Any], settings: Settings, progress: Progress) -> Measurement:
    """The comparison on handwritten digits; ``chosen``: model, batch_size, seed, dtype. Raises ScriptError."""
    from tapegraph.comparison.digits import MODELS, job, training_size

    size = chosen.get("batch_size", 32)
    if size > training_size():
        raise ScriptError(f"--batch-size: {size} is more than the {training_size()} images there are to train on")
    known = {**chosen, "epochs": settings.epochs}
    task = job(**known)
    settings.batches, settings.evaluate = task.batches, task.evaluate
    settings.score_name = f"accuracy on {task.held_out} digits"
    settings.title = f"training step of {MODELS[chosen.get('model', 'mlp')].text} on handwritten digits"
    measurement = Measurement(task.step, (), settings, progress)
    measurement.found.settings |= {"model": "mlp", "batch_size": 32, "seed": 0, "dtype": "float32", **chosen}
    settings.starts = _in_processes({"digits": known}, settings.threads, measurement)
    return measurement
