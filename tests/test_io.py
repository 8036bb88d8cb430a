"""Saving and loading: everything comes back, and a failure loses nothing."""

import os
import subprocess
import sys

import numpy as np
import pytest

import tapegraph as tg
from tapegraph import nn, optim

safetensors = pytest.importorskip("safetensors")


def same(a, b):
    if isinstance(a, dict):
        return a.keys() == b.keys() and list(a) == list(b) and all(same(a[k], b[k]) for k in a)
    if isinstance(a, list | tuple):
        return len(a) == len(b) and all(map(same, a, b))
    if isinstance(a, np.ndarray):
        return isinstance(b, np.ndarray) and a.dtype == b.dtype and a.shape == b.shape and np.array_equal(a, b)
    return type(a) is type(b) and a == b


def test_nested_values_come_back(tmp_path):
    value = {
        "z": np.arange(6, dtype=np.float32).reshape(2, 3),
        "a": {"b": [1, 2.5, None, True, "text", {"c": np.array(7)}], "empty": {}, "none": []},
        "a.b": np.float64([1]),
        "inf": float("inf"),
        "zero": np.zeros((0, 3)),
    }
    value["a"]["dots"] = {"b": np.ones(1)}
    value["a.dots"] = {"b": np.zeros(2)}
    for dtype in ("bool", "int8", "uint16", "int64", "uint64", "float16", "float64"):
        value[dtype] = np.array([[0, 1], [1, 0]], dtype)
    tg.save(value, tmp_path / "x")
    assert same(tg.load(tmp_path / "x"), value)


def test_strided_arrays_and_handles(tmp_path):
    x = np.arange(12.0).reshape(3, 4)
    tg.save(
        {"t": x.T, "s": x[::2, ::-1], "tensor": tg.asarray(x), "p": tg.Parameter(x), "n": np.float32(2)}, tmp_path / "x"
    )
    found = tg.load(tmp_path / "x")
    assert np.array_equal(found["t"], x.T) and np.array_equal(found["s"], x[::2, ::-1])
    assert np.array_equal(found["tensor"], x) and np.array_equal(found["p"], x) and found["n"].shape == ()
    tg.save(x, str(tmp_path / "bare"))
    assert np.array_equal(tg.load(str(tmp_path / "bare")), x)


def test_model_and_optimizer_round_trip(tmp_path):
    def make():
        model = nn.Sequential(nn.Linear(3, 4), nn.LayerNorm(4), nn.Linear(4, 1))
        return model, optim.AdamW(model.parameters(), lr=0.01, betas=(0.8, 0.9))

    (model, optimizer), (other, resumed) = make(), make()
    model(np.ones((2, 3), np.float32)).sum().backward()
    optimizer.step()
    tg.save({"model": model.state_dict(), "optimizer": optimizer.state_dict(), "epoch": 3}, tmp_path / "run")
    found = tg.load(tmp_path / "run")
    other.load_state_dict(found["model"])
    resumed.load_state_dict(found["optimizer"])
    assert found["epoch"] == 3 and same(other.state_dict(), model.state_dict())
    assert str(resumed.state_dict()) == str(optimizer.state_dict())


def test_the_files_are_plain_safetensors(tmp_path):
    from safetensors.numpy import load_file, save_file

    model = nn.Linear(2, 3)
    tg.save(model.state_dict(), tmp_path / "ours")

    assert set(load_file(tmp_path / "ours")) == {"weight", "bias"}
    save_file({"weight": np.ones((3, 2), np.float32), "bias": np.zeros(3, np.float32)}, tmp_path / "theirs")
    model.load_state_dict(tg.load(tmp_path / "theirs"))
    assert (model.weight.numpy() == 1).all()


@pytest.mark.parametrize("keep", [0, 5, 40, -1])
def test_a_truncated_file_is_told_and_loses_nothing(tmp_path, keep):
    path = tmp_path / "run"
    tg.save({"x": np.arange(100.0)}, path)
    whole = path.read_bytes()
    path.write_bytes(whole[:keep])
    with pytest.raises(tg.errors.ArgumentError, match="truncated or no safetensors file"):
        tg.load(path)
    assert path.read_bytes() == whole[:keep]


def test_a_failed_save_keeps_the_old_file(tmp_path, monkeypatch):
    path = tmp_path / "run"
    tg.save({"x": np.ones(3)}, path)
    with pytest.raises(tg.errors.ArgumentError, match=r"cannot save a function at a\.1"):
        tg.save({"a": [1, lambda: 0]}, path)
    monkeypatch.setattr(os, "replace", lambda *_: (_ for _ in ()).throw(OSError("disk full")))
    with pytest.raises(OSError, match="disk full"):
        tg.save({"x": np.zeros(3)}, path)
    monkeypatch.undo()
    assert tg.load(path)["x"].tolist() == [1, 1, 1] and os.listdir(tmp_path) == ["run"]


def test_mistakes(tmp_path):
    with pytest.raises(tg.errors.ArgumentError, match="keys must be strings"):
        tg.save({1: 2}, tmp_path / "x")
    with pytest.raises(FileNotFoundError):
        tg.load(tmp_path / "none")
    with pytest.raises(FileNotFoundError):
        tg.save({}, tmp_path / "no" / "folder")


def test_without_safetensors_the_way_out_is_told():
    code = (
        "import sys; sys.modules['safetensors'] = None\n"
        "import tapegraph as tg\n"
        "try: tg.save({}, 'x')\n"
        "except ImportError as e: print(e)"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert "pip install 'tapegraph[save]'" in out


def test_importing_the_package_stays_light():
    code = (
        "import sys, tapegraph, tapegraph.nn, tapegraph.optim, tapegraph.data, tapegraph.io, tapegraph.testing\n"
        "print([m for m in ('numba', 'scipy.special', 'rich', 'safetensors', 'networkx') if m in sys.modules])"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"
