"""Data made by rules: the rules hold, the shares are right, and a seed gives the same for ever."""

import collections
import itertools
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

import tapegraph as tg
from tapegraph import data
from tapegraph.data.synthetic.arithmetic import VOCABULARY, decode


def test_digits_as_images():
    flat, labels = data.digits()
    images, same = data.digits(images=True)
    assert (
        images.shape == (1797, 8, 8) and np.array_equal(images.reshape(1797, 64), flat) and np.array_equal(labels, same)
    )


@given(st.integers(1, 6), st.integers(1, 12), st.integers(1, 9))
def test_copy_task(length, delay, symbols):
    x, y = data.copy_task(7, length, delay, symbols=symbols, seed=delay)
    assert x.shape == y.shape == (7, delay + 2 * length) and x.dtype == y.dtype == np.int64
    said, blank, signal = x[:, :length], symbols, symbols + 1
    assert said.min() >= 0 and said.max() < symbols
    assert np.all(x[:, length : length + delay - 1] == blank) and np.all(x[:, length + delay :] == blank)
    assert np.all(x[:, length + delay - 1] == signal) and (x == signal).sum() == 7
    assert np.array_equal(y[:, length + delay :], said) and np.all(y[:, : length + delay] == blank)


@given(st.integers(2, 30), st.integers(0, 50))
def test_adding_problem(length, seed):
    x, y = data.adding_problem(9, length, seed=seed)
    assert x.shape == (9, length, 2) and x.dtype == y.dtype == np.float32 and y.shape == (9,)
    marks, half = x[..., 1], length // 2
    assert np.all(marks[:, :half].sum(1) == 1) and np.all(marks[:, half:].sum(1) == 1)
    assert np.array_equal((x[..., 0] * marks).sum(1), y) and x.min() >= 0 and x[..., 0].max() < 1


def test_adding_problem_without_memory():
    _, y = data.adding_problem(20_000, 4)
    assert abs(np.mean((y - 1) ** 2) - 1 / 6) < 0.005


def test_adding_problem_of_1997():
    x, lengths, y = data.adding_problem_1997(3000, 50, seed=2)
    assert x.shape == (3000, 55, 2) and set(lengths.tolist()) == set(range(50, 56))
    assert y.min() >= 0 and y.max() < 1
    rare = 0
    for values, n, target in zip(x, lengths, y):
        numbers, marks = values[:n].T
        assert not values[n:].any() and marks[-1] == -1 and set(marks) <= {-1, 0, 1}
        marked = np.flatnonzero(marks == 1)
        assert len(marked) == 2 and marked[0] < 10 + (marked[1] < 10) and marked[1] < 50 // 2
        assert marks[0] == (1 if 0 in marked else -1)
        rare += 0 in marked
        assert math.isclose(target, 0.5 + sum(0 if m == 0 else numbers[m] for m in marked) / 4, abs_tol=1e-6)
    assert 0.08 < rare / 3000 < 0.2  # 1/10 + 9/10 * 1/24


@given(st.integers(1, 5), st.integers(1, 3), st.integers(1, 5), st.integers(0, 30))
def test_dyck_words(pairs, kinds, depth, seed):
    words = data.DyckWords(20, pairs, kinds=kinds, max_depth=depth, seed=seed)
    for i, (tokens, label) in enumerate(words[j] for j in range(len(words))):
        assert (
            len(tokens) == words.lengths[i] and len(tokens) % 2 == 0 and 1 <= tokens.min() <= tokens.max() <= 2 * kinds
        )
        assert data.is_balanced(tokens, kinds) == bool(label)
        depths = np.cumsum(np.where(tokens <= kinds, 1, -1))
        assert np.array_equal(words.depths[i, : len(tokens)], depths) and not words.depths[i, len(tokens) :].any()
        assert not words.tokens[i, len(tokens) :].any()
        if label:
            assert depths.min() >= 0 and depths.max() <= depth and depths[-1] == 0


def test_dyck_words_are_uniform():
    words = data.DyckWords(6000, 4, min_pairs=4, kinds=1, broken=0, seed=1)
    counts = collections.Counter(words.text(i) for i in range(6000))
    assert len(counts) == 14  # the fourth Catalan number
    assert stats.chisquare(list(counts.values())).pvalue > 1e-3
    shallow = data.DyckWords(4000, 4, min_pairs=4, kinds=1, max_depth=2, broken=0, seed=1)
    counts = collections.Counter(shallow.text(i) for i in range(4000))
    assert len(counts) == 8 and stats.chisquare(list(counts.values())).pvalue > 1e-3
    broken = data.DyckWords(4000, 10, kinds=1, broken=0.25)
    assert abs(broken.labels.mean() - 0.75) < 0.03
    ends = [d[n - 1] for d, n, label in zip(broken.depths, broken.lengths, broken.labels) if not label]
    assert 0.45 < np.mean(np.array(ends) == 0) < 0.55  # those that counting does not find


