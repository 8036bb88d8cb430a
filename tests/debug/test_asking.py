"""Python that needs a value of a graph: the error's code, pasted in place of the lines it names, runs and means the same."""

import importlib.util
import linecache

import numpy as np
import pytest

import tapegraph as tg
from engine import tree
from graph.reference import run
from tapegraph.tracing import trace_call
from tests.debug.asking_programs import HEAD, HINDERED, PROGRAMS


def load(path):
    linecache.checkcache(str(path))
    spec = importlib.util.spec_from_file_location(f"asking_{path.stem}_{path.stat().st_mtime_ns}", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.f


def paste(path, advice):
    lines = path.read_text().split("\n")
    lines[advice.first - 1 : advice.last] = advice.code.split("\n")
    path.write_text("\n".join(lines))


def values(found):
    return [np.array(v) for v in tree.leaves([found])]


def static(function, argument):
    traced = trace_call(function, (argument,), {}, lambda name: None)
    name = traced.graph.inputs[0].attrs["name"]
    return run(traced.graph, {name: argument}).outputs


@pytest.mark.parametrize(("name", "arguments", "source"), PROGRAMS, ids=[p[0] for p in PROGRAMS])
def test_the_code_to_paste_means_the_same(tmp_path, name, arguments, source):
    path = tmp_path / f"{name}.py"
    path.write_text(HEAD + source)
    wanted = [values(load(path)(tg.asarray(a))) for a in arguments]
    for round in range(8):
        try:
            for argument in arguments:
                static(load(path), argument)
            break
        except tg.errors.SymbolError as error:
            assert error.advice is not None and not error.advice.hinders and error.advice.code, error
            paste(path, error.advice)
    else:
        raise AssertionError("still asks for values:\n" + path.read_text())
    assert round > 0, "the program asks for nothing"
    for argument, want in zip(arguments, wanted, strict=True):
        for found in (static(load(path), argument), values(load(path)(tg.asarray(argument)))):
            assert len(found) == len(want)
            for a, b in zip(found, want, strict=True):
                np.testing.assert_allclose(a, b, rtol=1e-5, err_msg=path.read_text())


@pytest.mark.parametrize(("name", "arguments", "source", "why"), HINDERED, ids=[p[0] for p in HINDERED])
def test_what_cannot_be_rewritten_says_why(tmp_path, name, arguments, source, why):
    path = tmp_path / f"{name}.py"
    path.write_text(HEAD + source)
    with pytest.raises(tg.errors.SymbolError) as caught:
        tg.compile(load(path))(*arguments)
    assert any(why in hinder for hinder in caught.value.advice.hinders), caught.value
    assert why in str(caught.value)


def test_without_a_source_there_is_a_sentence():
    space = {"tg": tg}
    exec("def f(x):\n    if tg.sum(x) > 3:\n        return x\n    return -x\n", space)
    with pytest.raises(tg.errors.SymbolError, match=r"choose with where") as caught:
        tg.compile(space["f"])(np.ones(3, np.float32))
    assert caught.value.advice is None


def test_a_module_without_a_function(tmp_path):
    path = tmp_path / "script.py"
    source = "with tg.static() as g:\n    x = g.input('x', shape=(3,))\n    if tg.sum(x) > 3:\n        x = x * 2\n    y = g.compile(x)\n"
    path.write_text(HEAD + source + "f = y\n")
    with pytest.raises(tg.errors.SymbolError) as caught:
        load(path)
    paste(path, caught.value.advice)
    f = load(path)
    assert f(np.ones(3, np.float32) * 2).numpy().tolist() == [4, 4, 4]
    assert f(np.ones(3, np.float32)).numpy().tolist() == [1, 1, 1]


def test_inside_vmap_the_same_code_is_advised(tmp_path):
    path = tmp_path / "mapped.py"
    path.write_text(HEAD + "def g(x):\n    if tg.sum(x) > 3:\n        x = x * 2\n    return x\n\n\nf = tg.vmap(g)\n")
    batch = np.array([[1, 2, 3], [0, 0, 1]], np.float32)
    with pytest.raises(tg.errors.SymbolError, match="whole batch") as caught:
        load(path)(batch)
    paste(path, caught.value.advice)
    assert load(path)(batch).numpy().tolist() == [[2, 4, 6], [0, 0, 1]]


@pytest.mark.slow
def test_the_code_to_paste_compiles(tmp_path):
    for name, arguments, source in PROGRAMS[::6]:
        path = tmp_path / f"{name}.py"
        path.write_text(HEAD + source)
        wanted = values(load(path)(tg.asarray(arguments[0])))
        for _ in range(8):
            try:
                found = values(tg.compile(load(path))(arguments[0]))
                break
            except tg.errors.SymbolError as error:
                paste(path, error.advice)
        for a, b in zip(found, wanted, strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-5)
