"""Writes random programs: which words, how many, what is returned, and what the calls are made with."""

from __future__ import annotations

import random
import re

from engine.handle import Handle
from tapegraph.fuzz import inputs, vocabulary
from tapegraph.fuzz.draft import Draft, Scope, text_of
from tapegraph.fuzz.words import places, states, values
from tapegraph.fuzz.words.flow import Flow
from tapegraph.fuzz.words.mistakes import mistake
from tapegraph.fuzz.words.slopes import Slopes

LONGEST = 10  # statements of the program itself
MISTAKEN = 0.18  # of the programs have a mistake planted
MISCALLED = 0.12  # of the later calls are made with something wrong
DEEPEST = 2  # functions inside functions


def program(seed: int, number: int = 0) -> str:
    """The text of a random program, the same for the same numbers."""
    rng = random.Random(f"{seed}:{number}")
    draft = Draft(rng, count_calls=rng.choice((1, 1, 1, 2, 2, 3)))
    draft.setup += [f"import {module}" for module in sorted({s.split(".")[0] for s in vocabulary.OWN.values()})]
    for line in draft.setup:
        exec(line, draft.names)
    scope = Scope(draft, dict(draft.names))
    sizes = [inputs.sizes(rng, first=number == 0) for number in range(draft.count_calls)]
    if rng.random() < 0.4:
        sizes = sizes[:1] * len(sizes)
    for _ in range(rng.choice((1, 2, 2, 3))):
        kind = inputs.kind(rng)
        scope.input([kind.expression(s, call) for call, s in enumerate(sizes)])
    planted = rng.randrange(1, LONGEST) if rng.random() < MISTAKEN else None
    for number in range(rng.randint(2, LONGEST)):
        if number == planted:
            _plant(scope)
        fill(scope, 1)
    for expressions in draft.inputs.values():
        for call in range(1, draft.count_calls):
            if rng.random() < MISCALLED / len(draft.inputs):
                expressions[call] = inputs.wrong(rng)
    text = text_of(draft, scope, _returned(scope))
    used = [line for line in draft.setup if text.count(line.split(" ")[0]) > 1 or line.startswith("import ")]
    draft.setup[:] = used
    return text_of(draft, scope, _returned(scope))


def _plant(s: Scope) -> None:
    before = s.draft.mistakes
    s.draft.mistakes = 1.0
    for _ in range(10):
        statement = mistake(s)
        if statement is not None and s.add(statement) and s.failed:
            break
    s.draft.mistakes = before


def fill(s: Scope, count: int) -> None:
    """Add so many statements, or as many as can be found in a few tries."""
    wanted = len(s.lines) + count
    for _ in range(4 * count):
        if s.failed or len(s.lines) >= wanted:
            return
        words = WORDS if s.depth < DEEPEST else [w for w in WORDS if w[0] not in NESTING]
        chosen = s.rng.choices([w for w, _ in words], [weight for _, weight in words])[0]
        chosen(s)


FLOW, SLOPES = Flow(fill), Slopes(fill)
NESTING = (FLOW.cond, FLOW.scan, FLOW.loop, SLOPES.gradient, SLOPES.mapped)
WORDS = [
    (values.elementwise, 12), (values.method, 8), (values.of_one, 9), (values.product, 4), (values.shape, 6),
    (values.dtype, 3), (values.sample, 9), (places.read, 6), (places.write, 6), (places.alias, 2), (places.at_index, 3),
    (places.masked, 3), (FLOW.python, 3), (FLOW.cond, 3), (FLOW.scan, 3), (FLOW.loop, 2), (states.state, 4),
    (states.module, 3), (states.parameter, 3), (states.train, 4), (states.draw, 3), (SLOPES.gradient, 5),
    (SLOPES.mapped, 3), (SLOPES.backward, 2), (SLOPES.custom, 1),
]  # fmt: skip


def _returned(s: Scope) -> str:
    """What nothing else uses, mostly, and some other value, in some structure."""
    rng = random.Random(f"{s.lines} {s.known}")
    text = "\n".join(s.lines)
    known = [n for n in s.known if isinstance(s.names.get(n), Handle)]
    unused = [n for n in known if len(re.findall(rf"\b{n}\b", text)) == 1 and rng.random() < 0.9]
    chosen = list(dict.fromkeys([*unused[-4:], *([rng.choice(known)] if known else [])]))
    if not chosen:
        return "None"
    match rng.choice(("tuple", "tuple", "one", "list", "dict", "nested")):
        case "one":
            return chosen[-1]
        case "list":
            return f"[{', '.join(chosen)}]"
        case "dict":
            return "{" + ", ".join(f"{n!r}: {n}" for n in chosen) + "}"
        case "nested":
            return f"({chosen[0]}, [{', '.join(chosen)}], None)"
    return f"{', '.join(chosen)}{',' * (len(chosen) == 1)}"
