"""What is refused on jets, and what to do instead."""

from pinnlab.errors import DeclarationError


class UnknownDerivative(DeclarationError, AttributeError):
    """An attribute of a jet that is no derivative; an AttributeError, so that hasattr works."""


def vector_coordinate(name: str) -> DeclarationError:
    """A single derivative by a vector coordinate."""
    return DeclarationError(
        f"'{name}' is a vector coordinate, so there is no single derivative by it",
        expected="a scalar coordinate",
        got=f"the vector coordinate '{name}'",
        do="use grad(u), laplacian(u) or div(...)",
    )


def unsupported(what: str) -> DeclarationError:
    """A derivative that no source supplies over a vector coordinate."""
    return DeclarationError(
        f"{what} is not available",
        expected="values, gradients and Laplacians of fields over a vector coordinate",
        got="a further derivative",
        do="declare scalar coordinates, or introduce the inner quantity as a field of its own",
    )


def opaque_derivative(name: str) -> DeclarationError:
    """The derivative of a function whose slope is not known."""
    return DeclarationError(
        f"The function '{name}' cannot be differentiated here",
        expected="a function of pinnlab, such as pl.sin, pl.exp, pl.where",
        got=name,
        do="write the expression with pinnlab's functions, or differentiate the fields only",
    )


def no_number(short: str, kind: str) -> DeclarationError:
    """A jet where a single number is needed."""
    return DeclarationError(
        f"'{short}' has one value per point and is no single number",
        expected="pointwise arithmetic",
        got=f"{kind}(...), or a function of Python's math module",
        do="use the functions of pinnlab, such as pl.sin instead of math.sin",
    )


def no_sequence(short: str) -> DeclarationError:
    """A jet where a sequence is needed."""
    return DeclarationError(
        f"'{short}' is one quantity on all points, not a sequence",
        expected="the field itself",
        got="len(), iteration or unpacking",
        do="name each component as a field of its own, such as fields=['u', 'v']",
    )
