"""Problems that a function makes, and that remember how."""

import inspect
from collections.abc import Callable
from functools import wraps
from typing import ParamSpec

from pinnlab.problems.problem import Problem

P = ParamSpec("P")


def ready_made(function: Callable[P, Problem]) -> Callable[P, Problem]:
    """Let the problems that a function returns carry its name and arguments.

    A configuration file cannot hold Python functions such as exact solutions, but it can say
    ``{kind: allen_cahn, dim: 1000}``: this is the problem's ``recipe``. It is lost when a part of
    the problem is replaced.

    Args:
        function: Takes numbers and texts, returns a problem.
    """
    signature = inspect.signature(function)

    @wraps(function)
    def make(*args: P.args, **kwargs: P.kwargs) -> Problem:
        problem = function(*args, **kwargs)
        bound = signature.bind(*args, **kwargs)
        bound.apply_defaults()
        recipe = {"kind": function.__name__} | dict(bound.arguments)
        object.__setattr__(problem, "recipe", recipe)
        return problem

    return make
