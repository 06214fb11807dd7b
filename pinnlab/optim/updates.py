"""Optimisers whose step is the update alone.

What ``torch.optim`` does in every step beside the update (hooks, profiling, a search through all
states, groups by device and type) takes longer than the update of a small network.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor


@dataclass
class _Group:
    """The parameters of one group and their states, in one order."""

    parameters: list[Tensor]
    averages: list[Tensor]
    squares: list[Tensor]
    steps: list[Tensor]


class FusedAdam(torch.optim.AdamW):
    """``AdamW(fused=True)``, which is Adam where nothing decays; a step calls no hooks.

    The states are those of torch's own class, which takes the step where a gradient is missing, or
    where ``found_inf`` may tell the update to be skipped.
    """

    def __init__(self, params: Any, *, weight_decay: float = 0.0, **options: Any) -> None:
        super().__init__(params, weight_decay=weight_decay, fused=True, **options)
        self._ready: list[_Group] | None = None

    def load_state_dict(self, state_dict: Any) -> None:
        """See :meth:`torch.optim.Optimizer.load_state_dict`."""
        super().load_state_dict(state_dict)
        self._ready = None

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> None:  # type: ignore[override]
        """One update from the gradients that the parameters hold."""
        found = [[p.grad for p in group["params"]] for group in self.param_groups]
        complete = all(g is not None for gradients in found for g in gradients)
        # Of a step that may be skipped on its device torch's class counts the steps.
        complete = complete and getattr(self, "found_inf", None) is None
        if self._ready is None or not complete or closure is not None:
            super().step(closure)
            self._ready = self._groups() if complete else None
            return
        for group, ready, gradients in zip(self.param_groups, self._ready, found, strict=True):
            torch._foreach_add_(ready.steps, 1)
            torch._fused_adamw_(
                ready.parameters, gradients, ready.averages, ready.squares, [], ready.steps,
                amsgrad=False, lr=group["lr"], beta1=group["betas"][0], beta2=group["betas"][1],
                weight_decay=group["weight_decay"], eps=group["eps"], maximize=False,
            )  # fmt: skip

    step.hooked = True  # type: ignore[attr-defined]  # else torch wraps it in what is left out here

    def _groups(self) -> list[_Group]:
        made = []
        for group in self.param_groups:
            states = [self.state[p] for p in group["params"]]
            columns = ([s[name] for s in states] for name in ("exp_avg", "exp_avg_sq", "step"))
            made.append(_Group(group["params"], *columns))
        return made


class Descent(torch.optim.SGD):
    """θ ← θ − lr·g with a gradient for every parameter; a step calls no hooks."""

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> None:  # type: ignore[override]
        """One update from the gradients that the parameters hold."""
        for group in self.param_groups:
            parameters = group["params"]
            torch._foreach_add_(parameters, [p.grad for p in parameters], alpha=-group["lr"])

    step.hooked = True  # type: ignore[attr-defined]
