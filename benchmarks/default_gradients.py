"""What becomes of the gradients of several terms where a user says nothing about them?

Every configuration of the gallery whose terms read several sets of points, with its own surrogate,
points, weights and first phase (Adam), for as many steps. Only the way in which the gradients of
its terms become one direction differs: their plain sum, ``ConflictFree()``, which is the default,
and ``ConflictFree(ConFIG())`` on the same groups. Errors as in ``gallery.py``, at the end of these
steps; processor time of the whole run, one thread.

    python benchmarks/default_gradients.py --seeds 0 1        # half an hour
"""

import argparse
import dataclasses
import statistics
import time
from typing import Any

from _measure import machine, write
from gallery import ROOT, run_config

import pinnlab as pl
from pinnlab.config import load_config

FILES = [
    "elasticity/bracket",
    "flow/cavity",
    "heat/bracket",
    "heat/two_materials",
    "inverse/burgers_viscosity",
    "inverse/lorenz",
    "poisson/robin",
]
WAYS = {
    "Sum": pl.Sum(),
    "ConflictFree": pl.ConflictFree(),
    "ConflictFree(ConFIG)": pl.ConflictFree(pl.ConFIG()),
}


def run(name: str, way: str, seed: int, steps: int) -> dict[str, Any]:
    """One training."""
    path = ROOT / "configs" / f"{name}.yaml"
    first, *_ = load_config(path).options["phases"]
    phases = [dataclasses.replace(first, steps=steps)]
    began = time.process_time()
    found = run_config(path, seed=seed, phases=phases, gradients=WAYS[way])
    seconds = round(time.process_time() - began, 1)
    return {"case": name, "way": way, "seed": seed, "error": found["error"], "cpu_s": seconds}


def main() -> None:
    """Train, print a table and write the results."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", nargs="+", type=int, default=[0])
    parser.add_argument("--steps", type=int, default=3000)
    parser.add_argument("--files", nargs="+", default=FILES, choices=FILES)
    options = parser.parse_args()
    rows = []
    for seed in options.seeds:
        for name in options.files:
            for way in WAYS:
                rows.append(run(name, way, seed, options.steps))
                print(rows[-1], flush=True)
    for name in options.files:
        medians = {
            way: statistics.median(r["error"] for r in rows if (r["case"], r["way"]) == (name, way))
            for way in WAYS
        }
        print(f"{name:28}" + "".join(f"{medians[way]:>12.3g}" for way in WAYS))
    write("default_gradients", {"machine": machine(), "steps": options.steps}, rows)


if __name__ == "__main__":
    main()
