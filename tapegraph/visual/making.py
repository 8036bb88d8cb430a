"""Scenes of what a person may want to see: a function's call in both modes, a tape, a graph."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from types import MethodType
from typing import TYPE_CHECKING, Any

from eager.tensor import Tensor
from engine import level, tree
from engine.errors import ArgumentError, TapegraphError
from graph.graph import Graph
from graph.reference import solve_sizes
from tapegraph.debug.entries import fresh
from tapegraph.define import Compiled, Definition
from tapegraph.function import Function
from tapegraph.tracing import argument_arrays, trace_call
from tapegraph.visual.measures import Call, Measured, checked
from tapegraph.visual.modules import Names, variables
from tapegraph.visual.scene import Scene
from tapegraph.visual.static import Static
from tapegraph.visual.tape import tape_of
from tapegraph.visual.taping import taken
from tapegraph.visual.twins import twins
from tapegraph.visual.writing import Places

if TYPE_CHECKING:
    from compiler.plan import Plan

FAMILIES = ("both", "eager", "static")


def scene_of(what: Any, *args: Any, modes: str = "both", measures: Sequence[str] = (), **kwargs: Any) -> Scene:
    """The scene of something.

    ``what``: a function, a ``tg.function`` or a training step with the arguments of a call, which is made once in each mode
    (states and gradients are afterwards as they were, effects are left out); a ``tg.function`` called in static mode before,
    without arguments: its latest version; an eager Tensor or a structure of them: the tape behind; a ``Graph``; a compiled
    graph, or a ``Definition`` with the outputs asked for; anything that has a ``scene``. ``modes``: of a call, "eager",
    "static" or "both". ``measures``: of a call, some of "seconds", "bytes" (of results), "flops", "error" (from the same graph
    in float64, in ulp of a value's largest element) and "divergence" (of the modes, relative to it); they cost calls. Raises ArgumentError for anything else, and what the call raises.
    """
    if modes not in FAMILIES:
        raise ArgumentError(f"there is no {modes!r} of a call", op="visualize", fix=f"use one of {', '.join(FAMILIES)}")
    if isinstance(what, Scene):
        return what
    if isinstance(getattr(what, "scene", None), Scene):
        return what.scene  # type: ignore[no-any-return]
    if isinstance(what, Graph):
        return _of_graph("a graph", what, Names(), "rounding", True, {})
    if isinstance(what, Compiled):
        return _of_graph("a compiled graph", what.traced, Names(), what.calls.check.fidelity, True, {})
    if isinstance(what, Definition):
        return _of_graph("a graph", what.graph(args), Names(), what.fidelity, True, {})
    if (tensors := _tensors(what)) and not args:
        places = Places()
        tape = tape_of(tensors, places)
        return Scene("the tape", [tape.stage()], places.found)
    if callable(what):
        return _of_call(what, args, kwargs, modes, checked(measures))
    raise ArgumentError(
        f"there is no picture of a {type(what).__name__}",
        op="visualize",
        fix="give a function with the arguments of a call, a tensor that gradients flow to, or a graph",
    )


def _tensors(what: Any) -> list[Tensor]:
    leaves = [what] if isinstance(what, Tensor) else tree.leaves(what) if isinstance(what, list | tuple | dict) else []
    return leaves if leaves and all(isinstance(leaf, Tensor) for leaf in leaves) else []


def _of_call(
    fn: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any], modes: str, measures: tuple[str, ...]
) -> Scene:
    if isinstance(fn, MethodType) and isinstance(fn.__func__, Function):
        fn, args = fn.__func__, (fn.__self__, *args)
    function = fn if isinstance(fn, Function) else Function(fn, always=True)
    if not args and not kwargs and any(function.versions.values()):
        version = function._latest()
        names = Names(variables(function.body, (), {}), function.body)
        return _of_graph(function.__name__, version.graph, names, function.fidelity, function.phases, {})
    _check(function, args, kwargs)
    names, places = Names(variables(function.body, args, kwargs), function.body), Places()
    scene = Scene(function.__name__, [], places.found)
    call = Call(lambda: function.body(*map(_fresh, args), **{k: _fresh(v) for k, v in kwargs.items()}), (), {})
    if modes != "static":
        call.tape = taken(function.body, args, kwargs, names, places)
        scene.stages.append(call.tape.stage())
    if modes != "eager":
        try:
            _traced(call, function, args, kwargs, names, places)
        except TapegraphError as mistake:
            if modes == "static" or not scene.stages:
                raise
            (eager,) = scene.stages
            said = str(mistake).splitlines()[0]
            scene.stages[0] = replace(eager, caption=f"{eager.caption}; static mode cannot trace it: {said}")
    if call.static is not None:
        plan = _compiled(scene, call.static, function.fidelity, function.phases, call.sizes)
        if plan is not None and set(measures) & {"seconds", "error", "divergence"}:
            from compiler.runtime import Program  # compiles what is not compiled yet

            call.program = Program(plan, call.static.traced)
    if measures:
        Measured(call, measures).write(scene)
    return scene


def _traced(
    call: Call, function: Function, args: tuple[Any, ...], kwargs: dict[str, Any], names: Names, places: Places
) -> None:
    """Add the graph of a call, traced for the picture."""
    given, named = tuple(map(_fresh, args)), {k: _fresh(v) for k, v in kwargs.items()}
    with level.level("off"):
        graph = trace_call(function.body, given, named, function.pinned, function.literal).graph
    call.arrays = [a for _, a in argument_arrays(function.body, given, named)]
    shapes = {r.attrs["name"]: a.shape for r, a in zip(graph.inputs, call.arrays, strict=True)}
    call.sizes = solve_sizes(graph, shapes)
    call.static = Static(graph, names, places)
    if call.tape is not None:
        call.static.twins = twins(call.tape, call.static)


def _fresh(value: Any) -> Any:
    return tree.map_tree(fresh, value)


def _check(function: Function, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> None:
    try:
        signature = inspect.signature(function.body)
    except (TypeError, ValueError):
        return
    try:
        signature.bind(*args, **kwargs)
    except TypeError as mistake:
        given = "no arguments" if not args and not kwargs else "these arguments"
        raise ArgumentError(
            f"{function.__name__} cannot be called with {given}: {mistake}",
            op="visualize",
            fix=f"give the arguments of a call, visualize({function.__name__}, ...)"
            + ("" if args or kwargs else ', or call it first inside tg.mode("static")'),
        ) from None


def _of_graph(title: str, graph: Graph, names: Names, fidelity: str, phases: bool, sizes: Mapping[str, int]) -> Scene:
    places = Places()
    scene = Scene(title, [], places.found)
    _compiled(scene, Static(graph, names, places), fidelity, phases, sizes)
    return scene


def _compiled(scene: Scene, static: Static, fidelity: str, phases: bool, sizes: Mapping[str, int]) -> Plan | None:
    """Add the stages of a static graph, up to its plan; that one, where there is any."""
    from tapegraph.visual.plans import plan_stage, planned  # numba comes in only where something is compiled

    scene.stages += static.stages(fidelity, phases)
    if fidelity == "bitwise":  # each op is computed by its NumPy kernel
        return None
    found = planned(static.graph, fidelity, phases, sizes)
    scene.stages.append(plan_stage(static, found))
    scene.kernels |= found.kernels
    return found.plan
