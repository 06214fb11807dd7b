"""How much faster is a step whose loss and gradient are compiled, on one thread of a processor?

``execution="compiled"`` beside the default, in one process, in alternated rounds, processor time,
float32, Adam: Burgers (3 x 20, 2 540 + 240 points) and Poisson (5 x 100, 10 000 + 400 points) on
fixed points, and sine-Gordon in 100 dimensions (3 x 128, 100 new points and 16 new unit vectors in
every step). The default evaluates chains of layers block by block in the cache, with hand-written
backward passes and NumPy's tanh, which a compiler of plain operations does not know. Both must have
the same losses to rounding.

    python benchmarks/compiled_step.py --rounds 5
"""

import argparse
import statistics
import time
from typing import Any

import torch
from _measure import machine, median_of_ratios, timed, write
from _pinnlab_cases import burgers, poisson

import pinnlab as pl
from pinnlab.problems.assemble import Assembly, PointBudget, assemble
from pinnlab.training.trainer import Trainer

STEPS = {"burgers": 200, "poisson": 6, "sine_gordon_100": 60}
POINTS = {"burgers": (2540, 80), "poisson": (10_000, 400), "sine_gordon_100": (100, 1)}
TOLERANCE = 1e-3  # of losses after the same steps in float32


def build(case: str) -> Assembly:
    """Problem, network and points, the same ones in every call."""
    interior, boundary = POINTS[case]
    budget = PointBudget(interior=interior, boundary=boundary, sampler="uniform")
    if case == "sine_gordon_100":
        problem, network = pl.high_dimension.sine_gordon(100), pl.MLP(128, 3)
        return assemble(problem, network, budget=budget, derivatives=pl.STDE(samples=16))
    problem, network = {"burgers": burgers, "poisson": poisson}[case]()
    return assemble(problem, network, budget=budget)


class Runner:
    """One way of taking steps of a case."""

    def __init__(self, case: str, execution: str) -> None:
        self.assembly = build(case)
        self.assembly.objective.execute(execution)
        self.resample = 1 if case == "sine_gordon_100" else None

    def steps(self, count: int) -> dict[str, float]:
        """Milliseconds of a step by the trainer."""
        phase = pl.Adam(count, lr=1e-3, resample=self.resample)
        trainer = Trainer(self.assembly, [phase], progress=False)
        taken = timed(trainer.run, count)
        self.loss = trainer.records[-1]["loss"]
        return taken


def compare(case: str, rounds: int) -> dict[str, Any]:
    """Both ways in turn."""
    runners = {name: Runner(case, name) for name in ("eager", "compiled")}
    runners["eager"].steps(4)
    began, wall = time.process_time(), time.perf_counter()
    runners["compiled"].steps(4)
    setup = {"cpu_s": time.process_time() - began, "wall_s": time.perf_counter() - wall}
    times: dict[str, list[float]] = {name: [] for name in runners}
    for _ in range(rounds):
        for name, runner in runners.items():
            times[name].append(runner.steps(STEPS[case])["cpu_ms"])
        losses = {name: runner.loss for name, runner in runners.items()}
        if not times["eager"][1:] and abs(losses["compiled"] / losses["eager"] - 1) > TOLERANCE:
            raise SystemExit(f"{case}: the losses differ: {losses}")
    fallbacks = runners["compiled"].assembly.objective.fallbacks
    return {
        "case": case,
        "eager_ms": round(statistics.median(times["eager"]), 3),
        "compiled_ms": round(statistics.median(times["compiled"]), 3),
        "eager_over_compiled": round(median_of_ratios(times["eager"], times["compiled"]), 2),
        "first_steps": setup,
        "fallbacks": fallbacks,
        "losses": losses,
        "rounds": times,
    }


def main() -> None:
    """Measure, print a table, write the results."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--cases", nargs="+", default=list(STEPS), choices=list(STEPS))
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--no-write", action="store_true", help="only print")
    options = parser.parse_args()
    torch.set_num_threads(1)
    results = []
    for case in options.cases:
        results.append(compare(case, options.rounds))
        r = results[-1]
        print(
            f"{case:16} eager {r['eager_ms']:8.2f} ms  compiled {r['compiled_ms']:8.2f} ms"
            f"  ratio {r['eager_over_compiled']:.2f}"
            f"  first steps {r['first_steps']['cpu_s']:.0f} s of processor time",
            flush=True,
        )
    if not options.no_write:
        payload = {
            "question": __doc__.splitlines()[0],
            "command": "python benchmarks/compiled_step.py",
            "machine": machine(),
            "comparisons": results,
        }
        keys = ("case", "eager_ms", "compiled_ms", "eager_over_compiled")
        write("compiled_step", payload, [{k: r[k] for k in keys} for r in results])


if __name__ == "__main__":
    main()
