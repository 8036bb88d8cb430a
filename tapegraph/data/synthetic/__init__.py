"""Data made by a rule: nothing to download, as much as is wanted, the same for ever for a seed."""

from tapegraph.data.synthetic.arithmetic import ArithmeticTrees, Forest, Tree, forest
from tapegraph.data.synthetic.corpus import CharacterWindows, Vocabulary, tiny_corpus
from tapegraph.data.synthetic.dyck import DyckWords, is_balanced
from tapegraph.data.synthetic.memory import adding_problem, adding_problem_1997, copy_task
from tapegraph.data.synthetic.plane import spirals, two_moons

__all__ = [
    "ArithmeticTrees",
    "CharacterWindows",
    "DyckWords",
    "Forest",
    "Tree",
    "Vocabulary",
    "adding_problem",
    "adding_problem_1997",
    "copy_task",
    "forest",
    "is_balanced",
    "spirals",
    "tiny_corpus",
    "two_moons",
]
