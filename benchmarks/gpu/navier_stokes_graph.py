"""How long does a small-network step take operation by operation, recorded, and compiled?

The steady Navier-Stokes equations of the step benchmark: u, v, p from one network 2-5x100-3,
10 000 interior and 800 boundary points, float32, Adam. The arithmetic of a step takes a GPU a
fraction of a millisecond, starting its operations one by one takes longer: a recorded graph starts
them at once, and a compiled loss has fewer of them. All ways start from the same weights, take
turns in rounds, and must have the same loss after the same steps.

    python benchmarks/gpu/navier_stokes_graph.py
    python benchmarks/gpu/navier_stokes_graph.py --points 100 --device cpu --rounds 2 --steps 2
"""

import argparse
import statistics
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from _gpu import describe, forget_peak, peak_gib, place, seconds, store
from _pinnlab_cases import cavity

import pinnlab as pl
from pinnlab.problems.assemble import PointBudget, assemble

AGREEMENT = 1e-2  # of the losses after the first rounds: rounding, grown by the steps
WAYS = {"cuda": ("eager", "compiled", "graph", "compiled_graph"), "cpu": ("eager",)}


class Runner:
    """One way of taking steps.

    Args:
        execution: As in :func:`pinnlab.solve`.
        points: In the interior.
        device: Where.
    """

    def __init__(self, execution: str, points: int, device: torch.device) -> None:
        problem, network = cavity()
        budget = PointBudget(interior=points, boundary=max(1, points // 25), sampler="uniform")
        self.device = device
        self.objective = assemble(problem, network, budget=budget, device=device).objective
        self.objective.execute(execution)
        self.stepper = pl.Adam(1_000_000, lr=1e-3).start(self.objective, None)

    def steps(self, count: int) -> float:
        """Milliseconds a step."""

        def act() -> None:
            for _ in range(count):
                self.report = self.stepper.step(self.objective)

        return 1e3 * seconds(act, self.device) / count

    @property
    def loss(self) -> float:
        """Before the last step."""
        return float(self.report.loss)


def compare(options: argparse.Namespace) -> dict[str, Any]:
    """Alternated rounds of all ways."""
    device = place(options.device)
    ways = options.executions or WAYS[device.type]
    runners, setup, memory = {}, {}, {}
    for way in ways:
        forget_peak(device)
        runners[way] = Runner(way, options.points, device)
        # Compiling, warming up and recording; the same number of steps for everybody.
        setup[way] = runners[way].steps(10) * 10 / 1e3
        memory[way] = round(peak_gib(device), 3)
    times: dict[str, list[float]] = {way: [] for way in ways}
    for _ in range(options.rounds):
        for way, runner in runners.items():
            times[way].append(runner.steps(options.steps))
    losses = {way: runner.loss for way, runner in runners.items()}
    reference = next(iter(losses.values()))
    for way, loss in losses.items():
        if abs(loss - reference) > AGREEMENT * abs(reference):
            raise SystemExit(f"{way} computes something else: {losses}")
    fallbacks = {way: runner.objective.fallbacks for way, runner in runners.items()}
    medians = {way: statistics.median(series) for way, series in times.items()}
    return {
        "ms_per_step": medians,
        "ms_per_step_least": {way: min(series) for way, series in times.items()},
        "speedup_over_first": {way: medians[ways[0]] / ms for way, ms in medians.items()},
        "setup_s": setup,
        "peak_memory_gib": memory,
        "losses": losses,
        "fallbacks": fallbacks,
        "rounds": times,
    }


def main(arguments: Sequence[str] | None = None) -> dict[str, Any]:
    """Measure, print a table, write the results."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--points", type=int, default=10_000)
    parser.add_argument("--steps", type=int, default=200, help="in a round")
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--executions", nargs="+", default=None, choices=WAYS["cuda"])
    parser.add_argument("--device", default="auto", help="cuda, cpu, or auto")
    parser.add_argument("--out", default=None, help="folder of the results")
    options = parser.parse_args(arguments)
    device = place(options.device)
    result = compare(options)
    for way, ms in result["ms_per_step"].items():
        print(
            f"{way:15} {ms:8.3f} ms a step  {result['speedup_over_first'][way]:5.2f}x"
            f"  {result['setup_s'][way]:6.1f} s to set up"
        )
    name = "navier_stokes_graph" if device.type == "cuda" else "navier_stokes_on_a_processor"
    payload = {
        "question": __doc__.splitlines()[0],
        "command": "python benchmarks/gpu/" + " ".join([Path(__file__).name, *sys.argv[1:]]),
        "machine": describe(device),
        "settings": {k: v for k, v in vars(options).items() if k != "out"},
        **result,
    }
    print(store(name, payload, options.out))
    return result


if __name__ == "__main__":
    main()
