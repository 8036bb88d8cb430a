"""Tensor as a person meets it: conversions without copies, immutability, rebinding, copies, printing."""

from __future__ import annotations

import copy
import pickle
import threading

import numpy as np
import pytest

import tapegraph as tg
from engine.errors import ArgumentError, DTypeError, GradientError, ShapeError
from engine.origin import resolve, user_frames


def test_numpy_is_a_read_only_view_that_holds_the_value():
    x = tg.tensor([1.0, 2.0])
    for view in (x.numpy(), np.asarray(x), x.__array__()):
        assert np.shares_memory(view, x._value) and view.base is x._value
        with pytest.raises(ValueError):
            view[0] = 5.0
    fresh = np.array(x)
    fresh[0] = 9.0
    assert x.tolist() == [1.0, 2.0]
    assert np.asarray(x, dtype=np.float64).dtype == np.float64
    with pytest.raises(ValueError):
        np.asarray(x, dtype=np.float64, copy=False)


def test_a_state_s_views_hold_its_array():
    s = tg.State([1.0, 2.0])
    for view in (s.numpy(), np.asarray(s), s.value.numpy(), s.value.T.numpy(), s.value.reshape(2, 1).numpy()):
        assert view.base is s._value and not view.flags.writeable


def test_a_state_owns_what_it_is_assigned():
    s = tg.State(np.zeros((2, 2), np.float32))
    for value in (tg.ones((4,)).reshape(2, 2), tg.ones((2, 2)).T, tg.broadcast_to(tg.ones((2,)), (2, 2))):
        s.assign(value)
        assert s._value.base is None and s._value.flags.c_contiguous and s._value.flags.writeable


def test_asarray_copies_numpy_unless_told_otherwise():
    a = np.ones(3, np.float32)
    assert not np.shares_memory(tg.asarray(a).numpy(), a)
    assert np.shares_memory(tg.asarray(a, copy=False).numpy(), a)


def test_asarray_dtypes():
    assert tg.asarray([1.0]).dtype == np.float32 and tg.asarray([1]).dtype == np.int64
    assert tg.asarray(True).dtype == np.bool_ and tg.asarray(np.float64(1)).dtype == np.float64
    assert tg.asarray([tg.tensor(1.0, dtype="float64")]).dtype == np.float64
    assert tg.asarray([[tg.tensor(1.0), tg.tensor(2.0)]]).tolist() == [[1.0, 2.0]]
    for wrong in ("abc", 1j, [None]):
        with pytest.raises(DTypeError):
            tg.asarray(wrong)
    with pytest.raises(ShapeError, match="ragged"):
        tg.asarray([[1], [1, 2]])


def test_dlpack_both_ways_without_a_copy():
    torch = pytest.importorskip("torch")
    x = tg.tensor([[1.0, 2.0], [3.0, 4.0]])
    assert torch.from_dlpack(x).data_ptr() == x._value.ctypes.data
    assert torch.from_dlpack(x.T).stride() == (1, 2)
    assert torch.from_dlpack(tg.broadcast_to(tg.ones((1,)), (3,))).tolist() == [1.0, 1.0, 1.0]
    t = torch.arange(4, dtype=torch.float64)
    y = tg.asarray(t)
    assert y.dtype == np.float64 and y._value.ctypes.data == t.data_ptr()
    assert tg.asarray(t, dtype="float32").dtype == np.float32
    assert np.from_dlpack(x).ctypes.data == x._value.ctypes.data


def test_indexing_iteration_and_rebinding():
    x = tg.tensor([[1.0, 2.0], [3.0, 4.0]])
    old, view = x._value, x.numpy()
    x[0, 1] = 7.0
    x[:, 0] = tg.tensor([8.0, 9.0])
    x[np.array([1, 1]), np.array([1, 1])] = -1.0
    assert x.tolist() == [[8.0, 7.0], [9.0, -1.0]] and x._value is not old
    assert view.tolist() == [[1.0, 2.0], [3.0, 4.0]]
    assert len(x) == 2 and [row.tolist() for row in x] == x.tolist()
    assert x[-1, None, ..., ::-1].tolist() == [[-1.0, 9.0]]
    assert 9.0 in x and 5.0 not in x
    with pytest.raises(TypeError):
        len(tg.tensor(1.0))
    with pytest.raises(TypeError):
        iter(tg.tensor(1.0))


