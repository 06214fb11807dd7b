"""Verification: problems with known solutions."""

from pinnlab.problems.manufactured import manufactured as manufactured

__all__ = ["manufactured"]
