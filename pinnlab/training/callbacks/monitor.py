"""A number that callbacks follow through a run."""

from typing import TYPE_CHECKING, Any

import torch

from pinnlab.errors import DeclarationError
from pinnlab.training.callbacks.evaluate import Evaluate

if TYPE_CHECKING:
    from pinnlab.training.callbacks.base import Callback
    from pinnlab.training.trainer import Trainer


class Monitor:
    """What a callback follows: less is better.

    Args:
        owner: The callback.
        name: ``"loss"``, the name of a term for its mean square, or ``"error"`` for the largest
            relative L2 error that :class:`Evaluate` has found. The loss is counted with the
            weights of the declaration, also where others follow the training.
    """

    def __init__(self, owner: "Callback", name: str) -> None:
        self.owner, self.name = owner, name

    def check(self, trainer: "Trainer") -> None:
        """See whether the run has such a number.

        Raises:
            DeclarationError: If it has not.
        """
        names, owner = ("loss", "error", *trainer.objective.names), type(self.owner).__name__
        if self.name not in names:
            raise DeclarationError(
                f"{owner} cannot follow '{self.name}'",
                expected=", ".join(names),
                got=self.name,
                do="choose one of them",
            )
        if self.name != "error":
            return
        earlier = trainer.callbacks[: trainer.callbacks.index(self.owner)]
        if not any(isinstance(callback, Evaluate) for callback in earlier):
            raise DeclarationError(
                f"{owner} cannot follow the error, which nothing evaluates",
                expected=f"callbacks=[Evaluate(every=...), {owner}('error', ...)]",
                got=", ".join(type(callback).__name__ for callback in trainer.callbacks),
                do="put Evaluate before it",
            )
        if trainer.assembly.problem.reference is None:
            raise DeclarationError(
                f"{owner} cannot follow the error without a reference",
                expected="a problem with a reference, and Evaluate among the callbacks",
                got="no reference",
                do="declare `reference`, or monitor 'loss'",
            )

    def value(self, trainer: "Trainer", record: dict[str, Any]) -> float | None:
        """The number in the record of a step; None if it is not there."""
        if self.name == "error":
            errors = record.get("errors")
            return max(e["relative_l2"] for e in errors.values()) if errors else None
        return self._of(record, trainer) if record else None

    def _of(self, record: dict[str, Any], trainer: "Trainer") -> float:
        return trainer.declared_loss(record) if self.name == "loss" else record["terms"][self.name]

    def now(self, trainer: "Trainer") -> float:
        """Loss or term at the present state, which a step has left since its record was made."""
        return self._of(self.record(trainer), trainer)

    @staticmethod
    @torch.no_grad()
    def record(trainer: "Trainer") -> dict[str, Any]:
        """Loss and mean squares of the terms at the present state."""
        objective = trainer.objective
        squares = objective.terms()
        terms = dict(zip(objective.names, squares.tolist(), strict=True))
        return {"loss": objective.loss_of(squares).item(), "terms": terms}
