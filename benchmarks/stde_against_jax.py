"""How long does a step with stochastic Taylor derivatives take beside the authors' JAX code?

The two-body sine-Gordon equation on the unit ball in d dimensions: network d-128-128-128-1 with
tanh and the factor 1 − |x|², 100 new points and 16 new coordinates a step, float32, Adam. A step
is everything: points, right side, residual, backward pass and update. The two libraries run in
processes of their own with one thread, pinned to one core, in alternated rounds:

- ``jax``: the function ``update`` of ``sine_gordon.py`` from sail-sg/stde, as it stands there;
- ``pinnlab``: the problem of the catalogue, assembled and stepped by the trainer, with its log;
- ``compiled``: the same with ``execution="compiled"``, in up to 10 000 dimensions.

With ``--threads`` neither is pinned, JAX uses all cores, pinnlab as many threads as given.

Times are processor times; of several threads they are elapsed times. Memory is the peak of the
resident set while stepping, after compilation and the first step. Before any time is taken, both
must agree, on the points, weights, coefficients and coordinates that the JAX code drew (seed 0), on
the right side, the loss and its gradient to float32 rounding. A million dimensions are measured in
pinnlab alone.

    python benchmarks/stde_against_jax.py --stde CHECKOUT --jax-python PYTHON

CHECKOUT is a clone of https://github.com/sail-sg/stde; PYTHON an interpreter with jax, dm-haiku,
optax, jaxtyping and tqdm.
"""

import argparse
import statistics
import sys
import tempfile
from pathlib import Path
from typing import Any

from _against_jax import jax_worker, parser, write_comparisons
from _measure import Worker, median_of_ratios, peak_memory, pin, serve, timed

STEPS = {  # a round takes about half a second each, or one step
    100: {"jax": 40, "pinnlab": 80, "compiled": 80},
    1_000: {"jax": 25, "pinnlab": 80, "compiled": 80},
    10_000: {"jax": 4, "pinnlab": 20, "compiled": 20},
    100_000: {"jax": 1, "pinnlab": 3},
    1_000_000: {"pinnlab": 1},
}
OWN = {"pinnlab": "eager", "compiled": "compiled"}
POINTS, SAMPLES = 100, 16
TOLERANCE = 1e-4  # relative; right side, loss, and gradient in its own norm
SCRIPT = str(Path(__file__).resolve())


class Runner:
    """The problem of the catalogue, ready to step.

    Args:
        dim: Number of dimensions.
        seed: Of coefficients, weights, points and directions.
        execution: As in :func:`pinnlab.solve`.
        threads: Of torch.
    """

    def __init__(self, dim: int, seed: int, execution: str = "eager", threads: int = 1) -> None:
        import torch
        from _high_dimension import NETWORK, Run

        import pinnlab as pl
        from pinnlab.problems.assemble import PointBudget, assemble
        from pinnlab.problems.high_dimension import sine_gordon

        torch.set_num_threads(threads)
        self.problem = sine_gordon(dim, seed=seed)
        (self.term,) = self.problem.terms
        self.assembly = assemble(
            self.problem,
            pl.MLP(**NETWORK),
            budget=PointBudget(interior=POINTS, boundary=POINTS),
            weights={self.term.name: 2.0},  # of half a mean square
            scales=None,
            seed=seed,
            derivatives=pl.STDE(samples=SAMPLES),
        )
        self.assembly.objective.execute(execution)
        self._start = lambda: Run(self.assembly, resample=1)
        self._run: Run | None = None

    def steps(self, count: int) -> None:
        """Steps by the trainer, each on new points and coordinates."""
        if self._run is None:
            self._run = self._start()
        self._run.steps(count)

    def check(self, path: str) -> dict[str, float]:
        """Relative differences to what the JAX code found on the same batch."""
        import torch
        from _high_dimension import load, set_weights

        from pinnlab.calculus import directions
        from pinnlab.calculus.slopes import Units
        from pinnlab.sampling.points import Points

        batch = load(path)
        objective = self.assembly.objective
        with torch.no_grad():
            # The distance that vanishes on the sphere has slope one there, (1 − |x|²)/2.
            last = set_weights(objective.state, batch)
            last.weight.mul_(2)
            last.bias.mul_(2)
        drawn, own = Units(batch["directions"], torch.ones(SAMPLES)), directions.draw
        directions.draw = lambda *_: drawn
        objective.set_points(
            {self.term.placements[0]: Points(batch["x"], self.problem.coordinates)}
        )
        loss, _ = objective.loss_and_gradient()
        directions.draw = own
        gradient, theirs = [], []
        for k, layer in enumerate(
            m for m in objective.state.modules() if isinstance(m, torch.nn.Linear)
        ):
            scale = 2.0 if layer is last else 1.0
            gradient += [scale * layer.weight.grad, scale * layer.bias.grad]  # type: ignore
            theirs += [batch[f"weight{k}_gradient"], batch[f"bias{k}_gradient"]]
        forcing = self.problem.parameters["f"]({"x": batch["x"]})  # type: ignore[operator]
        return {
            "right_side": _difference([forcing], [batch["forcing"]]),
            "loss": abs(float(loss) / float(batch["loss"]) - 1),
            "gradient": _difference(gradient, theirs),
        }


