"""Words that keep something between calls: states, parameters, modules, optimizers and streams of random numbers."""

from __future__ import annotations

from tapegraph.fuzz.draft import Scope

OPTIMIZERS = (
    "optim.SGD({}, lr=0.1)", "optim.SGD({}, lr=0.05, momentum=0.9)", "optim.SGD({}, lr=0.1, momentum=0.5, nesterov=True)",
    "optim.Adam({}, lr=0.01)", "optim.AdamW({}, lr=0.01, weight_decay=0.1)", "optim.RMSprop({}, lr=0.01)",
    "optim.Adagrad({}, lr=0.1)", "optim.Adadelta({})", "optim.Adamax({}, lr=0.01)", "optim.NAdam({}, lr=0.01)",
    "optim.RAdam({}, lr=0.01)", "optim.Lion({}, lr=0.01)", "optim.Rprop({}, lr=0.01)", "optim.ASGD({}, lr=0.01)",
)  # fmt: skip
ACTIVATIONS = ("nn.ReLU()", "nn.Tanh()", "nn.GELU()", "nn.Sigmoid()", "nn.Dropout(0.3)", "nn.SiLU()", "nn.LeakyReLU()")


def state(s: Scope) -> None:
    """A state that is read, assigned to, changed in place, and read again."""
    if s.pure or s.depth > 1:
        return
    held = [n for n in s.draft.names if n.startswith("s") and n[1:].isdigit()]
    if held and s.draft.chance(0.6):
        name = s.rng.choice(held)
    else:
        like = s.pick(lambda v: v.size < 30)
        if like is None:
            return
        v = s.value(like)
        value = s.rng.choice((f"np.zeros({v.shape}, {v.dtype.name!r})", f"np.ones({v.shape}, {v.dtype.name!r})"))
        name = s.prepare("s", f"tg.State({value})")
    kind = s.draft.names[name]
    other = s.pick(lambda v: v.shape == kind.shape and v.dtype == kind.dtype)
    if s.draft.chance(0.4):
        s.say(s.rng.choice((f"{name} + 1", f"{name} * 2", f"{name}.value", f"tg.sum({name})")))
        return
    options = [f"{name}.assign({name} + 1)", f"{name}[...] += 1"]
    if other is not None:
        options += [f"{name}.assign({other})", f"{name}[...] += {other}"]
        if kind.dtype.kind == "f":
            options.append(f"{name}.assign({name} * 0.5 + {other} * 0.5)")
    if kind.ndim:
        options += [f"{name}[0] = 1", f"{name}[-1] += 1"]
    s.add(s.rng.choice(options))


def module(s: Scope) -> None:
    """A layer or a small network applied to a value."""
    name = s.floats(lambda v: v.ndim >= 2 and v.size > 0 and v.dtype.name in ("float32", "float64"))
    if name is None or s.pure or s.depth:
        return
    v = s.value(name)
    n, dtype = v.shape[-1], f", dtype={v.dtype.name!r}" if v.dtype.name != "float32" else ""
    layers = [
        f"nn.Linear({n}, 3{dtype})",
        f"nn.Linear({n}, {n}, bias=False{dtype})",
        f"nn.LayerNorm({n}{dtype})",
        f"nn.Sequential(nn.Linear({n}, 4{dtype}), {s.rng.choice(ACTIVATIONS)}, nn.Linear(4, 2{dtype}))",
        "nn.Dropout(0.5)",
        "nn.Softmax(axis=-1)",
    ]
    if v.ndim in (2, 3):
        layers.append(f"nn.BatchNorm1d({v.shape[1]}{dtype})")
    if v.ndim == 3:
        layers += [
            f"nn.GRU({n}, 3{dtype})",
            f"nn.LSTM({n}, 2{dtype})",
            f"nn.Conv1d({v.shape[1]}, 2, 2, padding=1{dtype})",
        ]
        layers += [f"nn.RNN({n}, 3{dtype})", f"nn.MultiheadAttention({n}, 1, batch_first=True{dtype})"]
    try:
        layer = s.prepare("m", s.rng.choice(layers))
    except Exception:
        return
    kind = type(s.names[layer]).__name__
    if kind == "MultiheadAttention":
        s.say(f"{layer}({name}, {name}, {name})[0]")
    elif kind in ("GRU", "LSTM", "RNN"):
        s.say(f"{layer}({name})[0]")
    else:
        s.say(f"{layer}({name})")


