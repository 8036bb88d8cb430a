"""A small text without an author, made by a grammar, and what a language model of characters reads of it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from engine.errors import ArgumentError
from tapegraph.data.dataset import Dataset
from tapegraph.data.order import Array, Draws, whole

# Each word as it stands with one and with several.
_NOUNS = (
    ("dog", "dogs"),
    ("cat", "cats"),
    ("bird", "birds"),
    ("child", "children"),
    ("fox", "foxes"),
    ("mouse", "mice"),
)
_ALONE = (("sleeps", "sleep"), ("runs", "run"), ("sings", "sing"), ("waits", "wait"), ("falls", "fall"))
_ON_ANOTHER = (("sees", "see"), ("chases", "chase"), ("hears", "hear"), ("follows", "follow"), ("likes", "like"))
_ARTICLES = (("the", "the"), ("a", "some"), ("this", "these"), ("every", "many"), ("one", "two"))
_QUALITIES = ("small", "old", "quick", "grey", "quiet", "clever")
_MANNERS = ("slowly", "often", "today", "in the garden", "at night", "by the river")


def tiny_corpus(characters: int = 100_000, *, seed: int = 0) -> str:
    """Whole sentences of simple English, at least ``characters`` characters, one space between them.

    Verbs agree in number with their subject, also across relative clauses ("The dogs that the child sees sleep."), so
    there is short and long structure to learn. Letters, space and full stop only. Raises ArgumentError for a size below 1.

    Source: a grammar of the kind of Elman 1991, "Distributed representations, simple recurrent networks, and grammatical
    structure", with words of our own.
    """
    wanted = whole(characters, "characters", "tiny_corpus", least=1)
    grammar = _Grammar(Draws(seed))
    sentences: list[str] = []
    total = -1
    while total < wanted:
        sentences.append(grammar.sentence())
        total += len(sentences[-1]) + 1
    return " ".join(sentences)


class _Grammar:
    """sentence: subject predicate; both may hold clauses, ever less likely the deeper they lie."""

    def __init__(self, draws: Draws) -> None:
        self._draws = draws
        self._stock: list[float] = []

    def _draw(self) -> float:
        if not self._stock:
            self._stock = self._draws.uniform(4096).tolist()
        return self._stock.pop()

    def _of(self, words: Sequence[Any]) -> Any:
        return words[int(self._draw() * len(words))]

    def sentence(self) -> str:
        several = self._draw() < 0.5
        words = f"{self._thing(several, 0)} {self._predicate(several, 0)}."
        return words[0].upper() + words[1:]

    def _thing(self, several: bool, depth: int) -> str:
        words = [self._of(_ARTICLES)[several]]
        if self._draw() < 0.3:
            words.append(self._of(_QUALITIES))
        words.append(self._of(_NOUNS)[several])
        if self._draw() < 0.25 / (1 + depth):
            words += ["that", self._clause(several, depth + 1)]
        return " ".join(words)

    def _clause(self, several: bool, depth: int) -> str:
        if self._draw() < 0.5:
            return self._predicate(several, depth)
        other = self._draw() < 0.5
        return f"{self._thing(other, depth)} {self._of(_ON_ANOTHER)[other]}"

    def _predicate(self, several: bool, depth: int) -> str:
        if self._draw() < 0.5:
            words = [self._of(_ALONE)[several]]
        else:
            verb = self._of(_ON_ANOTHER)[several]
            words = [verb, self._thing(self._draw() < 0.5, depth + 1)]
        if depth == 0 and self._draw() < 0.3:
            words.append(self._of(_MANNERS))
        return " ".join(words)


class Vocabulary:
    """The characters of a text by number, in the order of their code points."""

    def __init__(self, text: str) -> None:
        self.characters = "".join(sorted(set(text)))
        self._number = {character: number for number, character in enumerate(self.characters)}

    def __len__(self) -> int:
        return len(self.characters)

    def encode(self, text: str) -> Array:
        """The numbers of characters, int64 [len(text)]. Raises ArgumentError for one that the vocabulary has not."""
        try:
            return np.array([self._number[character] for character in text], np.int64)
        except KeyError as missing:
            raise ArgumentError(f"the vocabulary has no {missing.args[0]!r}", op="Vocabulary.encode") from None

    def decode(self, numbers: Any) -> str:
        """The text of numbers, any ints [n]."""
        return "".join(self.characters[int(number)] for number in np.asarray(numbers))


class CharacterWindows(Dataset[tuple[Array, Array]]):
    """Pieces of a text for a language model: sample i is (characters, the same one further on), both int64 [length].

    Pieces begin every ``stride`` characters (``length`` without). ``vocabulary``: that of another text, to read this one
    with. Raises ArgumentError for a text shorter than length + 1.
    """

    def __init__(
        self, text: str, length: int = 64, *, stride: int | None = None, vocabulary: Vocabulary | None = None
    ) -> None:
        self.length = whole(length, "length", "CharacterWindows", least=1)
        self.stride = self.length if stride is None else whole(stride, "stride", "CharacterWindows", least=1)
        if len(text) <= self.length:
            raise ArgumentError(f"a text of {len(text)} characters has no piece of {length} + 1", op="CharacterWindows")
        self.vocabulary = Vocabulary(text) if vocabulary is None else vocabulary
        self._numbers = self.vocabulary.encode(text)

    def __len__(self) -> int:
        return (len(self._numbers) - self.length - 1) // self.stride + 1

    def __getitem__(self, index: Any) -> tuple[Array, Array]:
        windows = np.lib.stride_tricks.sliding_window_view(self._numbers, self.length + 1)
        found = windows[:: self.stride][index]
        return found[..., :-1], found[..., 1:]

    def batch(self, indices: Any) -> tuple[Array, Array]:
        """The pieces that a slice or an integer array names: int64 [n, length] twice."""
        return self[indices]
