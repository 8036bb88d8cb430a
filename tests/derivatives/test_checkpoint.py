"""checkpoint gives the gradients that the function itself has, however often it is called and wherever."""

import numpy as np
import pytest

import tapegraph as tg


@pytest.mark.parametrize("wrap", [lambda f: f, tg.compile], ids=["eager", "static"])
@pytest.mark.parametrize("loop", ["python", "scan"])
def test_checkpoints_in_a_row_share_what_they_read_from_outside(wrap, loop):
    rng = np.random.default_rng(0)
    w, h = rng.normal(size=(4, 4)) * 0.5, rng.normal(size=(3, 4))

    def gradient(again):
        def loss(w, h):
            turn = again(lambda h: tg.tanh(h @ w))  # reads w, which is no argument
            if loop == "scan":
                h, _ = tg.scan(lambda h, _: (turn(h), h), h, None, length=3)
            else:
                for _ in range(3):
                    h = turn(h)
            return tg.sum(h * h)

        return np.asarray(wrap(tg.grad(loss))(tg.asarray(w), tg.asarray(h)))

    np.testing.assert_allclose(gradient(tg.checkpoint), gradient(lambda f: f), rtol=1e-12)