def parameter(s: Scope) -> None:
    """A parameter that takes part in what follows."""
    like = s.floats(lambda v: v.size < 30)
    if like is None or s.pure:
        return
    v = s.value(like)
    name = s.prepare("p", f"tg.Parameter(np.full({v.shape}, 0.5, {v.dtype.name!r}))")
    s.say(s.rng.choice((f"{name} * {like}", f"tg.sin({name}) + {like}", f"{like} - {name} * 0.5")))


def train(s: Scope) -> None:
    """A loss, its gradients, and a step of an optimizer."""
    if s.pure or s.depth:
        return
    holders = [n for n in s.draft.names if n[0] in "mp" and n[1:].isdigit()]
    trained = [n for n in holders if n[0] == "p" or list(s.draft.names[n].parameters())]
    value = s.floats(lambda v: v.requires_grad)
    if not trained or value is None:
        return
    loss = s.say(s.rng.choice((f"tg.mean({value} ** 2)", f"tg.sum(tg.tanh({value}))", f"tg.mean(abs({value} - 0.5))")))
    if loss is None:
        return
    parts = [f"[{n}]" if n[0] == "p" else f"list({n}.parameters())" for n in trained]
    step = s.draft.chance(0.7)
    optimizer = s.prepare("o", s.rng.choice(OPTIMIZERS).format(" + ".join(parts))) if step else None
    if optimizer and s.draft.chance(0.8):
        s.add(f"{optimizer}.zero_grad()")
    if not s.add(f"{loss}.backward()"):
        return
    if s.draft.chance(0.2):
        s.add(f"nn.utils.clip_grad_norm_({' + '.join(parts)}, 1.0)")
    if optimizer:
        s.add(f"{optimizer}.step()")
    single = [n for n in trained if n[0] == "p"]
    if single and s.draft.chance(0.4):
        s.say(s.rng.choice((f"{single[0]}.grad", f"{single[0]} * 2")))


def draw(s: Scope) -> None:
    """Random numbers, from the default stream or one of the program's own."""
    if s.pure:
        return
    like = s.pick()
    streams = [n for n in s.draft.names if n[0] == "g" and n[1:].isdigit()]
    stream = ""
    if s.draft.chance(0.3):
        stream = (
            f", generator={s.rng.choice(streams) if streams else s.prepare('g', f'tg.Generator({s.rng.randrange(9)})')}"
        )
    shape = f"{like}.shape" if like and s.draft.chance(0.5) else s.rng.choice(("(2, 3)", "(4,)", "()", "(0, 2)"))
    options = [
        f"tg.uniform({shape}{stream})",
        f"tg.normal({shape}{stream})",
        f"tg.uniform({shape}, -1.0, 1.0, dtype='float64'{stream})",
        f"tg.exponential({shape}{stream})",
        f"tg.bernoulli(0.5, {shape}{stream})",
        f"tg.randint(0, 5, {shape}{stream})",
        f"tg.permutation(5{stream})",
        f"tg.truncated_normal({shape}{stream})",
    ]
    if like and s.value(like).dtype.kind == "f":
        options += [f"F.dropout({like}, 0.4{stream})", f"tg.gumbel_softmax({like}{stream})"]
        if s.value(like).ndim:
            options += [f"tg.permutation({like}{stream})", f"tg.categorical({like}{stream})"]
    s.say(s.rng.choice(options))
