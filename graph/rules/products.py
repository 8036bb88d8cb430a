"""Laws of matrix products: a transposed product is the product of the transposed, which BLAS takes as flags."""

from __future__ import annotations

from graph.pattern import Attr, computed, ops
from graph.rulebook import Rulebook
from graph.rules.views import views

# A permutation of a product is taken apart, so it stands above the product here.
products = Rulebook("products", {"permute_dims": 80})


def _swapped(rank: int) -> tuple[int, ...]:
    return (*range(rank - 2), rank - 1, rank - 2)


def _swaps_last(p, product, uses):
    if p != _swapped(len(p)):
        return "it does more than exchange the last two axes"
    return uses(product) <= 1 or "the product is used elsewhere as it is"


@products.rule("rounding", zeros=True, integers=True, where=lambda p, out, uses: _swaps_last(p, out.args[0], uses))
def transposed_product(a, b, p: Attr):
    """(a @ b)^T = b^T @ a^T"""
    left = ops.permute_dims(ops.matmul(a, b), axes=p)
    flipped = [computed(lambda b: _swapped(len(b.shape))), computed(lambda a: _swapped(len(a.shape)))]
    return left, ops.matmul(ops.permute_dims(b, axes=flipped[0]), ops.permute_dims(a, axes=flipped[1]))


products.include(views, "permute_twice", "permute_idle")