def test_dyck_words_as_text():
    words = data.DyckWords(50, 6, kinds=6, broken=0)
    assert set("".join(words.text(i) for i in range(50))) <= set("()[]{}<>56")
    assert data.is_balanced([1, 3, 4, 2, 0, 0], 2) is False and data.is_balanced([1, 2, 4, 3, 0], 2)
    for options in ({"max_pairs": 0}, {"min_pairs": 11}, {"kinds": 0}, {"broken": 1.5}, {"max_depth": 0}):
        with pytest.raises(tg.errors.ArgumentError):
            data.DyckWords(5, **options)


@given(st.integers(1, 9), st.sampled_from([None, 2, 10, 97]), st.sampled_from(["+", "+-", "+-*"]), st.integers(0, 20))
def test_arithmetic_trees(leaves, modulus, operators, seed):
    infix = data.ArithmeticTrees(6, leaves, operators=operators, modulus=modulus, seed=seed)
    postfix = data.ArithmeticTrees(6, leaves, operators=operators, modulus=modulus, notation="postfix", seed=seed)
    for i, tree in enumerate(infix.trees):
        text = decode(infix[i][0])
        value = eval(text)
        assert text == str(tree) and infix[i][1] == infix.values[i] == (value if modulus is None else value % modulus)
        assert len(infix[i][0]) == infix.lengths[i] and len(postfix[i][0]) == postfix.lengths[i]
        stack = []
        for token in decode(postfix[i][0]):
            stack.append(token if token.isdigit() else "({1}{0}{2})".format(token, *[stack.pop(), stack.pop()][::-1]))
        assert stack == [text] and set(text) <= set("0123456789()" + operators)


@given(st.integers(0, 6), st.integers(0, 20))
def test_forest_computes_level_by_level(n, seed):
    dataset = data.ArithmeticTrees(n, 7, seed=seed)
    laid = data.forest(dataset.trees)
    computed = np.full(len(laid.symbols), -1)
    for d, (start, stop) in enumerate(itertools.pairwise(laid.levels)):
        for node in range(start, stop):
            symbol = VOCABULARY[laid.symbols[node]]
            if d == 0:
                assert laid.left[node] == laid.right[node] == -1
                computed[node] = int(symbol)
            else:
                a, b = int(laid.left[node]), int(laid.right[node])
                assert 0 <= a < start and 0 <= b < start
                computed[node] = {"+": np.add, "-": np.subtract, "*": np.multiply}[symbol](
                    computed[a], computed[b]
                ) % 10
    assert np.array_equal(computed, laid.values) and np.array_equal(computed[laid.roots], dataset.values)
    assert (
        laid.levels[-1] == len(laid.symbols)
        and len(laid.levels) == max((t.depth for t in dataset.trees), default=-1) + 2
    )


def test_arithmetic_mistakes():
    for options in ({"operators": "/"}, {"operators": ""}, {"notation": "prefix"}, {"modulus": 1}, {"min_leaves": 9}):
        with pytest.raises(tg.errors.ArgumentError):
            data.ArithmeticTrees(5, **options)


def test_two_moons_lie_on_their_circles():
    points, labels = data.two_moons(101, noise=0)
    upper, lower = points[labels == 0], points[labels == 1]
    assert len(upper) == 50 and len(lower) == 51 and points.dtype == np.float32
    assert np.allclose(np.hypot(*upper.T), 1, atol=1e-6) and upper[:, 1].min() > -1e-6
    assert np.allclose(np.hypot(*(lower - [1, 0.5]).T), 1, atol=1e-6) and lower[:, 1].max() < 0.5 + 1e-6
    noisy, same = data.two_moons(101, noise=0.2)
    assert (
        np.array_equal(same, labels)
        and 0.1 < (noisy - points).std() < 0.3
        and not np.array_equal(np.sort(labels), labels)
    )
    with pytest.raises(tg.errors.ArgumentError):
        data.two_moons(5, noise=-1)


def test_spirals_are_those_of_1988():
    points, labels = data.spirals()
    # Lang and Witbrock: radius 6.5 (104 - i) / 104 at the angle i pi / 16, i = 0..96; the other spiral mirrored
    i = np.arange(97)
    r, a = (104 - i) / 104, i * np.pi / 16
    expected = np.stack([r * np.cos(a), r * np.sin(a)], axis=1)
    for label, sign in ((0, 1), (1, -1)):
        found = points[labels == label]
        found = found[np.argsort(-np.hypot(*found.T))]
        assert np.allclose(found, sign * expected, atol=1e-6)
    _, three = data.spirals(100, classes=3, noise=0.1)
    assert np.bincount(three).tolist() == [34, 33, 33]