def _difference(found: list, expected: list) -> float:
    """Norm of the difference over the norm."""
    above = sum(
        float((a - b).double().square().sum()) for a, b in zip(found, expected, strict=True)
    )
    return (above / sum(float(b.double().square().sum()) for b in expected)) ** 0.5


def pinnlab_worker(threads: str, core: str, dim: str, seed: str, execution: str) -> None:
    """Serve steps."""
    pin(int(core) if threads == "1" else None)
    runner = Runner(int(dim), int(seed), execution, int(threads))

    def answer(do: str, steps: int = 0, path: str = "") -> dict[str, Any]:
        if do == "check":
            return runner.check(path)
        if do == "memory":
            return peak_memory()
        return timed(lambda: runner.steps(steps), steps)

    serve(answer)


def compare(dim: int, options: argparse.Namespace) -> dict[str, Any]:
    """Both libraries, or pinnlab alone, in one dimension."""
    threads, counts = options.threads, STEPS[dim]
    given = str(threads), str(options.core), str(dim), str(options.seed)
    workers = {
        kind: Worker(SCRIPT, "--worker", *given, OWN[kind], threads=threads)
        for kind in OWN
        if kind in counts
    }
    differences = {}
    if "jax" in counts:
        sizes = "--points", str(POINTS), "--samples", str(SAMPLES)
        workers["jax"] = jax_worker(options, dim, *sizes, threads=threads)
        with tempfile.TemporaryDirectory() as folder:
            path = str(Path(folder) / "batch.npz")
            workers["jax"].ask(do="export", path=path)
            for kind in workers.keys() & OWN:
                differences[kind] = workers[kind].ask(do="check", path=path)
        if not max(max(found.values()) for found in differences.values()) < TOLERANCE:
            raise SystemExit(f"d = {dim}: the libraries compute different things: {differences}")
    setup = {}
    for name, worker in workers.items():
        worker.ask(do="steps", steps=2)
        setup[name] = worker.ask(do="memory")["peak_mib"]
    times: dict[str, list[dict[str, float]]] = {name: [] for name in counts}
    for _ in range(options.rounds):
        for name, count in counts.items():
            times[name].append(workers[name].ask(do="steps", steps=count))
    memory = {name: worker.ask(do="memory")["peak_mib"] for name, worker in workers.items()}
    versions = workers["jax"].ask(do="versions") if "jax" in workers else {}
    clock = "cpu_ms" if threads == 1 else "wall_ms"
    for worker in workers.values():
        worker.close()
    return {
        "d": dim, "relative_differences": differences, "rounds": times, "peak_mib": memory,
        "peak_mib_of_setup": setup, "versions": versions, "summary": summary(times, memory, clock),
    }  # fmt: skip


def summary(
    times: dict[str, list[dict[str, float]]], memory: dict[str, float], clock: str
) -> dict[str, Any]:
    """Median and least time of a step, peak memory, and the ratios."""
    out: dict[str, Any] = {}
    series = {name: [r[clock] for r in rounds] for name, rounds in times.items()}
    for name in ("jax", *OWN):
        values = series.get(name)
        out[f"{name}_ms"] = round(statistics.median(values), 3) if values else None
        out[f"{name}_ms_least"] = round(min(values), 3) if values else None
        out[f"{name}_peak_mib"] = round(memory[name]) if values else None
    paired = "jax" in series
    for name, column in (("pinnlab", "time_ratio"), ("compiled", "compiled_time_ratio")):
        both = paired and name in series
        ratio = round(median_of_ratios(series["jax"], series[name]), 2) if both else None
        out[column] = ratio
    out["memory_ratio"] = round(memory["jax"] / memory["pinnlab"], 2) if paired else None
    return out


def main() -> None:
    """Measure, print a table, write the results."""
    known = parser(__doc__, list(STEPS), rounds=7)
    known.add_argument("--threads", type=int, default=1, help="of each library")
    options = known.parse_args()
    comparisons = []
    for dim in options.dims:
        comparisons.append(compare(dim, options))
        print(f"d = {dim:7}", comparisons[-1]["summary"], flush=True)
        print("  differences", comparisons[-1]["relative_differences"], flush=True)
    if not options.no_write:
        rows = [{"d": c["d"], **c["summary"]} for c in comparisons]
        write_comparisons(__doc__, comparisons, rows, options.threads)


if __name__ == "__main__":
    if sys.argv[1:2] == ["--worker"]:
        pinnlab_worker(*sys.argv[2:])
    else:
        main()
