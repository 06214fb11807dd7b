"""Which error does training with estimated derivatives reach in 10 000 steps?

Allen-Cahn, sine-Gordon and Poisson problems on the unit ball with two-body solutions, as in table 1
and tables 4 and 5 of Shi et al. (2024), arXiv 2412.00088: a tanh network of three hidden layers of
128 neurons, 100 new points and 16 sparse directions in every step (``--samples``), Adam with a rate
that falls from 1e-3 (``--lr``) to 0. The relative L2 error is taken at 2 000 points that no step
has seen, drawn like those of the training. The paper does not say which coefficients of the
solution its figures belong to; here they come from the seed.

    python benchmarks/high_dimension_training.py --dims 100 1000 --seeds 0

Results are added to ``results/high_dimension_training.json``, one entry a run.
"""

import argparse
import json
import resource
import time
from pathlib import Path

import torch

import pinnlab as pl

FILE = Path(__file__).parent / "results" / "high_dimension_training.json"
PROBLEMS = ("allen_cahn", "sine_gordon", "poisson")
PUBLISHED = {  # relative L2 of STDE with 16 directions
    "allen_cahn": {100: 1.89e-2, 1000: 7.07e-4, 10_000: 8.33e-4, 100_000: 1.50e-3},
    "sine_gordon": {100: 3.64e-3, 1000: 5.40e-4, 10_000: 5.32e-3, 100_000: 9.56e-4},
}


def train(name: str, dim: int, steps: int, seed: int, samples: int, lr: float) -> dict:
    """One run; its settings and figures."""
    problem = getattr(pl.high_dimension, name)(dim, seed=seed)
    began, processor = time.perf_counter(), time.process_time()
    solution = pl.solve(
        problem,
        pl.MLP(width=128, depth=3),
        points={"interior": 100, "sampler": "radial"},
        derivatives=pl.STDE(samples=samples),
        phases=pl.Adam(steps, lr=lr, schedule=pl.Linear(), resample=1),
        callbacks=[],
        seed=seed,
        dtype="float32",
        progress=False,
    )
    return {
        "problem": name,
        "dim": dim,
        "steps": steps,
        "seed": seed,
        "samples": samples,
        "lr": lr,
        "size": solution.settings["sizes"]["u"],
        "relative_l2": solution.error(problem.reference)["u"]["relative_l2"],
        "published": PUBLISHED.get(name, {}).get(dim),
        "loss": solution.metrics["loss"],
        "processor_seconds": round(time.process_time() - processor, 1),
        "wall_seconds": round(time.perf_counter() - began, 1),
        "peak_memory_mb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024),
        "threads": torch.get_num_threads(),
        "torch": torch.__version__,
    }


def main() -> None:
    """Run, print and keep the figures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--problems", nargs="+", default=PROBLEMS, choices=PROBLEMS)
    parser.add_argument("--dims", nargs="+", type=int, default=[100, 1000])
    parser.add_argument("--seeds", nargs="+", type=int, default=[0])
    parser.add_argument("--steps", type=int, default=10_000)
    parser.add_argument("--samples", type=int, default=16)
    parser.add_argument("--lr", type=float, default=1e-3)
    parser.add_argument("--out", type=Path, default=FILE)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    for dim in arguments.dims:
        for name in arguments.problems:
            for seed in arguments.seeds:
                found = train(name, dim, arguments.steps, seed, arguments.samples, arguments.lr)
                print(
                    f"{name:12s} d = {dim:<8d} seed {seed}: relative L2 {found['relative_l2']:.2e}"
                    f" (published {found['published'] or '-'}), {found['processor_seconds']:.0f} s"
                    f" of one core, {found['peak_memory_mb']} MB",
                    flush=True,
                )
                kept = json.loads(arguments.out.read_text()) if arguments.out.exists() else []
                arguments.out.parent.mkdir(parents=True, exist_ok=True)
                arguments.out.write_text(json.dumps([*kept, found], indent=1) + "\n")


if __name__ == "__main__":
    main()