def test_corpus():
    text = data.tiny_corpus(5000, seed=1)
    assert 5000 <= len(text) < 5300 and text == data.tiny_corpus(5000, seed=1) != data.tiny_corpus(5000, seed=2)
    assert data.tiny_corpus(9000, seed=1).startswith(text)
    sentences = text.rstrip(".").split(". ")
    assert all(s[0].isupper() and "  " not in s and set(s[1:]) <= set("abcdefghijklmnopqrstuvwxyz ") for s in sentences)
    words = {w.lower() for s in sentences for w in s.split()}
    assert {"that", "the", "dogs", "sleep"} <= words and len(data.Vocabulary(text)) < 60
    assert all(Reader(s.lower().split()).sentence() for s in sentences)
    assert not Reader(["the", "dogs", "that", "the", "child", "sees", "sleeps"]).sentence()
    assert Reader(["the", "dogs", "that", "the", "child", "sees", "sleep"]).sentence()


class Reader:
    """Reads sentences of the corpus with the grammar of its docstring; False where a verb does not agree."""

    plural = {"dogs", "cats", "birds", "children", "foxes", "mice"}
    singular = {"dog", "cat", "bird", "child", "fox", "mouse"}
    alone = {"sleep", "run", "sing", "wait", "fall"}
    on_another = {"see", "chase", "hear", "follow", "like"}
    articles = {"the", "a", "some", "this", "these", "every", "many", "one", "two"}

    def __init__(self, words):
        self.words = [*words, "."]
        self.ok = True

    def next(self):
        return self.words.pop(0)

    def verb(self, several):
        word = self.next()
        stem = word if several else word.removesuffix("s")
        self.ok &= stem in self.alone | self.on_another and (several or word.endswith("s"))
        return stem

    def thing(self):
        self.ok &= self.next() in self.articles
        noun = self.next()
        if noun not in self.plural | self.singular:
            noun = self.next()
        several = noun in self.plural
        self.ok &= several or noun in self.singular
        if self.words[0] == "that":
            self.next()
            if self.words[0] in self.articles:
                self.ok &= self.verb(self.thing()) in self.on_another
            else:
                self.predicate(several)
        return several

    def predicate(self, several):
        if self.verb(several) in self.on_another:
            self.thing()

    def sentence(self):
        self.predicate(self.thing())
        rest = " ".join(self.words)
        return self.ok and rest in {
            "slowly .",
            "often .",
            "today .",
            "in the garden .",
            "at night .",
            "by the river .",
            ".",
        }


def test_character_windows():
    text = "hello world"
    windows = data.CharacterWindows(text, 4, stride=3)
    assert len(windows) == 3
    spell = windows.vocabulary.decode
    assert [(spell(x), spell(y)) for x, y in (windows[i] for i in range(3))] == [
        ("hell", "ello"),
        ("lo w", "o wo"),
        ("worl", "orld"),
    ]
    (x, y), *_ = data.DataLoader(windows, 3)
    assert spell(x.numpy()[2]) == "worl" and y.shape == (3, 4) and x.dtype == np.int64
    assert len(data.CharacterWindows(text, 5)) == 2 and len(data.CharacterWindows(text, 10)) == 1
    other = data.CharacterWindows("lower", 2, vocabulary=windows.vocabulary)
    assert spell(other[0][0]) == "lo"
    with pytest.raises(tg.errors.ArgumentError, match="'z'"):
        windows.vocabulary.encode("z")
    with pytest.raises(tg.errors.ArgumentError, match="no piece"):
        data.CharacterWindows(text, 11)


def test_a_seed_gives_the_same_for_ever():
    assert data.copy_task(1, 6, 2)[0].tolist() == [[0, 1, 0, 4, 4, 2, 8, 9, 8, 8, 8, 8, 8, 8]]
    words = data.DyckWords(4, 5)
    assert [words.text(i) for i in range(4)] == ["()", "())(", "][", "()[()]"] and words.labels.tolist() == [1, 0, 0, 1]
    assert [str(t) for t in data.ArithmeticTrees(2, 4, min_leaves=3).trees] == ["(5-(2*7))", "((2*9)+1)"]
    assert data.tiny_corpus(1) == "Some mice that one fox that falls chases chase some birds often."
    assert data.adding_problem(1, 4)[0][0, :, 1].tolist() == [0, 1, 1, 0]
    assert data.two_moons(4, noise=0)[1].tolist() == [0, 1, 0, 1]
    assert data.train_test_split(np.arange(8), stratify=[0, 1] * 4, test_size=2)[1].tolist() == [0, 7]
    assert list(data.BucketSampler(range(6), 2)) == [[4, 5], [0, 1], [2, 3]]
    assert list(data.WeightedRandomSampler([1, 2, 3], 6)) == [0, 1, 0, 2, 2, 1]
