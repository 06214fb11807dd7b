"""What does a step cost that knows the gradient of every term?

Three problems, float32, one thread, Adam with a rate of 1e-3:

- ``burgers``: Burgers' equation, 3 x 20, 2 540 points of the equation, 80 of the ends, 160 of the
  start; three terms on points of their own;
- ``wide``: the same, 5 x 100 and 5 000 points of the equation;
- ``flow``: steady Navier-Stokes equations, 4 x 50; eight terms, of which the two momenta and
  continuity share 2 000 points, four walls with 100 points each, and 100 measurements.

In every round each way of taking a step takes its steps once, right after the plain sum has taken
its own or, in every other round, right before: the table holds medians of the ratios of these
neighbours, in processor time. Of pinnlab a step is what the optimiser does in it: points stay,
nothing is logged. Beside every aggregator by name there are

- ``conflictfree``: the package's loop as its README has it, with a forward and a backward pass for
  every term, and its momentum operator, with one term in every step;
- ``torchjd``: ``backward`` of all terms at once, one row after the other, and UPGrad and ConFIG of
  the library (with its solvers, if they are installed),

both on the objective of pinnlab, the same code that the plain sum differentiates, and
``autograd sum`` and ``autograd conflictfree``: the plain sum and the package's loop on a network
and equations written in torch alone, with nested differentiation.

Before any time is taken all must agree on the terms to float32 rounding; on ``burgers`` and
``flow`` the packages and pinnlab must agree on ConFIG's direction. (``wide`` begins with gradients
at a cosine of -0.998, which least squares in single precision do not resolve.)

    python benchmarks/aggregation_step.py                     # all, about 10 minutes
    python benchmarks/aggregation_step.py --cases burgers --rounds 3 --no-write

The other packages: ``pip install conflictfree torchjd qpsolvers quadprog``; rows whose package is
not installed are left out.
"""

import argparse
import math
import statistics
import sys
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from _measure import Worker, machine, median_of_ratios, serve, timed, write

SCRIPT = Path(__file__).resolve()
# A round takes about a quarter of a second, and every term its turn where they take turns.
STEPS = {"burgers": 42, "wide": 3, "flow": 16}
WAYS = [
    "Sum",
    "ConFIG",
    "MConFIG",
    "ConflictFree",
    "UPGrad",
    "PCGrad",
    "DualProj",
    "MGDA",
    "NashMTL",
    "CAGrad",
    "AlignedMTL",
    "IMTLG",
    "GradVac",
    "GradDrop",
    "Bloop",
    "MultiAdam",
    "SparseTraining",
    "conflictfree ConFIG",
    "conflictfree M-ConFIG",
    "torchjd UPGrad",
    "torchjd ConFIG",
    "autograd sum",
    "autograd conflictfree ConFIG",
]
NEEDS = {"conflictfree": "conflictfree", "torchjd": "torchjd"}
LIMITS = {
    "ConflictFree": 1.10,
    "ConFIG": 1.10,
    "UPGrad": 1.10,
    "MConFIG": 0.6,
}  # of the ratio, three disjoint terms
TOLERANCE = 1e-4  # relative; terms and directions in float32
DAMPED = 1e-2  # ConFIG directions: the packages solve in float32


# --- problems -------------------------------------------------------------------------------
def burgers(points: int, width: int, depth: int) -> Any:
    """Burgers' equation, assembled."""
    import pinnlab as pl
    from pinnlab.problems.assemble import PointBudget, assemble

    problem = pl.Problem(
        domain=pl.Interval("x", -1, 1) * pl.Time("t", 0, 1),
        fields=["u"],
        parameters={"nu": 0.01 / pl.pi},
        equations={"equation": "u.t + u*u.x - nu*u.xx"},
        conditions={
            "ends": pl.Dirichlet(u=0, points=80),
            "start": pl.Initial(u="-sin(pi*x)", points=160),
        },
    )
    budget = PointBudget(interior=points, boundary=80)
    return assemble(problem, pl.MLP(width, depth, scale_inputs=False), budget=budget)


