"""Derivatives of functions: products with the Jacobian from either side, the Jacobian itself, and second derivatives."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from engine import dispatch, tree
from engine.autodiff import depends_on_more, grad, pull, zero
from engine.errors import ArgumentError, ShapeError
from engine.forward import push
from engine.handle import Handle
from engine.landing import entrance
from engine.makers import public
from engine.op import handles
from engine.ops.create import eye
from engine.ops.shape import reshape
from engine.sizes import agree_shape, product
from engine.vmap import vmap


class Linearised:
    """A function run once on values that derivatives are taken with respect to."""

    def __init__(self, function: Callable[..., Any], primals: Sequence[Any]) -> None:
        self.interpreter = dispatch.current()
        recording = self.interpreter.with_grad(True)
        self.primals = tuple(primals)
        given = handles(self.primals)
        with dispatch.interpret(recording):
            marked = [recording.leaf(h) for h in given]
            self.value = function(*tree.rebuild(self.primals, marked))
            self.results = handles(self.value)
            self.marks: list[Any] = [recording.record(m) for m in marked]
            self.roots = [recording.record(r) for r in self.results]
        self.inputs = marked
        # What follows is itself recorded where something else is being differentiated: an outer grad, a parameter.
        self.outer = depends_on_more([r for r in self.roots if r is not None], self.marks)
        if not self.outer:
            self.value = tree.rebuild(self.value, [self.interpreter.detach(r) for r in self.results])

    def _then(self) -> Any:
        """The interpreter for the pass, which may be a vmap around the one the function was run by."""
        current = dispatch.current()
        return current.with_grad(current.grad_enabled and (self.outer or current is not self.interpreter))

    def pulled(self, cotangents: Any) -> tuple[Any, ...]:
        """The cotangents of the primals for those of the results, in the primals' structure."""
        given = matching(cotangents, self.results, "vjp", "cotangent")
        with dispatch.interpret(self._then()):
            parts = pull(self.interpreter, self.roots, given, self.marks)
            found = [zero(x) if g is None else g for g, x in zip(parts, self.inputs, strict=True)]
        return tuple(tree.rebuild(self.primals, found))

    def pushed(self, tangents: Any) -> Any:
        """The tangents of the results for those of the primals, in the results' structure."""
        given = matching(tangents, self.inputs, "jvp", "tangent")
        with dispatch.interpret(self._then()):
            parts = push(self.interpreter, self.roots, self.marks, given)
            found = [zero(y) if t is None else t for t, y in zip(parts, self.results, strict=True)]
        return tree.rebuild(self.value, found)


def matching(given: Any, like: Sequence[Any], op: str, what: str) -> list[Any]:
    """The leaves of ``given``, which must have the number and the shapes of ``like``; cast to its dtypes."""
    interpreter = dispatch.current()
    leaves = tree.leaves(given)
    if len(leaves) != len(like):
        raise ArgumentError(f"got {len(leaves)} {what}s for {len(like)} arrays", op=op)
    found = []
    for leaf, x in zip(leaves, like, strict=True):
        h = leaf if isinstance(leaf, Handle) else interpreter.asarray(leaf, x.dtype)
        if not agree_shape(h.shape, x.shape):
            raise ShapeError(f"a {what} has the shape of what it belongs to", op=op, operands=(x, h))
        found.append(h)
    return found


@public
def vjp(function: Callable[..., Any], *primals: Any) -> tuple[Any, Callable[[Any], tuple[Any, ...]]]:
    """``(value, pull)``: the function's value, and what turns a cotangent of it into those of the primals.

    primals and value may be nested lists, tuples and dicts of float arrays; ``pull(cotangent)`` returns a tuple with
    one entry for each primal (jax.vjp). Raises ShapeError where a cotangent has not the shape of its value.
    """
    found = Linearised(function, primals)
    return found.value, found.pulled


@public
def jvp(function: Callable[..., Any], primals: Sequence[Any], tangents: Sequence[Any]) -> tuple[Any, Any]:
    """``(value, tangent)``: the function's value and its derivative in the direction ``tangents`` (jax.jvp).

    One forward pass whatever the number of results; primals and tangents are sequences of the same structure.

    >>> tg.jvp(lambda x: x * x, (tg.tensor(3.0),), (tg.tensor(1.0),))
    (tensor(9.), tensor(6.))
    """
    found = Linearised(function, tuple(primals))
    return found.value, found.pushed(tuple(tangents))


