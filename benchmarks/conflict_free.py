"""Which method of combining several loss terms comes furthest in equal time?

The four tests of Liu, Chu and Thuerey (ConFIG, ICLR 2025, arXiv 2408.11104): Burgers, Schrödinger,
Kovasznay and Beltrami, all aggregators and the weightings of their comparison, three seeds. The
settings are those of the repository tum-pbs/ConFIG: a tanh network of five hidden layers of 50
neurons on raw coordinates, all points drawn anew in every step (Latin hypercube), Adam from 1e-3 to
1e-4 by a cosine after a warm-up, float32, loss terms weighed alike. Different are

- the time: seconds on one processor core in place of 30 000 to 100 000 steps on a GPU;
- the points: 500 in place of 10 000 to 25 000 for the equations, 50 (Beltrami: 100) in place of 250
  to 5 000 for each condition, since every step draws new ones; on the faces of Beltrami's cube, not
  on its edges;
- the reference of Burgers' equation: exact. (The published data are a simulation that is 2.0 % off,
  a mean squared error of 1.6e-4.)
- weights and biases at the start: zero biases in place of 0.001;
- the result is that of the last step, not of the best one.

After a few thousand steps no method has found the beat of Schrödinger's equation, and all are about
as far off as zero is; so a fifth problem follows it for half of the time.

Every method gets the same processor time: its milliseconds a step are measured first, in rounds
that alternate over the methods, the least of them counts, and the number of steps that follows is
the length of the schedule. Processes stay for many runs; one run at a time in each.

    python benchmarks/conflict_free.py --seconds 16 --jobs 2          # all, about 45 minutes
    python benchmarks/conflict_free.py --problems burgers --methods Sum ConFIG --seeds 0 --seconds 5
    python benchmarks/conflict_free.py --summary                      # table and figure again

Every measurement and every run is a line of ``results/conflict_free.jsonl`` as soon as it is there,
and none is repeated: an interrupted benchmark goes on. The table is printed and written to
``results/conflict_free.json``, the figure is ``results/conflict_free.png``.

Further problems are run on request: ``--problems "holes x1" "holes x4" "holes x16" --methods Sum
MultiAdam ConFIG``, Laplace's equation in a domain scaled by s, where the equation's loss falls as
s⁻⁴ (Yao et al. 2023, ICML, arXiv 2306.02816). MultiAdam does not see s.

The published settings as they are, and the published errors: ``conflict_free_published.py``.
"""

import argparse
import json
import statistics
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from queue import Queue
from threading import Lock
from typing import Any

from _conflict_free_runs import CASES, METHODS
from _measure import RESULTS, Worker, machine

HERE = Path(__file__).resolve().parent
MAIN = ("burgers", "schrodinger", "schrodinger half", "kovasznay", "beltrami")
PROBLEMS = tuple(name for name, case in CASES.items() if case.steps is None)
ROUNDS = 3  # of the measurements of speed
LINE = ("problem", "method", "seed", "budget_seconds")

Key = tuple[str, str, int, float]


class Lines:
    """The file of results, one JSON object a line.

    Args:
        path: Of the file; it need not exist.
    """

    def __init__(self, path: Path) -> None:
        self.path, self._lock = path, Lock()
        text = path.read_text(encoding="utf-8") if path.exists() else ""
        self.all: list[dict[str, Any]] = [json.loads(line) for line in text.splitlines() if line]

    def add(self, **line: Any) -> None:
        """Keep a line at once."""
        with self._lock:
            self.all.append(line)
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with self.path.open("a", encoding="utf-8") as file:
                file.write(json.dumps(line) + "\n")

    @property
    def speeds(self) -> dict[tuple[str, str], list[float]]:
        """Milliseconds a step by problem and method."""
        out: dict[tuple[str, str], list[float]] = {}
        for line in self.all:
            if line["kind"] == "speed" and "ms" in line:
                out.setdefault((line["problem"], line["method"]), []).append(line["ms"])
        return out

    @property
    def runs(self) -> dict[Key, dict[str, Any]]:
        """Finished runs."""
        return {
            tuple(line[name] for name in LINE): line  # type: ignore[misc]
            for line in self.all
            if line["kind"] == "run"
        }


