"""How the operations of a step are carried out."""

from typing import Literal, get_args

import torch

from pinnlab.errors import DeclarationError, nearest

Execution = Literal["eager", "compiled", "graph", "compiled_graph"]
EXECUTIONS: tuple[str, ...] = get_args(Execution)


def check_execution(execution: str, device: torch.device) -> None:
    """Refuse a way of execution that this machine does not have.

    Raises:
        DeclarationError: With what to do instead.
    """
    if execution not in EXECUTIONS:
        raise DeclarationError(
            f"There is no execution '{execution}'",
            expected=", ".join(EXECUTIONS),
            got=execution,
            do=nearest(str(execution), EXECUTIONS) or "choose one of them",
        )
    if is_recorded(execution) and device.type != "cuda":
        raise DeclarationError(
            f"Steps cannot be recorded as a graph on '{device.type}'",
            expected="a CUDA device, on which starting an operation costs more than a small one",
            got=f"execution='{execution}' on '{device.type}'",
            do="leave `execution` out, or use device='cuda'",
        )


def is_compiled(execution: str) -> bool:
    """Whether loss and gradient are one compiled function."""
    return execution in ("compiled", "compiled_graph")


def is_recorded(execution: str) -> bool:
    """Whether whole steps are recorded and replayed."""
    return execution in ("graph", "compiled_graph")
