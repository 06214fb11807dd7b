"""Does pinnlab reach the errors that ConFIG is published with, at the same settings?

Published by the authors of ConFIG (Liu, Chu and Thuerey, ICLR 2025, arXiv 2408.11104) in the
repository tum-pbs/ConFIG, with everything that is needed to run it:

- ``docs/examples/pinn_burgers.ipynb``, here ``example``: Burgers' equation, three terms with 2 000,
  50 and 50 points drawn anew in every step (Latin hypercube), five hidden layers of 50 neurons,
  biases of 0.001, float32, 5 000 steps at a constant rate of 1e-4 (M-ConFIG: 5e-4). One run of each
  method on a GPU, seed 19018: the least mean squared errors during the run are 3.095e-2 for the
  plain sum, 6.38e-3 for ConFIG and 1.86e-3 for M-ConFIG.
- ``experiments/PINN``, ``run_burgers``, here ``burgers full``: 10 000, 250 and 250 points, 30 000
  steps, 1e-3 to 1e-4 by a cosine after a warm-up, two terms. Issue 6 of the repository reports one
  run of ConFIG: 1.61e-4 at the end, 1.29e-4 at best.

All are against data of the authors that are themselves 1.577e-4 off the exact solution, so every
error is taken against those data and against the exact solution.

One run says little where runs scatter. So the notebook is executed here as well, for several seeds,
in a process of its own, cell by cell (``_conflictfree_notebook.py``), and pinnlab runs as many.
Both sides look at their errors every ten steps, in ``burgers full`` every 100 (published: every
step). The same seed does not mean the same weights and points on both sides; but before anything
else both take 60 steps of the plain sum and of ConFIG from the same weights on the same points, and
must arrive at the same place. And ``--sides replay`` lets pinnlab take all steps of a run of the
notebook, from its weights on its points (M-ConFIG: see :func:`compare`).

    python benchmarks/conflict_free_published.py --config CHECKOUT           # about half an hour
    python benchmarks/conflict_free_published.py --config CHECKOUT --sides theirs --seeds 19018
    python benchmarks/conflict_free_published.py --config CHECKOUT --cases "burgers full" --seeds 0
    python benchmarks/conflict_free_published.py --summary                   # the table again

CHECKOUT is a clone of https://github.com/tum-pbs/ConFIG. Every run is a line of
``results/conflict_free_published.jsonl`` as soon as it is there, and none is repeated. The table is
printed and written to ``results/conflict_free_published.json``.
"""

import argparse
import json
import statistics
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from _conflict_free_runs import CASES, problem_of
from _measure import RESULTS, Worker, machine, pin
from conflict_free import Lines

from pinnlab import Reference

HERE = Path(__file__).resolve().parent
DATA = Path("experiments/PINN/data/burgers/simulation_data.npy")
PUBLISHED = {  # least error during a run, against the data
    ("example", "Sum"): 3.095e-2,
    ("example", "ConFIG"): 6.382e-3,
    ("example", "MConFIG"): 1.862e-3,
    ("burgers full", "ConFIG"): 1.29e-4,
}
NAMES = ("conflictfree", "pinnlab", "pinnlab from its weights, on its points")
CASES_HERE = ("example", "burgers full")
METHODS = ("Sum", "ConFIG", "MConFIG")
SIDES = ("theirs", "ours")
REPLAY = "replay"
KEY = ("side", "case", "method", "seed")
CHECKED = 60  # equal steps, before errors are compared
TOLERANCE = 1e-3  # of where they lead, relative to the way gone; Adam divides rounding by rounding
EVERY = {"example": 10, "burgers full": 100}  # steps between two looks at the errors
MEASURES = ("best_data_mse", "data_mse", "best_mse", "mse", "processor_seconds")


def start(side: str, options: argparse.Namespace, folder: Path) -> Worker:
    """The process of one side."""
    if side == "ours":
        return Worker(str(HERE / "_conflict_free_runs.py"))
    reference = problem_of("example").reference
    assert isinstance(reference, Reference)
    shape = [len(np.unique(reference.columns[name])) for name in ("x", "t")]
    np.save(folder / "exact.npy", reference.fields["u"].reshape(shape).T)
    return Worker(
        str(HERE / "_conflictfree_notebook.py"),
        *("--checkout", str(options.config), "--exact", str(folder / "exact.npy")),
    )


def request(side: str, case: str, method: str, seed: int, config: Path) -> dict[str, Any]:
    """What to ask the process of one side for."""
    steps = CASES[case].steps
    asked = {"do": "train", "method": method, "seed": seed, "steps": steps, "every": EVERY[case]}
    if side != "theirs":
        asked |= {"case": case, "data": str((config / DATA).resolve())}
    return asked


def compare(workers: Mapping[str, Worker], lines: Lines, folder: Path) -> None:
    """Let both sides take the same steps, from the same weights on the same points.

    M-ConFIG is left out: pinnlab differentiates all terms in the first step, where the notebook
    does not move until each had its turn.

    Raises:
        SystemExit: If they do not agree to rounding.
    """
    path = str(folder / "steps.npz")
    for method in ("Sum", "ConFIG"):
        workers["theirs"].ask(do="export", method=method, seed=0, steps=CHECKED, path=path)
        found = workers["ours"].ask(do="follow", case="example", method=method, path=path)
        found = {"difference": found["difference"]}
        lines.add(kind="check", case="example", method=method, steps=CHECKED, **found)
        print(f"{method}: {CHECKED} equal steps lead {found['difference']:.1e} apart", flush=True)
        if not found["difference"] < TOLERANCE:
            raise SystemExit("the two sides do not do the same; the errors cannot be compared")