class Crew:
    """Processes that answer requests, several at a time.

    Args:
        jobs: How many.
    """

    def __init__(self, jobs: int) -> None:
        self.jobs = jobs
        self._idle: Queue[Worker | None] = Queue()
        for _ in range(jobs):
            self._idle.put(None)  # started when it is needed

    def ask(self, **request: Any) -> dict[str, Any]:
        """The answer of the next idle process; a dead one is replaced."""
        worker = self._idle.get() or Worker(str(HERE / "_conflict_free_runs.py"))
        try:
            return worker.ask(**request)
        except RuntimeError as reason:
            worker = None
            return {"failed": f"the process died: {str(reason).splitlines()[-1]}"}
        finally:
            self._idle.put(worker)

    def each(self, do: Any, tasks: Iterable[Any]) -> None:
        """Do something for all tasks, in their order as far as there are idle processes."""
        with ThreadPoolExecutor(self.jobs) as pool:
            for done in pool.map(do, tasks):
                assert done is None


def measure_speeds(crew: Crew, lines: Lines, pairs: list[tuple[str, str]]) -> None:
    """Measure every pair of problem and method until it has been measured often enough."""
    known = lines.speeds
    missing = [pair for turn in range(ROUNDS) for pair in pairs if len(known.get(pair, [])) <= turn]

    def one(pair: tuple[str, str]) -> None:
        problem, method = pair
        found = crew.ask(do="speed", case=problem, method=method)
        lines.add(kind="speed", problem=problem, method=method, **found)
        if "failed" in found:
            print(f"{problem}, {method}: {found['failed']}", flush=True)

    crew.each(one, missing)


def run_all(
    crew: Crew, lines: Lines, pairs: list[tuple[str, str]], seeds: list[int], seconds: float
) -> None:
    """Train whatever has not been trained yet; all methods of a seed before the next seed."""
    done, speeds = lines.runs, lines.speeds
    wanted = [(*pair, seed, seconds) for seed in seeds for pair in pairs]

    def one(key: Key) -> None:
        problem, method, seed, _ = key
        if (problem, method) not in speeds:
            return
        steps = max(100, round(1e3 * seconds / min(speeds[problem, method])))
        found = crew.ask(do="train", case=problem, method=method, seed=seed, steps=steps)
        lines.add(kind="run", **dict(zip(LINE, key, strict=True)), **found)
        shown = found.get("failed") or (
            f"relative L2 {found['relative_l2']:.2e}, mse {found['mse']:.2e}, "
            f"{found['steps']} steps, {found['processor_seconds']:.0f} s"
        )
        print(f"{problem:16s} {method:12s} seed {seed}: {shown}", flush=True)

    crew.each(one, [key for key in wanted if key not in done])


# --- results ------------------------------------------------------------------------------------
def medians(lines: Lines, seconds: float) -> dict[str, dict[str, dict[str, Any]]]:
    """By problem and method: the medians over the seeds."""
    table: dict[str, dict[str, dict[str, Any]]] = {}
    for problem in PROBLEMS:
        for method in METHODS:
            runs = [
                run
                for (p, m, _, budget), run in lines.runs.items()
                if (p, m, budget) == (problem, method, seconds) and "failed" not in run
            ]
            if runs:
                table.setdefault(problem, {})[method] = _row(runs)
    return table


def _row(runs: list[dict[str, Any]]) -> dict[str, Any]:
    names = ["relative_l2", "mse", "processor_seconds", "steps"]
    row: dict[str, Any] = {name: statistics.median(run[name] for run in runs) for name in names}
    row["all"] = sorted(run["relative_l2"] for run in runs)
    return row | {"seeds": len(runs)}


def print_table(table: Mapping[str, Mapping[str, Mapping[str, Any]]]) -> None:
    """Relative L2 errors, the best in each problem marked."""
    methods = [m for m in METHODS if any(m in rows for rows in table.values())]
    print("\nrelative L2 error, median over the seeds (steps)\n")
    print("| method | " + " | ".join(table) + " |")
    print("|---" * (len(table) + 1) + "|")
    for method in methods:
        cells = [_cell(rows, method) for rows in table.values()]
        print(f"| {method} | " + " | ".join(cells) + " |")


def _cell(rows: Mapping[str, Mapping[str, Any]], method: str) -> str:
    if method not in rows:
        return ""
    error, steps = rows[method]["relative_l2"], rows[method]["steps"]
    mark = "**" if error == min(row["relative_l2"] for row in rows.values()) else ""
    return f"{mark}{error:.2e}{mark} ({steps:.0f})"