def test_changing_a_leaf_is_refused_where_gradients_are_recorded():
    x = tg.tensor([1.0, 2.0], requires_grad=True)
    with pytest.raises(GradientError, match="leaf"):
        x[0] = 5.0
    with tg.no_grad():
        x[0] = 5.0
    assert x.tolist() == [5.0, 2.0] and x.requires_grad and x.is_leaf
    (x * x).sum().backward()
    assert x.grad.tolist() == [10.0, 4.0]


def test_gradients_flow_through_rebinding():
    x = tg.tensor([1.0, 2.0, 3.0], requires_grad=True)
    y = x * 2
    y[1] = x[0] * 10
    y += 1
    y.sum().backward()
    assert x.grad.tolist() == [12.0, 0.0, 2.0]


def test_attributes():
    x = tg.ones((2, 3))
    assert x.shape == (2, 3) and x.ndim == 2 and x.size == 6 and x.dtype == np.float32
    assert x.T.shape == x.mT.shape == (3, 2)
    assert len({x, x, tg.ones((2, 3))}) == 2
    assert not x.requires_grad and x.grad is None


def test_numbers():
    assert float(tg.tensor([[2.5]])) == 2.5 and int(tg.tensor(3.7)) == 3 and bool(tg.tensor([0.0])) is False
    assert [10, 20, 30][tg.tensor(1)] == 20 and f"{tg.tensor(1.25):.1f}" == "1.2"
    for use in (bool, float, int, lambda v: v.item()):
        with pytest.raises(ArgumentError, match="one element") as caught:
            use(tg.tensor([1.0, 2.0]))
        frames = user_frames(caught.value.origin)
        assert "use(tg.tensor([1.0, 2.0]))" in [resolve(frame).expression for frame in frames]
    with pytest.raises(DTypeError):
        [1, 2][tg.tensor(1.0)]


def test_copies_and_pickles():
    x = tg.tensor([1.0, 2.0], requires_grad=True)
    x.grad = [3.0, 4.0]
    for twin in (copy.copy(x), copy.deepcopy(x), pickle.loads(pickle.dumps(x))):
        assert twin is not x and twin.tolist() == [1.0, 2.0] and twin.requires_grad and twin.grad is None
    made = x * 2
    (copy.deepcopy(made)).sum().backward()
    assert x.grad.tolist() == [5.0, 6.0]
    assert not pickle.loads(pickle.dumps(made)).requires_grad

    p = tg.Parameter([1.0, 2.0], name="w")
    (p * p).sum().backward()
    for twin in (copy.deepcopy(p), pickle.loads(pickle.dumps(p))):
        assert type(twin) is tg.Parameter and twin.name == "w" and twin.numpy().tolist() == [1.0, 2.0]
        assert twin.grad.tolist() == [2.0, 4.0] and not np.shares_memory(twin._value, p._value)


def test_setting_a_gradient():
    x = tg.tensor([1.0, 2.0], requires_grad=True)
    x.grad = np.ones(2)
    assert x.grad.dtype == np.float32
    x.grad = None
    assert x.grad is None
    with pytest.raises(ShapeError):
        x.grad = tg.ones((3,))


def test_repr():
    assert repr(tg.tensor([1.0, 2.0])) == "tensor([1., 2.])"
    assert repr(tg.tensor([1.0], dtype="float64")) == "tensor([1.], dtype=float64)"
    x = tg.tensor(1.0, requires_grad=True)
    assert repr(x) == "tensor(1., requires_grad=True)" and repr(x * 2) == "tensor(2., grad_fn=multiply)"


def test_detach_and_stop_gradient():
    x = tg.tensor([1.0, 2.0], requires_grad=True)
    assert not x.detach().requires_grad and np.shares_memory(x.detach().numpy(), x.numpy())
    assert not tg.stop_gradient(x).requires_grad


def test_a_later_thread_starts_in_eager_mode():
    found = []

    def work() -> None:
        x = tg.tensor([2.0], requires_grad=True)
        (x * x).backward()
        found.append(x.grad.tolist())

    with tg.no_grad():
        thread = threading.Thread(target=work)
        thread.start()
        thread.join()
    assert found == [[4.0]]
