"""What a program can reach: states behind names, closures, objects of the user's and the torch facade."""

import types

import pytest

import tapegraph as tg
import tapegraph.torch as torch
from tapegraph import nn
from tapegraph.reached import states_of

layer = nn.Linear(2, 2)
elsewhere = types.ModuleType("elsewhere")
elsewhere.__file__ = "/home/someone/elsewhere.py"
elsewhere.layer = nn.Linear(2, 2)
facade = torch.nn.Linear(2, 2)


class Trainer:
    def __init__(self):
        self.parts = {"layer": nn.Linear(2, 2)}

    def step(self, x):
        return self.helped(self.parts["layer"](x))

    def helped(self, x):
        return layer(x)


def through_an_inner_function(x):
    return [layer(y) for y in (lambda z: [layer(z)])(x)]


def through_a_module(x):
    return elsewhere.layer(x)


def through_the_facade(x):
    return facade(x)


def in_a_closure():
    inner = nn.Linear(2, 2)
    return (lambda x: inner(x)), inner


closed, inner = in_a_closure()
trainer = Trainer()


@pytest.mark.parametrize(
    "program, wanted",
    [
        (through_an_inner_function, [layer.weight, layer.bias]),
        (through_a_module, [elsewhere.layer.weight, elsewhere.layer.bias]),
        (trainer.step, [layer.weight, trainer.parts["layer"].weight]),
        (closed, [inner.weight]),
        (tg.function(closed), [inner.weight]),
    ],
)
def test_states_are_found(program, wanted):
    found = {id(state) for state in states_of([program])}
    assert {id(state) for state in wanted} <= found


def test_states_of_the_torch_facade_are_found():
    assert len(states_of([through_the_facade])) == 2


def test_compiled_code_is_no_way_to_states():
    @tg.function
    def program(x):
        return x + 1

    with tg.mode("static"):
        program(tg.ones(3))
    assert states_of([program]) == []