def replay(workers: Mapping[str, Worker], asked: dict[str, Any], folder: Path) -> dict[str, Any]:
    """What becomes of all steps of one run of the notebook in pinnlab."""
    path = str(folder / "steps.npz")
    own = {name: asked[name] for name in ("method", "seed", "steps")}
    workers["theirs"].ask(do="export", path=path, **own)
    ours = {name: asked[name] for name in ("case", "method", "every", "data")}
    return workers["ours"].ask(do="follow", path=path, **ours)


def run_all(options: argparse.Namespace, lines: Lines) -> None:
    """Whatever has not been run yet; both sides of a seed before the next seed."""
    done = {tuple(line[name] for name in KEY) for line in lines.all if line["kind"] == "run"}
    keys = [
        (side, case, method, seed)
        for case in options.cases
        for seed in options.seeds
        for side in options.sides
        for method in options.methods
        if side == "ours" or case == "example"
        if side != REPLAY or method != "MConFIG"
    ]
    workers: dict[str, Worker] = {}
    with tempfile.TemporaryDirectory() as folder:
        if set(options.sides) == set(SIDES) and "example" in options.cases:
            workers = {side: start(side, options, Path(folder)) for side in SIDES}
            compare(workers, lines, Path(folder))
        for key in keys:
            if key in done:
                continue
            for side in SIDES if key[0] == REPLAY else key[:1]:
                if side not in workers:
                    workers[side] = start(side, options, Path(folder))
            asked = request(*key, options.config)
            if key[0] == REPLAY:
                found = replay(workers, asked, Path(folder))
            else:
                found = workers[key[0]].ask(**asked)
            if "failed" in found:
                raise SystemExit(f"{', '.join(map(str, key))}: {found['failed']}")
            lines.add(kind="run", **dict(zip(KEY, key, strict=True)), **found)
            print(*key, *(f"{name} {found[name]:.3g}" for name in MEASURES), flush=True)
        for worker in workers.values():
            worker.close()


# --- results ------------------------------------------------------------------------------------
def summary(lines: Lines) -> list[dict[str, Any]]:
    """One row for every case and method, with the statistics of both sides."""
    runs = [line for line in lines.all if line["kind"] == "run"]
    rows = []
    for case in CASES:
        for method in dict.fromkeys(run["method"] for run in runs if run["case"] == case):
            row = {"case": case, "method": method, "published": PUBLISHED.get((case, method))}
            for side in (*SIDES, REPLAY):
                own = [
                    r for r in runs if (r["side"], r["case"], r["method"]) == (side, case, method)
                ]
                row[side] = statistics_of(own)
            rows.append(row)
    return rows


def statistics_of(runs: Sequence[Mapping[str, Any]]) -> dict[str, Any] | None:
    """Median, least and largest of every measure; None without runs."""
    if not runs:
        return None
    out: dict[str, Any] = {"seeds": sorted(run["seed"] for run in runs)}
    for name in MEASURES:
        values = [run[name] for run in runs]
        out[name] = [statistics.median(values), min(values), max(values)]
    return out


def print_table(rows: Sequence[Mapping[str, Any]]) -> None:
    """Errors against the authors' data, least during the run and at its end."""
    print("\nmean squared error against the authors' data: median (least to largest; runs)\n")
    heads = ["case", "method", "least during the run: published"]
    heads += [*NAMES, "at the end: " + NAMES[0], *NAMES[1:]]
    print("| " + " | ".join(heads) + " |")
    print("|---" * len(heads) + "|")
    for row in rows:
        cells = [row["case"], row["method"]]
        cells.append("" if row["published"] is None else f"{row['published']:.2e}")
        for measure in ("best_data_mse", "data_mse"):
            cells += [shown(row[side], measure) for side in (*SIDES, REPLAY)]
        print("| " + " | ".join(cells) + " |")


def shown(row: Mapping[str, Any] | None, name: str) -> str:
    """A cell of the table."""
    if row is None:
        return ""
    middle, least, largest = row[name]
    return f"{middle:.2e} ({least:.1e} to {largest:.1e}; {len(row['seeds'])})"


def main() -> None:
    """Run, print and keep the results."""
    parser = argparse.ArgumentParser(description="Errors beside those published for ConFIG.")
    parser.add_argument("--config", type=Path, help="checkout of tum-pbs/ConFIG")
    for name, choices, default in (
        ("--cases", CASES_HERE, CASES_HERE[:1]),
        ("--sides", (*SIDES, REPLAY), SIDES),
        ("--methods", METHODS, METHODS),
    ):
        parser.add_argument(name, nargs="+", default=list(default), choices=choices)
    parser.add_argument("--seeds", nargs="+", type=int, default=[0, 1, 2])
    parser.add_argument("--core", type=int, default=None, help="that all processes are pinned to")
    parser.add_argument("--lines", type=Path, default=RESULTS / "conflict_free_published.jsonl")
    parser.add_argument("--summary", action="store_true", help="train nothing")
    options = parser.parse_args()
    lines = Lines(options.lines)
    if not options.summary:
        if options.config is None:
            parser.error("--config CHECKOUT is needed, for the code and the data of the authors")
        pin(options.core)
        lines.add(kind="machine", **machine("scipy"))
        run_all(options, lines)
    rows = summary(lines)
    print_table(rows)
    machines = [line for line in lines.all if line["kind"] == "machine"]
    payload = {"machine": machines[-1] if machines else {}, "rows": rows}
    text = json.dumps(payload, indent=1) + "\n"
    options.lines.with_suffix(".json").write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
