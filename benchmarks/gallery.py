"""What error do the examples and configurations reach in full, and what does it cost?

Runs every example under ``examples/`` and every configuration under ``configs/`` as it stands, each
in a process of its own on one thread, and writes ``results/gallery.json``: error, wall time and
processor time. On a shared machine the processor time is the one to compare. With ``--headers`` the
line ``Result`` of each file is brought up to date.

    python benchmarks/gallery.py [--jobs 2] [--headers] [FILE ...]
"""

import argparse
import json
import os
import re
import runpy
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
RESULTS = Path(__file__).parent / "results" / "gallery.json"


def run_example(path: Path) -> dict[str, object]:
    """The error that ``main()`` of an example returns."""
    return {"error": float(runpy.run_path(str(path))["main"]())}


def run_config(path: Path, **changes: Any) -> dict[str, Any]:
    """Error of a configuration: of all fields stacked, or the largest of an unknown.

    Args:
        path: Of the file.
        changes: Arguments of :func:`pinnlab.solve` in place of its own.
    """
    from pinnlab.config import load_config
    from pinnlab.io.exact_reference import ExactReference
    from pinnlab.metrics import pinnacle_l2

    solution = load_config(path).solve(out=None, progress=False, **changes)
    unknowns = solution.metrics.get("unknowns")
    if unknowns:
        error = max(row["relative_error"] for row in unknowns.values())
    elif isinstance(solution.problem.reference, ExactReference):
        error = max(row["relative_l2"] for row in solution.error().values())
    else:
        reference = solution.problem.reference
        found = solution(**reference.columns)
        error = pinnacle_l2({k: found[k] for k in reference.fields}, reference.fields)
    return {"error": float(error), "steps": solution.metrics["steps"]}


def measure(path: Path) -> dict[str, object]:
    """Run one file here and time it."""
    wall, cpu = time.perf_counter(), time.process_time()
    result = run_example(path) if path.suffix == ".py" else run_config(path)
    times = {"seconds": time.perf_counter() - wall, "cpu_seconds": time.process_time() - cpu}
    return result | {name: round(value, 1) for name, value in times.items()}


def measure_apart(path: Path) -> dict[str, object]:
    """Run one file in a process of its own, on one thread."""
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    command = [sys.executable, __file__, "--here", str(path)]
    done = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
    if done.returncode:
        return {"failed": (done.stderr.strip().splitlines() or ["ended"])[-1]}
    verb = "python" if path.suffix == ".py" else "pinnlab run"
    return json.loads(done.stdout.splitlines()[-1]) | {"command": f"{verb} {name_of(path)}"}


def name_of(path: Path) -> str:
    """Path from the root of the project."""
    return str(path.resolve().relative_to(ROOT))


def keep(path: Path, result: dict[str, object]) -> None:
    """Enter a result in the table of all results."""
    table = json.loads(RESULTS.read_text()) if RESULTS.exists() else {"runs": {}}
    table["machine"] = "2 CPU cores, shared; one thread a run; float64"
    table["runs"][name_of(path)] = result
    table["runs"] = dict(sorted(table["runs"].items()))
    RESULTS.parent.mkdir(exist_ok=True)
    RESULTS.write_text(json.dumps(table, indent=2) + "\n")


def write_header(path: Path, result: dict[str, object]) -> None:
    """Bring the line ``Result`` of a file up to date."""
    if "failed" in result:
        return
    text = path.read_text(encoding="utf-8")
    line = f"{result['error']:.1e}, {result['cpu_seconds']:.0f} s on one of 2 CPU cores"
    text = re.sub(r"^((?:# )?Result:? +).*$", lambda m: m[1] + line, text, count=1, flags=re.M)
    path.write_text(text, encoding="utf-8")


def main() -> None:
    """Run files, two at a time unless told otherwise."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("files", nargs="*", type=Path)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--headers", action="store_true")
    parser.add_argument("--here", action="store_true", help="run one file in this process")
    options = parser.parse_args()
    if options.here:
        print(json.dumps(measure(options.files[0])))
        return
    files = options.files or [
        *sorted((ROOT / "examples").rglob("*.py")),
        *sorted((ROOT / "configs").rglob("*.yaml")),
    ]
    with ThreadPoolExecutor(options.jobs) as pool:
        for path, result in zip(files, pool.map(measure_apart, files), strict=True):
            print(name_of(path), result, flush=True)
            keep(path, result)
            if options.headers:
                write_header(path, result)


if __name__ == "__main__":
    main()