def flow() -> Any:
    """Steady Navier-Stokes equations with eight terms, assembled."""
    import numpy as np

    import pinnlab as pl
    from pinnlab.problems.assemble import PointBudget, assemble

    x, y = np.random.default_rng(0).random((2, 100))
    walls = {
        side: pl.Dirichlet(u="4*x*(1 - x)" if side == "top" else 0, v=0, on=side, points=100)
        for side in ("left", "right", "bottom", "top")
    }
    problem = pl.Problem(
        domain=pl.Box(x=(0, 1), y=(0, 1)),
        fields=["u", "v", "p"],
        parameters={"nu": 0.01},
        equations={
            "momentum_x": "u*u.x + v*u.y + p.x - nu*(u.xx + u.yy)",
            "momentum_y": "u*v.x + v*v.y + p.y - nu*(v.xx + v.yy)",
            "mass": "u.x + v.y",
        },
        conditions={**walls, "sensors": pl.Data({"x": x, "y": y, "u": x * y})},
    )
    budget = PointBudget(interior=2000, boundary=100)
    return assemble(problem, pl.MLP(50, 4, scale_inputs=False), budget=budget)


CASES: dict[str, Callable[[], Any]] = {
    "burgers": lambda: burgers(2540, 20, 3),
    "wide": lambda: burgers(5000, 100, 5),
    "flow": flow,
}


def aggregator(name: str, names: tuple[str, ...]) -> Any:
    """By name, with what it cannot do without."""
    import pinnlab as pl

    if name == "Bloop":
        return pl.Bloop(main=names[0])
    if name == "SparseTraining":
        return pl.SparseTraining(0.5, pl.ConFIG())
    return getattr(pl, name)()


# --- ways to take a step --------------------------------------------------------------------
class Own:
    """Steps of pinnlab.

    Args:
        case: Name of the problem.
        name: Of the aggregator.
    """

    def __init__(self, case: str, name: str) -> None:
        import pinnlab as pl

        self.objective = CASES[case]().objective
        self._aggregator = aggregator(name, self.objective.names)
        self._stepper = pl.Adam(1_000_000, lr=1e-3).start(self.objective, self._aggregator)

    def step(self) -> None:
        """One step."""
        self._stepper.step(self.objective)

    def terms(self) -> list[float]:
        """Mean squares by term."""
        return self.objective.terms().tolist()

    def direction(self) -> list[float]:
        """That of ConFIG, all parameters in a row."""
        import pinnlab as pl

        return pl.ConFIG()(self.objective.gradients()[0]).tolist()


class Others:
    """What loops with other packages share: the objective of pinnlab and torch's Adam.

    Args:
        case: Name of the problem.
    """

    def __init__(self, case: str) -> None:
        import torch

        self.objective = CASES[case]().objective
        self.module: torch.nn.Module = self.objective.state
        self.optimizer = torch.optim.Adam(self.objective.parameters, lr=1e-3, fused=True)

    def losses(self) -> list[Callable[[], Any]]:
        """A function for each term: its half mean square, from a forward pass of its own."""
        return [self.objective.only([name]).loss for name in self.objective.names]

    def step(self) -> None:
        """One step."""
        self.differentiate()
        self.optimizer.step()

    def differentiate(self) -> None:
        """Leave a direction in ``.grad``."""
        raise NotImplementedError

    def terms(self) -> list[float]:
        """Mean squares by term."""
        return [2 * float(loss().detach()) for loss in self.losses()]

    def direction(self) -> list[float]:
        """All parameters in a row."""
        import torch

        self.differentiate()
        parameters = self.optimizer.param_groups[0]["params"]
        return torch.cat([p.grad.reshape(-1) for p in parameters]).tolist()


def one_by_one(runner: Others) -> None:
    """The loop of the README of ``conflictfree``: forward and backward pass of each term."""
    from conflictfree.grad_operator import ConFIG_update
    from conflictfree.utils import apply_gradient_vector, get_gradient_vector

    gradients = []
    for loss in runner.losses():
        runner.optimizer.zero_grad()
        loss().backward()
        gradients.append(get_gradient_vector(runner.module))
    apply_gradient_vector(runner.module, ConFIG_update(gradients))


class ConflictFree(Others):
    """That loop."""

    def differentiate(self) -> None:
        """See :func:`one_by_one`."""
        one_by_one(self)


class ConflictFreeMomentum(Others):
    """The momentum operator of ``conflictfree``: one term in every step."""

    def __init__(self, case: str) -> None:
        import torch
        from conflictfree.momentum_operator import PseudoMomentumOperator
        from conflictfree.utils import OrderedSliceSelector

        super().__init__(case)
        self.optimizer = torch.optim.SGD(self.objective.parameters, lr=1e-3)  # as the package says
        self._operator = PseudoMomentumOperator(num_vectors=len(self.objective.names))
        self._selector = OrderedSliceSelector()

    def differentiate(self) -> None:
        """One forward and one backward pass in all."""
        from conflictfree.utils import get_gradient_vector

        index, loss = self._selector.select(1, self.losses())
        self.optimizer.zero_grad()
        loss().backward()
        gradient = get_gradient_vector(self.module)
        self._operator.update_gradient(self.module, index, gradient)


