"""Linear operators and solvers."""

from pinnlab.linalg.operators import LinearOperator as LinearOperator

__all__ = ["LinearOperator"]