def verdicts(table: Mapping[str, Mapping[str, Mapping[str, Any]]]) -> dict[str, dict[str, float]]:
    """How the better of ConFIG and MConFIG compares with the plain sum and with the best method."""
    out = {}
    for problem, rows in table.items():
        ours = [rows[m]["relative_l2"] for m in ("ConFIG", "MConFIG") if m in rows]
        if not ours or "Sum" not in rows:
            continue
        best = min(rows, key=lambda m: rows[m]["relative_l2"])
        to_sum = min(ours) / rows["Sum"]["relative_l2"]
        to_best = min(ours) / rows[best]["relative_l2"]
        out[problem] = {"of the plain sum": to_sum, "of the best method": to_best}
        print(
            f"{problem}: the better of ConFIG and MConFIG has {to_sum:.2f} of the error of the"
            f" plain sum, {to_best:.2f} of that of the best method ({best})"
        )
    return out


def draw(table: Mapping[str, Mapping[str, Mapping[str, Any]]], path: Path, seconds: float) -> None:
    """One panel a problem: methods in the order of their medians, one dot a seed."""
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot as plt
    from matplotlib import ticker

    tallest = max(len(rows) for rows in table.values())
    size = (3.3 * len(table), 0.9 + 0.24 * tallest)
    figure, axes = plt.subplots(1, len(table), figsize=size, squeeze=False, layout="constrained")
    for axis, (problem, rows) in zip(axes[0], table.items(), strict=True):
        order = sorted(rows, key=lambda m: -rows[m]["relative_l2"])
        for height, method in enumerate(order):
            ours = method in ("ConFIG", "MConFIG")
            color = "#c0392b" if ours else "#2c3e50" if method == "Sum" else "#8fa3b0"
            row = rows[method]
            axis.plot(row["all"], [height] * len(row["all"]), "o", ms=3, color=color, alpha=0.6)
            axis.plot(row["relative_l2"], height, "|", ms=11, mew=2, color=color)
        axis.set_yticks(range(len(order)), order, fontsize=8)
        axis.set_xscale("log")
        errors = [error for row in rows.values() for error in row["all"]]
        narrow = max(errors) < 3 * min(errors)
        ticks = ticker.MaxNLocator(4) if narrow else ticker.LogLocator(subs=(1, 2, 5))
        axis.xaxis.set_major_locator(ticks)
        axis.xaxis.set_major_formatter("{x:g}")
        axis.xaxis.set_minor_formatter(ticker.NullFormatter())
        axis.tick_params(axis="x", labelsize=7)
        axis.set_title(problem, fontsize=10)
        axis.grid(axis="x", alpha=0.3)
    figure.supxlabel(
        f"relative L2 error after {seconds:g} s of one core; dots are seeds, bars medians",
        fontsize=9,
    )
    figure.savefig(path, dpi=130)
    plt.close(figure)


def main() -> None:
    """Measure, train, print and keep the results."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--problems", nargs="+", default=list(MAIN), choices=PROBLEMS)
    parser.add_argument("--methods", nargs="+", default=list(METHODS), choices=list(METHODS))
    parser.add_argument("--seeds", nargs="+", type=int, default=[0, 1, 2])
    parser.add_argument("--seconds", type=float, default=16.0, help="processor time of a run")
    parser.add_argument("--jobs", type=int, default=1, help="processes at a time")
    parser.add_argument("--lines", type=Path, default=RESULTS / "conflict_free.jsonl")
    parser.add_argument("--summary", action="store_true", help="train nothing")
    arguments = parser.parse_args()
    lines, seconds = Lines(arguments.lines), arguments.seconds
    pairs = [(p, m) for p in arguments.problems for m in arguments.methods]
    if not arguments.summary:
        crew = Crew(arguments.jobs)
        lines.add(kind="machine", **machine())
        measure_speeds(crew, lines, pairs)
        run_all(crew, lines, pairs, arguments.seeds, seconds)
    table = medians(lines, seconds)
    if not table:
        print(f"there are no runs of {seconds:g} s in {arguments.lines}")
        return
    print_table(table)
    machines = [line for line in lines.all if line["kind"] == "machine"]
    found = {
        "machine": machines[-1] if machines else {},
        "seconds": seconds,
        "medians": table,
        "better of ConFIG and MConFIG": verdicts(table),
    }
    out = arguments.lines.with_suffix(".json")
    out.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    compared = {k: v for k, v in table.items() if k in MAIN}
    if compared:
        draw(compared, arguments.lines.with_suffix(".png"), seconds)


if __name__ == "__main__":
    main()
