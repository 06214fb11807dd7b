"""Gradient, Laplacian, divergence and normal derivative of any jet, by the chain rule."""

from pinnlab.calculus.functionals import Laplacian
from pinnlab.calculus.jet.base import Derivation, Jet
from pinnlab.calculus.jet.constants import ZERO, Constant
from pinnlab.calculus.jet.elementary import pick
from pinnlab.calculus.jet.leaves import (
    Contraction,
    Coordinate,
    Normal,
    NormalRows,
    fill,
    is_gradient,
)
from pinnlab.calculus.jet.operations import (
    SPREAD,
    Operation,
    Spread,
    elementwise,
    has_rule,
    plus,
    scaled,
    source_of,
    times,
)
from pinnlab.calculus.jet.refusals import opaque_derivative, unsupported
from pinnlab.calculus.jet.rows import column_sum, component, summed


def gradient_over(jet: Jet, name: str, rows: bool = True) -> Jet:
    """The gradient over a vector coordinate, rows ``(n, size)``.

    Args:
        jet: A scalar jet.
        name: The vector coordinate.
        rows: Whether a constant gradient is spread to rows, or stays a number.
    """
    if jet._width:
        raise unsupported(f"The gradient of the vector '{jet._short()}'")
    result = Derivation("_gradient", name)(jet)
    if rows and not result._width:
        coordinate = Coordinate(source_of(jet), name)
        if result._number is not None:
            return fill(result._number, coordinate)
        return Spread(result, coordinate._width)
    return result


def laplacian_over(jet: Jet, name: str) -> Jet:
    r"""The Laplacian over a coordinate, :math:`\Delta f = \sum_i (∇f_i·∇a_i + f_i Δa_i)`.

    Args:
        jet: A scalar jet.
        name: A scalar coordinate (then the second derivative) or a vector one.
    """
    if jet._number is not None:
        return ZERO
    coordinates = source_of(jet).coordinates
    if coordinates.size(name) == 1:
        column = coordinates.slice(name).start
        return jet.along(column).along(column)
    return _laplacian_node(jet, name, {})


def _laplacian_node(jet: Jet, name: str, memo: dict[int, tuple[Jet, Jet]]) -> Jet:
    if jet._number is not None:
        return ZERO
    if not isinstance(jet, Operation):
        return jet._laplacian(name)
    found = memo.get(id(jet))
    if found is None:
        found = memo[id(jet)] = (jet, _laplacian_operation(jet, name, memo))
    return found[1]


def _laplacian_operation(node: Operation, name: str, memo: dict[int, tuple[Jet, Jet]]) -> Jet:
    rule, args = node.rule, node.args
    if rule.name == "column_sum":
        diagonal = Derivation("_diagonal", name)
        twice = Derivation("_diagonal", name)(diagonal(args[0]))
        return summed(twice, args[0]._width)
    if rule.name == "component":
        twice = Derivation("_diagonal", name)(Derivation("_diagonal", name)(args[0]))
        return component(twice, int(str(rule.symbol)))
    if rule.derive is pick:
        return pick(node, lambda a: _laplacian_node(a, name, memo))
    if rule.partials is None:
        raise opaque_derivative(rule.name)
    total: Jet = ZERO
    width = source_of(node).coordinates.size(name)
    for k, arg in enumerate(args):
        first = gradient_over(arg, name, rows=False)
        if first._number == 0:
            continue
        partial = rule.partials[k](args, node)
        second = gradient_over(partial, name, rows=False)
        if second._number != 0:
            total = plus(total, summed(times(second, first), width))
        inner = _laplacian_node(arg, name, memo)
        if inner._number != 0:
            total = plus(total, scaled(partial, inner))
    return total


def divergence_over(rows: Jet, name: str) -> Jet:
    """The divergence of rows ``(n, size)`` over the vector coordinate ``name``.

    It needs the rows to be built from gradients and the coordinate by sums, by scalar factors and
    by elementwise functions of the coordinate: then no off-diagonal second derivative occurs.

    Raises:
        DeclarationError: If an off-diagonal second derivative would be needed.
    """
    if rows._number is not None:
        return ZERO
    if is_gradient(rows, name):
        return Contraction(rows._reader, rows.field, Laplacian(name))  # type: ignore
    if isinstance(rows, Coordinate):
        return Constant(rows._width if rows.name == name else 0)
    if not isinstance(rows, Operation):
        return rows._laplacian(name) if rows._width else ZERO
    if rows.rule is SPREAD:
        slope = gradient_over(rows.args[0], name, rows=False)
        return ZERO if slope._number == 0 else summed(slope, rows._width)
    if rows.rule.partials is None:
        raise opaque_derivative(rows.rule.name)
    total: Jet = ZERO
    for k, arg in enumerate(rows.args):
        factor = rows.rule.partials[k](rows.args, rows)
        total = plus(total, _divergence_term(factor, arg, name))
    return total


def _uniform(rows: Jet) -> Jet | None:
    """The scalar that all columns share, or None if they differ."""
    if not rows._width:
        return rows
    if not isinstance(rows, Operation) or rows.rule.partials is None:
        return None
    if rows.rule is SPREAD:
        return rows.args[0]
    shared = [_uniform(arg) for arg in rows.args]
    if any(arg is None for arg in shared):
        return None
    return elementwise(rows.rule, tuple(shared))  # type: ignore[arg-type]


def _divergence_term(factor: Jet, arg: Jet, name: str) -> Jet:
    """Σ_j factor_j ∂arg_j/∂x_j."""
    if has_rule(arg, SPREAD):
        slope = gradient_over(arg.args[0], name, rows=False)  # type: ignore[attr-defined]
        return ZERO if slope._number == 0 else summed(times(factor, slope), arg._width)
    uniform = _uniform(factor)
    if uniform is not None:
        return scaled(uniform, divergence_over(arg, name))
    diagonal = Derivation("_diagonal", name)(arg)
    return ZERO if diagonal._number == 0 else summed(times(factor, diagonal), arg._width)


def normal_derivative(jet: Jet) -> Jet:
    """The outward normal derivative, Σ n_i ∂jet/∂x_i over the space coordinates."""
    source = source_of(jet)
    space, total = source.coordinates.space, ZERO
    for name in space.names:
        span = space.slice(name)
        if space.size(name) == 1:
            total = plus(total, times(Normal(source, span.start), jet.diff(name)))
        else:
            product = times(NormalRows(source, span), gradient_over(jet, name))
            total = plus(total, column_sum(product))
    return total
