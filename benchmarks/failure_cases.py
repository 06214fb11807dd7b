"""Which methods get a network past convection at speed 30, on which plain training fails?

u_t + 30 u_x = 0 on [0, 2π] x [0, 1], u = sin(x) at the start, periodic by construction. Every run
has the same network (3 x 32 tanh; one for each window where it marches), the same number of points
and the same number of steps in all; only what the row names is different. First-order phases only:
Adam, and SOAP with the same schedule.

    python benchmarks/failure_cases.py --steps 7500
    python benchmarks/failure_cases.py --steps 7500 --only "Adam, curriculum"

References:
    Krishnapriyan et al. (2021), NeurIPS 34, for the failure, the curriculum and the windows;
    Wang, Sankaran, Perdikaris (2024) for causal weights; Daw et al. (2023), ICML, for R3.
"""

import argparse
import time
from collections.abc import Callable
from typing import Any

from _measure import machine, write

import pinnlab as pl

EDGES = [0.2, 0.4, 0.6, 0.8, 1.0]
SPEEDS = [6.0, 12.0, 18.0, 24.0, 30.0]
NETWORK = pl.MLP(32, 3)
START = {"start": 10.0}  # the weight of the initial state in every run


def problem() -> pl.Problem:
    """Convection at speed 30."""
    return pl.Problem(
        pl.Interval("x", 0, 2 * pl.pi) * pl.Time("t", 0, 1),
        "u",
        {"convection": "u.t + beta*u.x"},
        {"ends": pl.Periodic("u", hard=True), "start": pl.Initial(u="sin(x)")},
        parameters={"beta": 30},
        reference=pl.Reference.exact({"u": "sin(x - beta*t)"}),
        name="convection",
    )


OPTIMISERS: dict[str, Callable[..., Any]] = {
    "Adam": lambda steps, **options: pl.Adam(steps, lr=5e-3, schedule=pl.Linear(), **options),
    "SOAP": lambda steps, **options: pl.SOAP(steps, lr=1e-2, schedule=pl.Linear(), **options),
}
METHODS: dict[str, Callable[[Callable[..., Any], int], dict[str, Any]]] = {
    "plain": lambda make, steps: {"phases": make(steps)},
    "conflict-free": lambda make, steps: {"phases": make(steps), "gradients": pl.ConflictFree()},
    "causal weights": lambda make, steps: {
        "phases": make(steps, resample=50),
        "weights": [START, pl.Causal()],
    },
    "R3": lambda make, steps: {"phases": make(steps), "callbacks": pl.R3(every=10)},
    "causal R3": lambda make, steps: {"phases": make(steps), "callbacks": pl.CausalR3(every=10)},
    "curriculum": lambda make, steps: {
        "phases": pl.Curriculum("beta", SPEEDS, make(steps // len(SPEEDS)))
    },
    "growing windows": lambda make, steps: {
        "phases": pl.Windows("t", EDGES, make(steps // len(EDGES)))
    },
    "marching": lambda make, steps: {
        "phases": pl.March(make(steps // len(EDGES))),
        "surrogate": pl.TimeMarching(NETWORK, EDGES),
    },
}


def run(optimiser: str, method: str, steps: int, seed: int) -> dict[str, Any]:
    """One row of the table."""
    options = METHODS[method](OPTIMISERS[optimiser], steps)
    defaults = {
        "surrogate": NETWORK,
        "weights": START,
        "gradients": pl.Sum(),
        "callbacks": [],
    }
    cpu = time.process_time()
    solution = pl.solve(
        problem(),
        points={"interior": 400, "boundary": 64},
        dtype="float32",
        seed=seed,
        progress=False,
        **(defaults | options),
    )
    return {
        "optimiser": optimiser,
        "method": method,
        "steps": solution.metrics["steps"],
        "seed": seed,
        "relative_l2": solution.error()["u"]["relative_l2"],
        "cpu_s": round(time.process_time() - cpu, 1),
    }


def main() -> None:
    """Measure and write ``results/failure_cases.csv``."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--steps", type=int, default=7500)
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--only", help="one row, such as 'SOAP, marching'; nothing is written")
    arguments = parser.parse_args()
    rows = []
    for optimiser in OPTIMISERS:
        for method in METHODS:
            if arguments.only not in (None, f"{optimiser}, {method}"):
                continue
            for seed in range(arguments.seeds):
                rows.append(run(optimiser, method, arguments.steps, seed))
                print(rows[-1], flush=True)
                if arguments.only is None:
                    write("failure_cases", {"machine": machine(), "rows": rows}, rows)


if __name__ == "__main__":
    main()
