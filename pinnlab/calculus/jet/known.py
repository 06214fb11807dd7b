"""What is known before the fields are, and the contractions of gradients that it allows.

A gradient over a million components is never needed as such: its square and its product with a
known vector are functionals of their own, of which the second costs a single direction.
"""

from collections.abc import Mapping
from typing import Any

from torch import Tensor

from pinnlab.calculus.differentiated import (
    Differentiated,
    GradientOf,
    GradientProduct,
    Steps,
    differentiated,
)
from pinnlab.calculus.differentiation import directed
from pinnlab.calculus.functionals import (
    DirectionalDerivative,
    Functional,
    GradientRows,
    SquaredGradient,
)
from pinnlab.calculus.jet.base import Jet
from pinnlab.calculus.jet.constants import Constant
from pinnlab.calculus.jet.leaves import Contraction, Coordinate, Normal, NormalRows
from pinnlab.calculus.jet.operations import MULTIPLY, NEGATE, POWER, Operation, Spread
from pinnlab.calculus.jet.refusals import opaque_derivative
from pinnlab.calculus.known import Known, content


def known(jet: Jet) -> Known | None:
    """The jet as a known value; None if it reads a field or something trained."""
    stack, reads = [jet], set()
    while stack:
        node = stack.pop()
        if isinstance(node, Operation):
            if node.rule.partials is None and node.rule.derive is None:
                return None  # a foreign function, of which only the value at these points is kept
            stack.extend(node.args)
        elif isinstance(node, Constant):
            # Unknowns are tensors without axes; one with an axis of points is for these points.
            if isinstance(node._value, Tensor) and (node._value.ndim != 1 or not node._width):
                return None
        elif isinstance(node, Coordinate | Normal):
            reads.add(node.name if isinstance(node, Coordinate) else "n")
        else:
            return None
    return Known(_key(jet), lambda columns: evaluate(jet, columns), str(jet), frozenset(reads))


def _key(jet: Jet) -> Any:
    if isinstance(jet, Operation):
        return jet.rule.name, jet.rule.symbol, *map(_key, jet.args)
    if isinstance(jet, Coordinate):
        return jet.name
    if isinstance(jet, Normal):
        return "n", str(jet)
    value = jet._value
    return content(value) if isinstance(value, Tensor) else value


def _components(normal: Normal) -> slice | int:
    return normal.span if isinstance(normal, NormalRows) else normal.axis


def evaluate(jet: Jet, columns: Mapping[str, Any]) -> Any:
    """An expression of coordinates and constants at other points, or on the jets of points.

    Args:
        jet: The expression.
        columns: Tensors or Taylor tensors ``(n,)`` or ``(n, size)`` by coordinate; the normals
            under ``n`` if they are read.
    """
    return _evaluate(jet, columns, {})


def _evaluate(jet: Jet, columns: Mapping[str, Any], memo: dict[int, Any]) -> Any:
    if id(jet) not in memo:
        if isinstance(jet, Coordinate):
            value: Any = columns[jet.name]
        elif isinstance(jet, Normal):
            value = columns["n"][:, _components(jet)]
        elif isinstance(jet, Spread):
            value = _evaluate(jet.args[0], columns, memo)
            value = value.unsqueeze(-1) if getattr(value, "ndim", 0) else value
        elif isinstance(jet, Operation):
            if jet.rule.partials is None and jet.rule.derive is None:
                raise opaque_derivative(jet.rule.name)
            value = jet.rule.forward(*[_evaluate(arg, columns, memo) for arg in jet.args])
        else:
            value = jet._value
            if isinstance(value, Tensor):
                like = next(iter(columns.values()))
                value = value.to(dtype=like.dtype, device=like.device)
        memo[id(jet)] = value
    return memo[id(jet)]


def contracted_gradient(rows: Jet) -> Jet | None:
    """The sum of rows as one functional, for ∇u·∇u and for b·∇u with b known; None otherwise."""
    if not isinstance(rows, Operation):
        return None
    if rows.rule is NEGATE:
        found = contracted_gradient(rows.args[0])
        return None if found is None else -found
    if rows.rule is POWER and rows.args[1]._number == 2:
        a = b = rows.args[0]
    elif rows.rule is MULTIPLY:
        a, b = rows.args
    else:
        return None
    for gradient, other in ((a, b), (b, a)):
        steps = _gradient_steps(gradient)
        if steps is None:
            continue
        assert isinstance(gradient, Contraction)
        reader, field, name = gradient._reader, gradient.field, gradient.what.name
        if isinstance(other, Contraction):
            others = _gradient_steps(other)
            same = others is not None and (other.field, other.what.name) == (field, name)
            return Contraction(reader, field, _product(name, steps, others)) if same else None  # type: ignore[arg-type]
        direction = known(other) if other._width else None
        if direction is not None:
            what = DirectionalDerivative(name, direction=direction)
            return Contraction(reader, field, differentiated(what, steps))  # type: ignore[arg-type]
    return _along_gradient(a, b) or _along_gradient(b, a)


def _gradient_steps(jet: Jet) -> Steps | None:
    """The derivatives of which a jet is the gradient; None if it is no gradient of a field's."""
    if not isinstance(jet, Contraction):
        return None
    if isinstance(jet.what, GradientRows):
        return Steps()
    inner = jet.what.inner if isinstance(jet.what, Differentiated) else None
    return jet.what.steps if isinstance(inner, GradientRows) else None  # type: ignore[union-attr]


def _product(name: str, left: Steps, right: Steps) -> Functional:
    if not len(left) and not len(right):
        return SquaredGradient(name)
    return GradientProduct(name, left=left, right=right)


def _along_gradient(gradient: Jet, other: Jet) -> Jet | None:
    """b·∇(Lu) for a contraction L: one direction behind it."""
    if not isinstance(gradient, Contraction) or not isinstance(gradient.what, GradientOf):
        return None
    direction = known(other) if other._width else None
    if direction is None:
        return None
    what = directed(gradient.what.inner, direction)
    return Contraction(gradient._reader, gradient.field, what)  # type: ignore[arg-type]
