"""What does the gradient of a residual add to a step, whole and along one random direction?

A step of Adam (residual, backward pass, update; float32, one thread, 1 000 points, 4 x 64 tanh) on

- ``kdv``: u_t + 6 u u_x + u_xxx = 0 over (x, t);
- ``kadomtsev_petviashvili``: (u_t + 6 u u_x + u_xxx)_x + 3 u_yy = 0 over (x, y, t);
- ``navier_stokes_3d``: four fields over (x, y, z, t);

with the residual alone (``none``), with its derivatives by all coordinates (``whole``), and along
one random direction that every step draws anew (``sampled``). All three run in one process in
alternated rounds. ``numbers`` is what a neuron carries for every point: a value and derivatives.

    python benchmarks/gradient_enhanced.py
"""

import argparse
import statistics
from typing import Any

import torch
from _measure import machine, median_of_ratios, pin, timed, write

import pinnlab as pl
from pinnlab.problems.assemble import PointBudget, assemble
from pinnlab.training.trainer import Trainer

SIDE = (-1, 1)
CASES = {
    "kdv": (pl.Interval("x", *SIDE) * pl.Time("t", 0, 1), "u", {}, 16),
    "kadomtsev_petviashvili": (pl.Box(x=SIDE, y=SIDE) * pl.Time("t", 0, 1), "u", {}, 8),
    "navier_stokes_3d": (
        pl.Cuboid(x=SIDE, y=SIDE, z=SIDE) * pl.Time("t", 0, 1), "u v w p", {"nu": 0.01}, 6,
    ),
}  # fmt: skip
KINDS = {
    "none": {},
    "whole": {"gradient": pl.GradientEnhanced("equation")},
    "sampled": {"gradient": pl.GradientEnhanced("equation", samples=1)},
}


class Stepper:
    """One problem, stepped by the trainer.

    Args:
        name: Of the equation.
        kind: How its gradient is taken.
        points: How many.
    """

    def __init__(self, name: str, kind: str, points: int) -> None:
        domain, fields, parameters, _ = CASES[name]
        problem = pl.Problem(
            domain,
            fields,
            {"equation": pl.equations.equation(name)},
            KINDS[kind],
            parameters,
        )
        self.assembly = assemble(
            problem, pl.MLP(64, 4), budget=PointBudget(points, 1), dtype=torch.float32
        )
        layout = self.assembly.objective.frozen.joined(False).layout
        self.numbers = len(layout.slots)

    def steps(self, count: int) -> None:
        """Take steps of Adam."""
        Trainer(self.assembly, [pl.Adam(count)], progress=False, log_every=count).run()


def compare(name: str, options: argparse.Namespace) -> dict[str, Any]:
    """All three kinds on one equation, in alternated rounds."""
    runs = {kind: Stepper(name, kind, options.points) for kind in KINDS}
    count = CASES[name][-1]
    times: dict[str, list[float]] = {kind: [] for kind in KINDS}
    for number in range(options.rounds + 1):
        for kind, run in runs.items():
            taken = timed(lambda run=run: run.steps(count), count)
            if number > 0:  # the first round warms up
                times[kind].append(taken["cpu_ms"])
    row: dict[str, Any] = {"equation": name}
    for kind, run in runs.items():
        row[f"{kind}_numbers"] = run.numbers
        row[f"{kind}_cpu_ms"] = round(statistics.median(times[kind]), 2)
        row[f"{kind}_cpu_ms_least"] = round(min(times[kind]), 2)
    for over, under in (("whole", "none"), ("sampled", "none"), ("whole", "sampled")):
        ratio = median_of_ratios(times[over], times[under])
        row[f"{over}_over_{under}"] = round(ratio, 2)
    return row | {"rounds": times}


def main() -> None:
    """Measure, print a table, write the results."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--points", type=int, default=1000)
    parser.add_argument("--core", type=int, help="to which the process is pinned")
    parser.add_argument("--no-write", action="store_true", help="only print")
    options = parser.parse_args()
    pin(options.core)
    torch.set_num_threads(1)
    rows = []
    for name in CASES:
        row = compare(name, options)
        rows.append(row)
        print(
            f"{name:23}  numbers {row['none_numbers']:2} / {row['whole_numbers']:2} / "
            f"{row['sampled_numbers']:2}   ms {row['none_cpu_ms']:6.1f} / "
            f"{row['whole_cpu_ms']:6.1f} / {row['sampled_cpu_ms']:6.1f}   whole "
            f"{row['whole_over_none']:.2f}x, sampled {row['sampled_over_none']:.2f}x",
            flush=True,
        )
    if not options.no_write:
        payload = {
            "question": __doc__.splitlines()[0],
            "command": "python benchmarks/gradient_enhanced.py",
            "points": options.points,
            "machine": machine(),
            "comparisons": rows,
        }
        table = [{k: v for k, v in row.items() if k != "rounds"} for row in rows]
        write("gradient_enhanced", payload, table)


if __name__ == "__main__":
    main()
