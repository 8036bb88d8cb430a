"""Many sizes evaluated at once: rows of integers over the products of names that occur in any of them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from engine.sizes import Atom, Dim, Size, evaluate

Numbers = np.ndarray[Any, np.dtype[np.int64]]


class Sizing:
    """Sizes collected by ``row``. ``values(sizes)`` has the number of each, in a table refilled for every new shape."""

    def __init__(self) -> None:
        self._rows: dict[Size, int] = {}
        self._columns: dict[tuple[Atom, ...], int] = {}
        self._matrix: Numbers | None = None

    def row(self, size: Size) -> int:
        """The place of a size among the values; equal sizes share one."""
        size = size if isinstance(size, Dim) else int(size)
        found = self._rows.get(size) if isinstance(size, Dim) else self._rows.get(Dim({(): size}))
        if found is None:
            dim = size if isinstance(size, Dim) else Dim({(): size})
            found = self._rows[dim] = len(self._rows)
            for product, _ in dim.terms:
                self._columns.setdefault(product, len(self._columns))
            self._matrix = None
        return found

    def values(self, sizes: Mapping[str, int]) -> Numbers:
        """The number of every size, when each name has the value ``sizes`` gives it."""
        if self._matrix is None:
            self._matrix = np.zeros((len(self._rows), len(self._columns)), np.int64)
            for size, row in self._rows.items():
                for product, factor in size.terms:  # type: ignore[union-attr]
                    self._matrix[row, self._columns[product]] = factor
        products = np.empty(len(self._columns), np.int64)
        for number, product in enumerate(self._columns):
            total = 1
            for atom in product:
                total *= sizes[atom] if isinstance(atom, str) else evaluate(Dim({(atom,): 1}), sizes)
            products[number] = total
        return self._matrix @ products
