"""Peers: the user's callables for the same work in other frameworks, timed in the same turns."""

from __future__ import annotations

import contextlib
import importlib
import re
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from engine import tree
from tapegraph.bench.process import Absent, Failed
from tapegraph.comparison.agreement import Moment, difference, outputs, size
from tapegraph.comparison.figures import Peer
from tapegraph.comparison.lane import Batch, Timed, samples

TOLERANCE = 1e-3  # relative to the largest element, as in ``tapegraph bench``


class Framework:
    """How a framework takes arrays, waits for results, gives them back and compiles. This one is NumPy."""

    module = "numpy"

    def __init__(self) -> None:
        self.imported: Any = importlib.import_module(self.module)
        self.version = str(self.imported.__version__)

    def array(self, value: Any) -> Any:
        return value

    def wait(self, result: Any) -> None:
        """Return when a result is there."""

    def host(self, value: Any) -> Any:
        return value

    def compiled(self, function: Callable[..., Any]) -> Callable[..., Any]:
        return function


class Torch(Framework):
    """PyTorch: ``torch.compile`` where the peer's name ends so."""

    module = "torch"

    def array(self, value: Any) -> Any:
        return self.imported.from_numpy(value)

    def host(self, value: Any) -> Any:
        return value.detach().cpu().numpy() if hasattr(value, "detach") else value

    def compiled(self, function: Callable[..., Any]) -> Callable[..., Any]:
        made: Callable[..., Any] = self.imported.compile(function)
        return made


class Jax(Framework):
    """JAX: ``jax.jit`` where the peer's name ends so; every call is waited for."""

    module = "jax"

    def array(self, value: Any) -> Any:
        return self.imported.numpy.asarray(value)

    def wait(self, result: Any) -> None:
        self.imported.block_until_ready(result)

    def host(self, value: Any) -> Any:
        return np.asarray(value) if hasattr(value, "__array__") else value

    def compiled(self, function: Callable[..., Any]) -> Callable[..., Any]:
        made: Callable[..., Any] = self.imported.jit(function)
        return made


FRAMEWORKS: dict[str, type[Framework]] = {kind.module: kind for kind in (Torch, Jax)}
COMPILED = re.compile(r"\b(compile|jit)$")


def framework(name: str) -> type[Framework]:
    """The framework that a peer's name begins with; one of no known framework takes NumPy arrays."""
    known = re.match(r"[A-Za-z]+", name)
    return FRAMEWORKS.get(known[0].lower(), Framework) if known else Framework


class Contender(Timed):
    """A peer that takes turns. ``failed``: it takes none, and ``peer.note`` says why."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.peer = Peer(name)
        self.failed = False

    def begin(self, rows: Sequence[Batch], eager: Moment) -> None:
        """Make the first call."""
        raise NotImplementedError

    def compare(self, found: Sequence[Any], wanted: Sequence[Any]) -> None:
        """Note whether the arrays of a first call are those of eager mode's."""
        if len(found) != len(wanted):
            self.peer.agrees = False
            self.peer.note = f"it returns {len(found)} arrays, eager mode {len(wanted)}"
            return
        if not wanted:
            self.peer.note = "nothing is returned, so agreement was not checked"
            return
        self.peer.difference = max(difference(a, b) / (size(b) or 1.0) for a, b in zip(found, wanted))
        self.peer.agrees = self.peer.difference <= TOLERANCE
        if not self.peer.agrees:
            self.peer.note = "it computes something else than eager mode does in the first call"

    @contextlib.contextmanager
    def noting(self) -> Iterator[None]:
        """What goes wrong becomes a note, and the peer is out."""
        try:
            yield
        except (ImportError, Absent) as missing:
            self.failed, self.peer.note = True, f"absent: {missing}"
        except Failed as failed:  # with the traceback of another process
            self.failed, self.peer.note = True, f"failed: {str(failed).strip().splitlines()[-1]}"
        except Exception as error:
            text = str(error).strip().splitlines() or [""]
            self.failed, self.peer.note = True, f"failed: {type(error).__name__}: {text[0]}"

    def close(self) -> None:
        """Let go of what it holds."""


class PeerLane(Contender):
    """A callable of the user's in this process."""

    def __init__(self, name: str, function: Callable[..., Any]) -> None:
        super().__init__(name)
        self._given: dict[int, Batch] = {}
        with self.noting():
            self.framework = framework(name)()
            self.peer.version = self.framework.version
            self.step = self.framework.compiled(function) if COMPILED.search(name) else function

    def arguments(self, row: Batch) -> Batch:
        """A row in the framework's own arrays, made once."""
        if id(row) not in self._given:
            self._given[id(row)] = converted(row, self.framework.array)
        return self._given[id(row)]

    def begin(self, rows: Sequence[Batch], eager: Moment) -> None:
        """The first call, and whether it agrees with that of eager mode."""
        with self.noting():
            given = self.arguments(rows[0])
            started = time.perf_counter()
            result = self.step(*given)
            self.framework.wait(result)
            self.first = self.peer.first_call = time.perf_counter() - started
            found = [value for _, value in outputs(tree.map_tree(self.framework.host, result))]
            self.compare(found, list(eager.results.values()))

    def run(self, rows: Sequence[Batch]) -> None:
        """One call for each row, timed as one turn; of several the first is not timed, as in the modes."""
        step, wait, clock = self.step, self.framework.wait, time.perf_counter
        given = [self.arguments(row) for row in rows]
        turn: list[tuple[int, float]] = []
        with self.noting():
            for row in given:
                started = clock()
                wait(step(*row))
                turn.append((samples(row), clock() - started))
            self.calls += len(rows)
            self.turns.append(turn[len(turn) > 1 :])


def converted(value: Any, array: Callable[[Any], Any]) -> Any:
    """A nest with its tensors and NumPy arrays, copied, in the arrays of a framework."""
    value = tree.held(value)
    if isinstance(value, Mapping):
        return {key: converted(part, array) for key, part in value.items()}
    if isinstance(value, tuple) and hasattr(value, "_fields"):
        return type(value)(*(converted(part, array) for part in value))
    if isinstance(value, list | tuple):
        return type(value)(converted(part, array) for part in value)
    return array(np.array(value)) if hasattr(value, "__array__") and not isinstance(value, np.generic) else value


@contextlib.contextmanager
def threads_of_peers(peers: Mapping[str, Any], count: int) -> Iterator[None]:
    """PyTorch computes with ``count`` threads inside the block, where it is among the peers and installed."""
    torch = None
    if any(framework(name) is Torch for name in peers):
        with contextlib.suppress(ImportError):
            torch = importlib.import_module("torch")
    before = torch.get_num_threads() if torch is not None else count
    if torch is not None:
        torch.set_num_threads(count)
    try:
        yield
    finally:
        if torch is not None:
            torch.set_num_threads(before)
