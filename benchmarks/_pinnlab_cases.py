"""The problems of the step benchmark, declared in pinnlab, on points given by a file."""

from collections.abc import Callable

import numpy as np
import torch
from _high_dimension import Run

import pinnlab as pl
from pinnlab.problems.assemble import PointBudget, assemble
from pinnlab.sampling.points import Points

WEIGHT = 2.0  # the loss is half a weighted sum of mean squares; so it is their sum


def burgers() -> tuple[pl.Problem, pl.MLP]:
    """Burgers in 1-D."""
    problem = pl.Problem(
        domain=pl.Interval("x", -1, 1) * pl.Time("t", 0, 0.99),
        fields=["u"],
        parameters={"nu": 0.01 / pl.pi},
        equations={"equations": "u.t + u*u.x - nu*u.xx"},
        conditions={"ends": pl.Dirichlet(u=0), "start": pl.Initial(u="-sin(pi*x)")},
    )
    return problem, pl.MLP(width=20, depth=3, scale_inputs=False)


def poisson() -> tuple[pl.Problem, pl.MLP]:
    """Poisson in 2-D."""
    problem = pl.Problem(
        domain=pl.Box(x=(0, 1), y=(0, 1)),
        fields=["u"],
        equations={"equations": "u.xx + u.yy + 2*pi**2*sin(pi*x)*sin(pi*y)"},
        conditions={"walls": pl.Dirichlet(u=0)},
    )
    return problem, pl.MLP(width=100, depth=5, scale_inputs=False)


def flow(u, v, p, *, Re):
    """Steady incompressible Navier-Stokes equations: two momenta and continuity."""
    return (
        u * u.x + v * u.y + p.x - (u.xx + u.yy) / Re,
        u * v.x + v * v.y + p.y - (v.xx + v.yy) / Re,
        u.x + v.y,
    )


def cavity() -> tuple[pl.Problem, pl.MLP]:
    """Steady Navier-Stokes in a lid-driven cavity."""
    problem = pl.Problem(
        domain=pl.Box(x=(0, 1), y=(0, 1)),
        fields=["u", "v", "p"],
        parameters={"Re": 100},
        equations={"equations": flow},
        conditions={
            "lid": pl.Dirichlet(on="top", u=1, v=0),
            "walls": pl.Dirichlet(on=["left", "right", "bottom"], u=0, v=0),
        },
    )
    return problem, pl.MLP(width=100, depth=5, scale_inputs=False)


def korteweg_de_vries() -> tuple[pl.Problem, pl.MLP]:
    """Korteweg and de Vries."""
    return _evolution("u.t + 6*u*u.x + u.xxx")


def kuramoto_sivashinsky() -> tuple[pl.Problem, pl.MLP]:
    """Kuramoto and Sivashinsky."""
    return _evolution("u.t + u*u.x + u.xx + u.xxxx")


def _evolution(equation: str) -> tuple[pl.Problem, pl.MLP]:
    problem = pl.Problem(
        domain=pl.Interval("x", -1, 1) * pl.Time("t", 0, 1),
        fields=["u"],
        equations={"equations": equation},
        conditions={"ends": pl.Dirichlet(u=-1), "start": pl.Initial(u="cos(pi*x)")},
    )
    return problem, pl.MLP(width=50, depth=4, scale_inputs=False)


def beam() -> tuple[pl.Problem, pl.MLP]:
    """A cantilever after Euler and Bernoulli."""
    problem = pl.Problem(
        domain=pl.Interval("x", 0, 1),
        fields=["u"],
        equations={"equations": "u.xxxx + 1"},
        conditions={
            "clamp": pl.Dirichlet(on="left", u=0),
            "slope": pl.Condition("u.x", on="left"),
            "moment": pl.Condition("u.xx", on="right"),
            "shear": pl.Condition("u.xxx", on="right"),
        },
    )
    return problem, pl.MLP(width=40, depth=3, scale_inputs=False)


CASES: dict[str, Callable[[], tuple[pl.Problem, pl.MLP]]] = {
    "burgers": burgers,
    "poisson": poisson,
    "cavity": cavity,
    "kdv": korteweg_de_vries,
    "ks": kuramoto_sivashinsky,
    "beam": beam,
}


class Runner:
    """One assembled problem: its loss and its steps.

    Args:
        name: Of the case.
        path: File with points by term and weights by layer.
        dtype: Precision.
        threads: Of torch.
    """

    def __init__(
        self, name: str, path: str, dtype: torch.dtype = torch.float32, threads: int = 1
    ) -> None:
        torch.set_num_threads(threads)
        given = np.load(path)
        problem, network = CASES[name]()
        weights = {term.name: WEIGHT for term in problem.terms}
        budget = PointBudget(interior=8, boundary=8)
        self.assembly = assemble(problem, network, budget=budget, weights=weights, dtype=dtype)
        objective = self.assembly.objective
        linears = [m for m in objective.state.modules() if isinstance(m, torch.nn.Linear)]
        with torch.no_grad():
            for k, layer in enumerate(linears):
                layer.weight.copy_(torch.from_numpy(given[f"weight{k}"]))
                layer.bias.copy_(torch.from_numpy(given[f"bias{k}"]))
        objective.set_points(
            {
                term.placements[0]: Points(
                    torch.from_numpy(given[term.name]).to(dtype), problem.coordinates
                )
                for term in problem.terms
            }
        )
        self._run: Run | None = None

    @property
    def rows(self) -> int:
        """Points that the network is evaluated on."""
        return sum(len(points) for points in self.assembly.objective.points.values())

    def losses(self) -> dict[str, float]:
        """Mean squares by name."""
        objective = self.assembly.objective
        return dict(zip(objective.names, objective.terms().tolist(), strict=True))

    def steps(self, count: int) -> None:
        """Steps of Adam by the trainer, with its log, as they are in a run of 10 000."""
        if self._run is None:
            self._run = Run(self.assembly)
        self._run.steps(count)
