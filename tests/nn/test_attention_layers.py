"""Attention and transformers give PyTorch's results and gradients from PyTorch's weights; one compile serves all lengths."""

import numpy as np
import pytest

import tapegraph as tg
from tapegraph import nn
from tests.support.torch_twin import agree, twins

RNG = np.random.default_rng(0)


def draw(*shape):
    return RNG.standard_normal(shape)


PADDING = np.array([[0, 0, 0, 1, 1], [0, 0, 0, 0, 0], [0, 1, 0, 0, 0]], bool)
CAUSAL = np.triu(np.ones((4, 5), bool), 1)


@pytest.mark.parametrize(
    "options, inputs, arguments",
    [
        ({}, "self", {}),
        ({"batch_first": True, "bias": False}, "self", {"need_weights": False}),
        ({"batch_first": True}, "cross", {"key_padding_mask": PADDING, "average_attn_weights": False}),
        ({"batch_first": True}, "cross", {"key_padding_mask": PADDING, "attn_mask": CAUSAL, "need_weights": False}),
        ({"add_bias_kv": True, "add_zero_attn": True}, "cross", {"attn_mask": draw(4, 5)}),
        ({"add_bias_kv": True}, "cross", {"key_padding_mask": PADDING}),
        ({"kdim": 3, "vdim": 2, "batch_first": True}, "apart", {"attn_mask": draw(3 * 2, 4, 5)}),
        ({}, "alone", {"attn_mask": CAUSAL[:, :4]}),
    ],
)
def test_multihead_attention(options, inputs, arguments):
    torch = pytest.importorskip("torch")
    first = options.get("batch_first")
    query = draw(3, 4, 6) if first else draw(4, 3, 6)
    memory = draw(3, 5, 6) if first else draw(5, 3, 6)

    class Called(nn.Module):
        def __init__(self, dtype):
            super().__init__()
            self.layer = nn.MultiheadAttention(6, 2, **options, dtype=dtype)

        def forward(self, *xs, **rest):
            return self.layer(xs[0], xs[-1] if len(xs) < 3 else xs[1], xs[-1], **cast(rest, xs[0].dtype))

    class Theirs(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.layer = torch.nn.MultiheadAttention(6, 2, **options)

        def forward(self, *xs, **rest):
            rest = {k: v.to(xs[0].dtype) if getattr(v, "is_floating_point", bool)() else v for k, v in rest.items()}
            return self.layer(xs[0], xs[-1] if len(xs) < 3 else xs[1], xs[-1], **rest)

    def cast(rest, dtype):
        return {k: v.astype(dtype) if getattr(v, "dtype", None) == np.float64 else v for k, v in rest.items()}

    given = {
        "self": [query],
        "cross": [query, memory],
        "apart": [query, draw(3, 5, 3), draw(3, 5, 2)],
        "alone": [draw(4, 6)],
    }[inputs]
    agree(Called, Theirs, *given, **arguments)


def test_what_may_attend_to_nothing_gets_zeros():
    layer = nn.MultiheadAttention(4, 2, batch_first=True, dtype="float64")
    nn.init.ones_(layer.out_proj.bias)
    x = tg.Parameter(draw(2, 3, 4))
    y, weights = layer(x, x, x, key_padding_mask=np.array([[1, 1, 1], [0, 0, 0]], bool))
    assert (y.numpy()[0] == 1).all() and not weights.numpy()[0].any()
    np.testing.assert_allclose(weights.numpy()[1].sum(-1), 1)
    tg.sum(y).backward()
    assert np.isfinite(np.asarray(x.grad)).all()


@pytest.mark.parametrize("norm_first", [False, True], ids=["post", "pre"])
@pytest.mark.parametrize("activation", ["relu", "gelu"])
def test_encoder_layer(norm_first, activation):
    torch = pytest.importorskip("torch")
    options = {"dim_feedforward": 8, "dropout": 0.0, "activation": activation, "norm_first": norm_first}
    agree(
        lambda dtype: nn.TransformerEncoderLayer(4, 2, **options, dtype=dtype),
        lambda: torch.nn.TransformerEncoderLayer(4, 2, **options),
        draw(5, 3, 4),
        src_key_padding_mask=PADDING,
        dtypes=("float64",) if activation == "gelu" else ("float64", "float32"),
    )


@pytest.mark.parametrize("norm_first", [False, True], ids=["post", "pre"])
def test_decoder_layer(norm_first):
    torch = pytest.importorskip("torch")
    options = {"dim_feedforward": 8, "dropout": 0.0, "batch_first": True, "norm_first": norm_first, "bias": False}
    agree(
        lambda dtype: nn.TransformerDecoderLayer(4, 2, **options, dtype=dtype),
        lambda: torch.nn.TransformerDecoderLayer(4, 2, **options),
        draw(3, 4, 4),
        draw(3, 5, 4),
        tgt_mask=CAUSAL[:, :4],
        memory_key_padding_mask=PADDING,
        dtypes=("float64",),
    )


def test_transformer():
    torch = pytest.importorskip("torch")
    options = {
        "num_encoder_layers": 2,
        "num_decoder_layers": 2,
        "dim_feedforward": 8,
        "dropout": 0.0,
        "batch_first": True,
    }
    agree(
        lambda dtype: nn.Transformer(4, 2, **options, dtype=dtype),
        lambda: torch.nn.Transformer(4, 2, **options),
        draw(3, 5, 4),
        draw(3, 4, 4),
        tgt_mask=CAUSAL[:, :4],
        src_key_padding_mask=PADDING,
        memory_key_padding_mask=PADDING,
        dtypes=("float64",),
    )
    mask = np.asarray(nn.Transformer.generate_square_subsequent_mask(4))
    assert np.array_equal(mask, torch.nn.Transformer.generate_square_subsequent_mask(4).numpy())
    assert mask.dtype == np.float32


def test_encoder_in_evaluation_from_weights_of_torch():
    torch = pytest.importorskip("torch")
    ours, theirs = twins(
        lambda dtype: nn.TransformerEncoder(
            nn.TransformerEncoderLayer(4, 2, 8, batch_first=True, dtype=dtype), 2, nn.LayerNorm(4, dtype=dtype)
        ),
        lambda: torch.nn.TransformerEncoder(
            torch.nn.TransformerEncoderLayer(4, 2, 8, batch_first=True), 2, torch.nn.LayerNorm(4)
        ),
        "float64",
    )
    x = draw(3, 5, 4)
    found = ours.eval()(tg.asarray(x), is_causal=True)
    mask = torch.nn.Transformer.generate_square_subsequent_mask(5, dtype=torch.float64)
    wanted = theirs.eval()(torch.tensor(x), mask=mask, is_causal=True)
    np.testing.assert_allclose(np.asarray(found), wanted.detach().numpy(), rtol=1e-9)


def test_one_compile_serves_all_batches_and_lengths():
    def make():
        tg.manual_seed(0)
        return nn.TransformerEncoder(nn.TransformerEncoderLayer(8, 2, 16, 0.0, batch_first=True), 2)

    model, twin = make(), make()

    def step(x, padding):
        loss = tg.mean(model(x, src_key_padding_mask=padding, is_causal=True) ** 2)
        model.zero_grad()
        loss.backward()
        return loss

    run = tg.compile(step)
    for n, length in ((3, 5), (2, 7), (6, 4)):
        x = draw(n, length, 8).astype("float32")
        padding = np.zeros((n, length), bool)
        padding[0, -1] = True
        wanted = tg.mean(twin(x, src_key_padding_mask=padding, is_causal=True) ** 2)
        twin.zero_grad()
        wanted.backward()
        np.testing.assert_allclose(run(x, padding).item(), wanted.item(), rtol=1e-4)
        for a, b in zip(model.parameters(), twin.parameters(), strict=True):
            np.testing.assert_allclose(np.asarray(a.grad), np.asarray(b.grad), rtol=5e-3, atol=1e-5)
    known = [v for versions in run.versions.values() for v in versions]
    assert len(known) == 1, run.explain()
    assert {fact for fact, _ in known[0].learned} == {"x.2 = 8", "padding.0 = x.0", "padding.1 = x.1"}, run.explain()
    assert not known[0].program.callbacks


def test_a_decoder_compiles_once_for_all_lengths():
    model = nn.Transformer(8, 2, 1, 1, 16, 0.0, batch_first=True, norm_first=True)
    run = tg.compile(lambda src, tgt: model(src, tgt, tgt_is_causal=True))
    for n, s, t in ((2, 5, 4), (3, 6, 7)):
        src, tgt = draw(n, s, 8).astype("float32"), draw(n, t, 8).astype("float32")
        np.testing.assert_allclose(
            np.asarray(run(src, tgt)), np.asarray(model(src, tgt, tgt_is_causal=True)), rtol=1e-4, atol=1e-5
        )
    assert sum(map(len, run.versions.values())) == 1, run.explain()


def test_copies_of_a_layer_are_their_own():
    encoder = nn.TransformerEncoder(nn.TransformerEncoderLayer(4, 2, 8), 2)
    first, second = (layer.linear1.weight for layer in encoder.layers)
    assert first is not second and np.array_equal(first.numpy(), second.numpy())
    assert second.name == "layers.1.linear1.weight"


def test_mistakes():
    for make in (
        lambda: nn.MultiheadAttention(5, 2),
        lambda: nn.MultiheadAttention(4, 2, dropout=2),
        lambda: nn.TransformerEncoderLayer(4, 2, activation="tanh"),
    ):
        with pytest.raises(tg.errors.ArgumentError):
            make()
    layer, x = nn.MultiheadAttention(4, 2, batch_first=True), tg.zeros((2, 3, 4))
    for mask in ({"attn_mask": np.zeros((3, 4), bool)}, {"key_padding_mask": np.zeros((3, 2), bool)}):
        with pytest.raises(tg.errors.ShapeError, match="mask must be"):
            layer(x, x, x, **mask)
    with pytest.raises(tg.errors.ShapeError, match="same batch"):
        nn.Transformer(4, 2, 1, 1, 8)(tg.zeros((5, 2, 4)), tg.zeros((5, 3, 4)))
