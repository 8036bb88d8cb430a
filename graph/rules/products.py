"""Laws of matrix products: a transposed product is the product of the transposed, which BLAS takes as flags."""

from __future__ import annotations

from engine.sizes import same_shape
from graph.pattern import OPS, Attr, computed, ops
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


def _of_products(p, out, uses):
    total = out.args[0]
    for a in total.args:
        if a.op not in (OPS["matmul"], OPS["add"], OPS["permute_dims"]) or not same_shape(a.shape, total.shape):
            return "an operand is not a product, or a sum of products, of the whole shape"
    return _swaps_last(p, total, uses)


@products.rule("bitwise", where=_of_products)
def transposed_sum(a, b, p: Attr):
    """(a + b)^T = a^T + b^T, where the transpositions vanish in products"""
    left = ops.permute_dims(ops.add(a, b), axes=p)
    return left, ops.add(ops.permute_dims(a, axes=p), ops.permute_dims(b, axes=p))


products.include(views, "permute_twice", "permute_idle")