class TorchJD(Others):
    """``torchjd.autojac.backward`` of all terms, from one forward pass."""

    def __init__(self, case: str, name: str) -> None:
        import torchjd.aggregation

        super().__init__(case)
        self._aggregator = getattr(torchjd.aggregation, name)()

    def differentiate(self) -> None:
        """One forward pass, and one backward pass for each row."""
        from torchjd.autojac import backward, jac_to_grad

        self.optimizer.zero_grad()
        blocks = self.objective.residuals()
        halves = 0.5 * self.objective.mean_squares(blocks)
        # Row by row: hand-written backward passes are not vectorised.
        backward(halves, inputs=self.objective.parameters, parallel_chunk_size=1)
        jac_to_grad(self.objective.parameters, self._aggregator)


class Autograd(Others):
    """The plain sum on a network and equations in torch alone, with nested differentiation."""

    def __init__(self, case: str) -> None:
        import torch
        from torch import nn

        super().__init__(case)
        if case == "flow":
            raise NotImplementedError("written for Burgers' equation only")
        linears = [m for m in self.objective.state.modules() if isinstance(m, nn.Linear)]
        layers: list[nn.Module] = []
        for layer in linears:
            layers += [layer, nn.Tanh()]
        self.module = nn.Sequential(*layers[:-1])
        self.optimizer = torch.optim.Adam(self.module.parameters(), lr=1e-3, fused=True)
        self.x, self.ends, self.start = (p.x for p in self.objective.points.values())

    def losses(self) -> list[Callable[[], Any]]:
        """A function for each term."""
        import torch

        def equation() -> Any:
            points = self.x.clone().requires_grad_()
            u = self.module(points)
            (first,) = torch.autograd.grad(u.sum(), points, create_graph=True)
            (second,) = torch.autograd.grad(first[:, 0].sum(), points, create_graph=True)
            residual = first[:, 1] + u[:, 0] * first[:, 0] - 0.01 / math.pi * second[:, 0]
            return 0.5 * residual.square().mean()

        def ends() -> Any:
            return 0.5 * self.module(self.ends).square().mean()

        def start() -> Any:
            value = -torch.sin(math.pi * self.start[:, :1])
            return 0.5 * (self.module(self.start) - value).square().mean()

        return [equation, ends, start]

    def differentiate(self) -> None:
        """One backward pass of the sum."""
        import torch

        self.optimizer.zero_grad()
        torch.stack([loss() for loss in self.losses()]).sum().backward()


class AutogradConflictFree(Autograd):
    """The loop of the README on the same."""

    def differentiate(self) -> None:
        """See :func:`one_by_one`."""
        one_by_one(self)


def make(case: str, way: str) -> Any:
    """What takes the steps."""
    special: dict[str, Callable[[], Any]] = {
        "conflictfree ConFIG": lambda: ConflictFree(case),
        "conflictfree M-ConFIG": lambda: ConflictFreeMomentum(case),
        "torchjd UPGrad": lambda: TorchJD(case, "UPGrad"),
        "torchjd ConFIG": lambda: TorchJD(case, "ConFIG"),
        "autograd sum": lambda: Autograd(case),
        "autograd conflictfree ConFIG": lambda: AutogradConflictFree(case),
    }
    return special[way]() if way in special else Own(case, way)


def worker(case: str) -> None:
    """Serve all ways of one problem, in a process with one thread."""
    import torch

    torch.set_num_threads(1)
    runners: dict[str, Any] = {}

    def answer(do: str, way: str, count: int = 0) -> dict[str, Any]:
        if way not in runners:
            runners[way] = make(case, way)
        runner = runners[way]

        def steps() -> None:
            for _ in range(count):
                runner.step()

        return timed(steps, count) if do == "steps" else {do: getattr(runner, do)()}

    serve(answer)


# --- comparison -----------------------------------------------------------------------------
def missing(case: str, way: str) -> str:
    """Why a way is left out, or nothing."""
    for word, package in NEEDS.items():
        if word in way.split() and find_spec(package) is None:
            return f"{package} is not installed"
    if way.startswith("torchjd UPGrad") and find_spec("quadprog") is None:
        return "TorchJD's UPGrad needs qpsolvers and quadprog"
    if way.startswith("autograd") and case == "flow":
        return "written for Burgers' equation only"
    return ""


