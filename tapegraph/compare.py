"""tg.compare: one function of the user's in both modes, by turns, from the same states and arguments."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from tapegraph.comparison.figures import Comparison
from tapegraph.comparison.measurement import Measurement, Settings


def compare(
    fn: Callable[..., Any],
    *args: Any,
    batches: Iterable[Any] | None = None,
    epochs: int = 1,
    states: Iterable[Any] | None = None,
    evaluate: Callable[[], float] | None = None,
    score_name: str = "score",
    tolerance: float | None = None,
    threads: int = 1,
    peers: Mapping[str, Callable[..., Any]] | None = None,
    faults: bool = True,
    profile: bool = True,
    scene: bool = True,
    seconds: float = 15.0,
    progress: Callable[[str, float], None] | None = None,
    title: str = "",
) -> Comparison:
    """Run ``fn(*args)`` in eager and in static mode and find out what compiling buys, what it costs, and when it pays.

    ``fn``: a function, method, module or training step, decorated with ``tg.function`` or not; it may return anything or
    nothing. ``args``: tensors, NumPy arrays, nests of them, or Python values; each mode gets copies. ``batches``: several
    calls instead, each a tuple of arguments (a single one may stand alone) that follow ``args``, or a DataLoader, which is
    asked anew for each of the ``epochs``; batches of several sizes show what is compiled again. ``states``: what ``fn``
    changes (modules, optimizers, states); None means all that it can reach. Each mode has its own copy, all start equal,
    and afterwards the originals are as before. ``evaluate``: a score, taken in each mode after the last batch.

    ``tolerance``: how far results, states and gradients may be apart, relative to the largest element of each, by default
    1e-9 for float64 and 1e-4 for float32; more is allowed where a last bit changed at the start grows farther.
    ``threads``: of both BLAS libraries, of static mode and of PyTorch. ``peers``: the same work elsewhere, as
    ``{"torch": step_in_torch}``; arguments become the framework's that the name begins with (torch, jax, else NumPy arrays), and where
    it ends with "compile" or "jit" (``"torch.compile"``, ``"jax.jit"``) the function is compiled by it first.

    ``faults``: inject mistakes into ``fn`` and see what each mode says. ``profile``, ``scene``: time by line and
    operation; the graphs. ``seconds``: about how long all of it may take. ``progress``: called with what begins and the share done.

    The result prints as tables and has ``verdict``, ``to_json()`` and ``save("report.html")``. Where static mode cannot
    run ``fn``, ``failed["static"]`` holds its error and the rest is reported. Raises what ``fn`` raises in eager mode, and
    ArgumentError where there is nothing to run.
    """
    settings = Settings(
        batches=batches,
        epochs=epochs,
        states=states,
        evaluate=evaluate,
        score_name=score_name,
        tolerance=tolerance,
        threads=threads,
        peers=dict(peers or {}),
        faults=faults,
        profile=profile,
        scene=scene,
        seconds=seconds,
        title=title,
    )
    return Measurement(fn, args, settings, progress).run()
