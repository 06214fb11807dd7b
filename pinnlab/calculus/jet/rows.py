"""Rows ``(n, size)``, of vector coordinates and gradients over them: sums and components."""

from typing import Any

from pinnlab.calculus.jet.base import Derivation, Jet
from pinnlab.calculus.jet.constants import ONE, ZERO, Constant
from pinnlab.calculus.jet.known import contracted_gradient
from pinnlab.calculus.jet.leaves import Coordinate, one_hot
from pinnlab.calculus.jet.operations import (
    SPREAD,
    Operation,
    Rule,
    has_rule,
    source_of,
    times,
)
from pinnlab.errors import DeclarationError


def row_sum(jet: Jet, dim: int = -1) -> Jet:
    """The sum over the columns of rows ``(n, size)``."""
    _check_columns(jet, dim, "sum")
    return column_sum(jet)


def row_mean(jet: Jet, dim: int = -1) -> Jet:
    """The mean over the columns of rows ``(n, size)``."""
    _check_columns(jet, dim, "mean")
    return column_sum(jet) / jet._width


def indexed(jet: Jet, key: Any) -> Jet:
    """One component of rows, ``x[i]`` or ``x[:, i]``."""
    column = key[1] if isinstance(key, tuple) and len(key) == 2 else key
    whole = not isinstance(key, tuple) or key[0] in (slice(None), Ellipsis)
    if not jet._width or not whole or not isinstance(column, int):
        raise DeclarationError(
            f"'{jet._short()}' cannot be indexed so",
            expected="x[i], the i-th component of a vector coordinate or of its gradient",
            got=repr(key),
            do="use the fields and coordinates by name; points have no index in an equation",
        )
    if not -jet._width <= column < jet._width:
        raise DeclarationError(
            f"'{jet._short()}' has no component {column}",
            expected=f"0 to {jet._width - 1}",
            got=column,
            do="correct the index",
        )
    return component(jet, column % jet._width)


def _check_columns(jet: Jet, dim: int, name: str) -> None:
    if not jet._width or dim not in (-1, 1):
        raise DeclarationError(
            f"{name} needs the columns of a vector coordinate or gradient",
            expected="rows (n, size) and dim=-1",
            got=f"'{jet._short()}' with dim={dim}",
            do="for an integral over the domain declare an Integral condition",
        )


def column_sum(jet: Jet) -> Jet:
    """The sum over the columns of rows."""
    contracted = contracted_gradient(jet)
    return Operation(COLUMN_SUM, (jet,), jet._reader) if contracted is None else contracted


def summed(jet: Jet, width: int) -> Jet:
    """The sum over ``width`` columns of rows, or of a scalar that all columns share."""
    return column_sum(jet) if jet._width else times(Constant(width), jet)


def component(jet: Jet, column: int) -> Jet:
    """One column of rows; a scalar is what all columns share."""
    rule = Rule(
        "component",
        lambda a: a[..., column],
        (lambda args, node: ONE,),
        str(column),
        derive=_derive_component,
    )
    if not jet._width:  # all columns share it
        return jet
    if has_rule(jet, SPREAD):
        return jet.args[0]  # type: ignore[attr-defined]
    return Operation(rule, (jet,), jet._reader)


def _derive_column_sum(node: Operation, derivation: Derivation) -> Jet:
    rows = node.args[0]
    if derivation.kind == "_gradient":  # ∂_i Σ_j w_j = ∂_i w_i, as rows are elementwise in x
        return Derivation("_diagonal", derivation.where)(rows)
    return summed(derivation(rows), rows._width)


def _derive_component(node: Operation, derivation: Derivation) -> Jet:
    rows, column = node.args[0], int(str(node.rule.symbol))
    if derivation.kind != "_gradient":
        return component(derivation(rows), column)
    slope = Derivation("_diagonal", derivation.where)(rows)
    if slope._number == 0:
        return ZERO
    return times(slope, one_hot(Coordinate(source_of(node), derivation.where), column))


COLUMN_SUM = Rule(
    "column_sum", lambda a: a.sum(-1), (lambda args, node: ONE,), derive=_derive_column_sum
)