def check(case: str, ways: list[str], process: Worker) -> dict[str, float]:
    """Largest relative differences of the terms, and of ConFIG's direction, from the plain sum's.

    Raises:
        SystemExit: If they are more than rounding.
    """
    terms = process.ask(do="terms", way="Sum")["terms"]
    direction = process.ask(do="direction", way="Sum")["direction"]
    length = math.hypot(*direction)
    found = {}
    for way in ways:
        other = process.ask(do="terms", way=way)["terms"]
        found[f"terms of {way}"] = max(
            abs(a - b) / abs(a) for a, b in zip(terms, other, strict=True)
        )
        if way.endswith(" ConFIG") and case != "wide":
            other = process.ask(do="direction", way=way)["direction"]
            off = math.hypot(*(a - b for a, b in zip(direction, other, strict=True)))
            found[f"direction of {way}"] = off / length
    for name, difference in found.items():
        if difference > (DAMPED if name.startswith("direction") else TOLERANCE):
            raise SystemExit(f"{case}: the {name} differ by {difference:.1e}")
    return found


def compare(case: str, ways: list[str], rounds: int) -> dict[str, Any]:
    """Times of all ways in alternated rounds."""
    left_out = {way: reason for way in ways if (reason := missing(case, way))}
    chosen = [way for way in ways if way not in left_out]
    process = Worker(str(SCRIPT), "--worker", case)
    differences = check(case, chosen, process)
    for way in chosen:
        process.ask(do="steps", way=way, count=2 * STEPS[case])  # warm up
    plain: dict[str, list[dict[str, float]]] = {way: [] for way in chosen}
    own: dict[str, list[dict[str, float]]] = {way: [] for way in chosen}
    for number in range(rounds):
        for way in chosen:
            pair = [("Sum", plain[way]), (way, own[way])]
            for name, times in pair[:: (-1) ** number]:
                times.append(process.ask(do="steps", way=name, count=STEPS[case]))
    process.close()
    summary = {}
    for way in chosen:
        cpu = [r["cpu_ms"] for r in own[way]]
        ratio = median_of_ratios(cpu, [r["cpu_ms"] for r in plain[way]])
        summary[way] = {
            "cpu_ms": round(statistics.median(cpu), 3),
            "cpu_ms_least": round(min(cpu), 3),
            "ratio": round(ratio, 3),
        }
    return {
        "case": case,
        "differences": differences,
        "left_out": left_out,
        "summary": summary,
        "rounds_cpu_ms": {
            way: {"sum": _processor_times(plain[way]), "own": _processor_times(own[way])}
            for way in chosen
        },
    }


def _processor_times(rounds: list[dict[str, float]]) -> list[float]:
    return [round(r["cpu_ms"], 3) for r in rounds]


def main() -> None:
    """Measure, print a table, write the results."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--cases", nargs="+", default=list(CASES), choices=list(CASES))
    parser.add_argument("--ways", nargs="+", default=WAYS, choices=WAYS)
    parser.add_argument("--rounds", type=int, default=11)
    parser.add_argument("--name", default="aggregation_step", help="of the files of results")
    parser.add_argument("--no-write", action="store_true", help="only print")
    options = parser.parse_args()
    ways = list(dict.fromkeys(["Sum", *options.ways]))
    payload: dict[str, Any] = {
        "question": __doc__.splitlines()[0],
        "command": "python benchmarks/" + " ".join([Path(sys.argv[0]).name, *sys.argv[1:]]),
        "machine": machine("conflictfree", "torchjd"),
        "comparisons": [],
    }
    lines = []
    for case in options.cases:
        result = compare(case, ways, options.rounds)
        payload["comparisons"].append(result)
        print(f"{case}: {STEPS[case]} steps a round, {options.rounds} rounds")
        for way, numbers in result["summary"].items():
            limit = LIMITS.get(way) if case != "flow" else None
            verdict = "" if limit is None else f"  (at most {limit:.2f})"
            print(f"  {way:30} {numbers['cpu_ms']:9.2f} ms  {numbers['ratio']:6.3f}{verdict}")
            lines.append({"case": case, "way": way, **numbers})
        for way, reason in result["left_out"].items():
            print(f"  {way:30} left out: {reason}")
    if not options.no_write:
        write(options.name, payload, lines)


if __name__ == "__main__":
    if sys.argv[1:2] == ["--worker"]:
        worker(*sys.argv[2:])
    else:
        main()
