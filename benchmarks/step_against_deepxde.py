"""How long does one training step take in pinnlab, and how long in DeepXDE?

Six problems with the same points, weights, precision (float32) and optimiser (Adam, 1e-3), each
library in a process of its own with one thread, or several, in alternated rounds. Two forms of each
problem:

- ``declared``: as DeepXDE's examples are written. It appends the rows of the conditions to all
  points and evaluates the equations everywhere; the loss reads the equations on interior,
  boundary and initial points. pinnlab has the same loss.
- ``equal``: conditions as point sets, so that both libraries evaluate the network on the same
  number of rows, and the equations count in the interior only.

Before any time is taken, both libraries must agree on every term of the loss to float32 rounding.

    python benchmarks/step_against_deepxde.py                 # all, about 6 minutes
    python benchmarks/step_against_deepxde.py --cases cavity --rounds 3 --no-write
    python benchmarks/step_against_deepxde.py --threads 2 --forms declared
"""

import argparse
import statistics
import sys
import tempfile
from pathlib import Path
from typing import Any

from _measure import Worker, machine, median_of_ratios, serve, timed, write

# A round takes about a second in DeepXDE.
STEPS = {"burgers": 80, "poisson": 3, "cavity": 2, "kdv": 3, "ks": 1, "beam": 8}
TOLERANCE = 2e-5  # relative; sums of squares of float32 second derivatives
COMPARED_STEPS = 10


def deepxde_worker(threads: str, case: str, rows: str) -> None:
    """Serve a DeepXDE model."""
    from _deepxde_cases import Runner

    runner = Runner(case, rows, threads=int(threads))

    def answer(do: str, path: str = "", steps: int = 0) -> dict[str, Any]:
        if do == "export":
            return runner.export(path)
        if do == "losses":
            return runner.losses()
        return timed(lambda: runner.steps(steps), steps)

    serve(answer)


def pinnlab_worker(threads: str, case: str, path: str) -> None:
    """Serve a pinnlab objective."""
    from _pinnlab_cases import Runner

    runner = Runner(case, path, threads=int(threads))

    def answer(do: str, steps: int = 0) -> dict[str, Any]:
        if do == "rows":
            return {"rows": runner.rows}
        if do == "losses":
            return runner.losses()
        return timed(lambda: runner.steps(steps), steps)

    serve(answer)


def compare(case: str, rows: str, rounds: int, threads: int) -> dict[str, Any]:
    """Both libraries on one problem: losses, and times in alternated rounds."""

    def worker(kind: str, given: str) -> Worker:
        return Worker(script, "--worker", kind, str(threads), case, given, threads=threads)

    script = str(Path(__file__).resolve())
    with tempfile.TemporaryDirectory() as folder:
        path = str(Path(folder) / "points.npz")
        theirs = worker("deepxde", rows)
        their_rows = theirs.ask(do="export", path=path)["rows"]
        ours = worker("pinnlab", path)
        our_rows = ours.ask(do="rows")["rows"]
    losses = {"deepxde": theirs.ask(do="losses"), "pinnlab": ours.ask(do="losses")}
    difference = _check(case, losses)
    # The first steps also warm both up; their loss shows that they are the same steps.
    theirs.ask(do="steps", steps=COMPARED_STEPS)
    ours.ask(do="steps", steps=COMPARED_STEPS)
    later = {"deepxde": theirs.ask(do="losses"), "pinnlab": ours.ask(do="losses")}
    times: dict[str, list[dict[str, float]]] = {"deepxde": [], "pinnlab": []}
    for _ in range(rounds):
        times["deepxde"].append(theirs.ask(do="steps", steps=STEPS[case]))
        times["pinnlab"].append(ours.ask(do="steps", steps=2 * STEPS[case]))
    theirs.close()
    ours.close()
    return {
        "case": case,
        "form": rows,
        "network_rows": {"deepxde": their_rows, "pinnlab": our_rows},
        "losses": losses,
        "largest_relative_difference": difference,
        f"losses_after_{COMPARED_STEPS}_steps": later,
        "rounds": times,
        "summary": _summary(times),
    }


def _check(case: str, losses: dict[str, dict[str, float]]) -> float:
    """The largest relative difference of any term, which must be rounding."""
    largest = max(
        abs(losses["pinnlab"][name] - value) / (abs(value) or 1.0)  # the clamp begins at zero
        for name, value in losses["deepxde"].items()
    )
    if losses["deepxde"].keys() != losses["pinnlab"].keys() or largest > TOLERANCE:
        raise SystemExit(f"{case}: the two libraries compute different losses: {losses}")
    return largest


def _summary(times: dict[str, list[dict[str, float]]]) -> dict[str, float]:
    out = {}
    for clock in ("cpu_ms", "wall_ms"):
        series = {name: [r[clock] for r in rounds] for name, rounds in times.items()}
        for name, values in series.items():
            out[f"{name}_{clock}"] = round(statistics.median(values), 3)
            out[f"{name}_{clock}_least"] = round(min(values), 3)
        ratio = median_of_ratios(series["deepxde"], series["pinnlab"])
        out[f"ratio_{clock.removesuffix('_ms')}"] = round(ratio, 2)
    return out


def main() -> None:
    """Measure, print a table, write the results."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--cases", nargs="+", default=list(STEPS), choices=list(STEPS))
    parser.add_argument("--forms", nargs="+", default=["declared", "equal"])
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--threads", type=int, default=1, help="of each library")
    parser.add_argument("--no-write", action="store_true", help="only print")
    options = parser.parse_args()
    payload: dict[str, Any] = {
        "question": __doc__.splitlines()[0],
        "command": "python benchmarks/" + " ".join([Path(sys.argv[0]).name, *sys.argv[1:]]),
        "machine": machine(threads=options.threads),
        "comparisons": [],
    }
    lines = []
    for case in options.cases:
        for form in options.forms:
            result = compare(case, form, options.rounds, options.threads)
            payload["comparisons"].append(result)
            rows = result["network_rows"]
            lines.append(
                {
                    "case": case,
                    "form": form,
                    "rows_deepxde": rows["deepxde"],
                    "rows_pinnlab": rows["pinnlab"],
                    **result["summary"],
                    "loss_difference": f"{result['largest_relative_difference']:.1e}",
                }
            )
            s = result["summary"]
            print(
                f"{case:8} {form:9} rows {rows['deepxde']:6} {rows['pinnlab']:6}"
                f"  cpu {s['deepxde_cpu_ms']:8.2f} {s['pinnlab_cpu_ms']:8.2f} ms"
                f"  ratio cpu {s['ratio_cpu']:.2f} wall {s['ratio_wall']:.2f}"
                f"  losses differ by {result['largest_relative_difference']:.1e}"
            )
    if not options.no_write:
        several = f"_{options.threads}_threads" if options.threads > 1 else ""
        write(f"step_against_deepxde{several}", payload, lines)


if __name__ == "__main__":
    if sys.argv[1:2] == ["--worker"]:
        {"deepxde": deepxde_worker, "pinnlab": pinnlab_worker}[sys.argv[2]](*sys.argv[3:])
    else:
        main()
