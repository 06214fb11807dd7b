"""Problems of many dimensions on points and weights given by a file of :mod:`_stde_jax`."""

from contextlib import suppress
from itertools import pairwise
from typing import Any

import numpy as np
import torch
from torch import nn

import pinnlab as pl
from pinnlab.aggregation.base import Aggregator
from pinnlab.objective.objective import Objective
from pinnlab.optim.base import Stepper, StepReport
from pinnlab.problems.assemble import Assembly, PointBudget, assemble
from pinnlab.sampling.points import Points
from pinnlab.training.trainer import Trainer

WEIGHT = 2.0  # the loss is half a weighted mean square; so it is the mean square
NETWORK = {"width": 128, "depth": 3, "scale_inputs": False}


def load(path: str) -> dict[str, Any]:
    """The arrays of a file as float32 tensors, indices as they are."""
    arrays = {name: torch.from_numpy(array) for name, array in np.load(path).items()}
    return {n: a.float() if a.is_floating_point() else a for n, a in arrays.items()}


@torch.no_grad()
def set_weights(module: nn.Module, batch: dict[str, Any]) -> nn.Linear:
    """Copy the weights of a file into the linear layers of a module; the last one is given."""
    linears = [m for m in module.modules() if isinstance(m, nn.Linear)]
    for k, layer in enumerate(linears):
        layer.weight.copy_(batch[f"weight{k}"])
        layer.bias.copy_(batch[f"bias{k}"])
    return linears[-1]


def plain_network(batch: dict[str, Any]) -> nn.Sequential:
    """The network of a file in plain torch."""
    widths = [batch["x"].shape[1], 128, 128, 128, 1]
    layers: list[nn.Module] = []
    for a, b in pairwise(widths):
        layers += [nn.Linear(a, b), nn.Tanh()]
    network = nn.Sequential(*layers[:-1])
    set_weights(network, batch)
    return network


class Pause(Exception):
    """Lets a training run rest after a number of steps."""


class PacedStepper(Stepper):
    """Takes a step as long as it has been told to, and is otherwise the stepper that it wraps."""

    def __init__(self, inner: Stepper) -> None:
        self.inner, self.left = inner, 0

    def step(self, objective: Objective) -> StepReport:
        """See :meth:`Stepper.step`."""
        if self.left == 0:
            raise Pause
        self.left -= 1
        return self.inner.step(objective)

    def state_dict(self) -> dict[str, Any]:
        """See :meth:`Stepper.state_dict`."""
        return self.inner.state_dict()

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """See :meth:`Stepper.load_state_dict`."""
        self.inner.load_state_dict(state)


class PacedAdam(pl.Adam):
    """Adam in a run that rests and goes on."""

    def start(self, objective: Objective, aggregator: Aggregator | None) -> Stepper:
        """See :meth:`Phase.start`."""
        return PacedStepper(super().start(objective, aggregator))


class Run:
    """One training run of 10 000 steps, of which some are taken at a time.

    The log of a run is written at intervals that depend on its length; so short runs in place of
    one would measure the log.

    Args:
        assembly: What is trained.
        resample: As in :class:`pinnlab.Adam`.
    """

    def __init__(self, assembly: Assembly, resample: int | None = None) -> None:
        phase = PacedAdam(10_000, lr=1e-3, resample=resample)
        self.trainer = Trainer(assembly, [phase], progress=False)
        with suppress(Pause):
            self.trainer.run()

    def steps(self, count: int) -> None:
        """Take steps by the trainer, with its log."""
        assert isinstance(self.trainer.stepper, PacedStepper)
        self.trainer.stepper.left = count
        with suppress(Pause):
            self.trainer.run()


class Runner:
    """A problem with one equation, assembled on the points and weights of a file.

    Args:
        problem: The declaration.
        batch: Of :func:`load`.
        scale: Multiplies the network's output.
    """

    def __init__(self, problem: pl.Problem, batch: dict[str, Any], *, scale: float = 1.0) -> None:
        (term,) = problem.terms
        self.assembly = assemble(
            problem,
            pl.MLP(**NETWORK),
            budget=PointBudget(interior=2, boundary=2, sampler="uniform"),
            weights={term.name: WEIGHT},
            scales=None,
        )
        objective = self.assembly.objective
        last = set_weights(objective.state, batch)
        with torch.no_grad():
            last.weight.mul_(scale)
            last.bias.mul_(scale)
        objective.set_points({term.placements[0]: Points(batch["x"], problem.coordinates)})
        self._run = Run(self.assembly)

    def loss(self) -> float:
        """The mean square of the residual."""
        return float(self.assembly.objective.loss())

    def steps(self, count: int) -> None:
        """Steps of Adam by the trainer."""
        self._run.steps(count)