@public
def jacobian(function: Callable[..., Any], argnums: int | tuple[int, ...] = 0, *, mode: str = "reverse") -> Any:
    """A function returning the Jacobian of an array-valued ``function``: shape (*result shape, *argument shape).

    ``mode``: "reverse" (a row for each element of the result) or "forward" (a column for each element of the argument);
    the same numbers, cheaper where result or argument is small. All rows are computed at once, as by ``vmap``.
    With a tuple of ``argnums`` the result is a tuple; nested results give nested Jacobians.

    >>> tg.jacobian(lambda x: x * x)(tg.tensor([1.0, 2.0]))
    tensor([[2., 0.],
            [0., 4.]], grad_fn=permute_dims)
    """
    if mode not in ("reverse", "forward"):
        raise ArgumentError(f"mode must be 'reverse' or 'forward', not {mode!r}", op="jacobian")
    positions = (argnums,) if isinstance(argnums, int) else tuple(argnums)

    @entrance
    def run(*args: Any, **kwargs: Any) -> Any:
        def of_chosen(*chosen: Any) -> Any:
            call = list(args)
            for i, x in zip(positions, chosen, strict=True):
                call[i] = x
            return function(*call, **kwargs)

        found = Linearised(of_chosen, [args[i] for i in positions])
        rows = _rows(found) if mode == "reverse" else _columns(found)
        split = [tree.rebuild(args[i], part) for i, part in zip(positions, _grouped(rows, found.primals), strict=True)]
        return split[0] if isinstance(argnums, int) else tuple(split)

    return run


def _grouped(blocks: list[list[Any]], primals: tuple[Any, ...]) -> list[list[Any]]:
    """Blocks by result and primal leaf -> for each primal its leaves' blocks; a tuple over results where several."""
    count = len(blocks)
    flat = [blocks[0][k] if count == 1 else tuple(b[k] for b in blocks) for k in range(len(blocks[0]))]
    found, start = [], 0
    for p in primals:
        n = len(tree.leaves([p]))
        found.append(flat[start : start + n])
        start += n
    return found


def _basis(x: Any) -> Any:
    n = product(x.shape)
    return reshape(eye(n, dtype=x.dtype), (n, *x.shape))


def _rows(found: Linearised) -> list[list[Any]]:
    blocks = []
    for k, y in enumerate(found.results):

        def row(g: Any, k: int = k) -> list[Any]:
            seeds = [g if i == k else zero(r) for i, r in enumerate(found.results)]
            return tree.leaves(found.pulled(seeds))

        parts = vmap(row)(_basis(y))
        blocks.append([reshape(p, (*y.shape, *x.shape)) for p, x in zip(parts, found.inputs, strict=True)])
    return blocks


def _columns(found: Linearised) -> list[list[Any]]:
    columns = []
    for k, x in enumerate(found.inputs):

        def column(t: Any, k: int = k) -> list[Any]:
            seeds = [t if i == k else zero(v) for i, v in enumerate(found.inputs)]
            return tree.leaves(found.pushed(seeds))

        parts = vmap(column, out_axes=-1)(_basis(x))
        columns.append([reshape(p, (*y.shape, *x.shape)) for p, y in zip(parts, found.results, strict=True)])
    return [list(block) for block in zip(*columns, strict=True)]


@public
def hessian(function: Callable[..., Any], argnums: int = 0) -> Callable[..., Any]:
    """A function returning the matrix of second derivatives of a scalar ``function``: (*shape, *shape) of the argument.

    >>> tg.hessian(lambda x: tg.sum(x**3))(tg.tensor([1.0, 2.0]))
    tensor([[ 6.,  0.],
            [ 0., 12.]], grad_fn=permute_dims)
    """
    return jacobian(grad(function, argnums), argnums, mode="forward")  # type: ignore[no-any-return]


@public
def hvp(function: Callable[..., Any], primals: Sequence[Any], tangents: Sequence[Any]) -> tuple[Any, Any]:
    """``(value of the gradient, Hessian times tangents)`` of a scalar function, without the Hessian: forward over reverse.

    primals, tangents: sequences of the same structure (Pearlmutter, "Fast exact multiplication by the Hessian", 1994).
    """
    positions = tuple(range(len(primals)))
    found: tuple[Any, Any] = jvp(grad(function, positions), primals, tangents)
    return found
