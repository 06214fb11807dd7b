"""What the benchmarks share: the machine, alternated workers, and tables of results."""

import csv
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

RESULTS = Path(__file__).resolve().parent / "results"
# Idle OpenMP threads spin by default and steal the cores of the process that is measured.
ENVIRONMENT = {"OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1", "GOMP_SPINCOUNT": "0"}


def machine(*further: str, threads: int = 1) -> dict[str, Any]:
    """Everything about the machine and its software that a time depends on.

    Args:
        further: Packages beside those of every benchmark.
        threads: Of every measured process.
    """
    packages = {}
    for name in ("torch", "numpy", "deepxde", *further):
        try:
            packages[name] = version(name)
        except PackageNotFoundError:
            continue
    return {
        "processor": _processor(),
        "cores": os.cpu_count(),
        "threads": threads,
        "load_at_start": round(os.getloadavg()[0], 2),
        "system": platform.system(),
        "python": platform.python_version(),
        **packages,
        "date": time.strftime("%Y-%m-%d"),
    }


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor()
    return next((line.split(":")[1].strip() for line in lines if "model name" in line), "unknown")


def environment(threads: int = 1) -> dict[str, str]:
    """The environment of a measured process: one thread, no spinning; or several, as torch does."""
    if threads == 1:
        return os.environ | ENVIRONMENT
    others = {name: value for name, value in os.environ.items() if name not in ENVIRONMENT}
    return others | {"OMP_NUM_THREADS": str(threads)}


class Worker:
    """A process of its own that answers each line of JSON by one line of JSON.

    Args:
        arguments: Of ``python``, script first.
        python: Another interpreter than this one.
        threads: That its libraries may use.
    """

    def __init__(self, *arguments: str, python: str = sys.executable, threads: int = 1) -> None:
        self._errors = tempfile.TemporaryFile("w+")  # noqa: SIM115 - lives as long as the worker
        self._process = subprocess.Popen(
            [python, *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            text=True,
            env=environment(threads),
        )

    def ask(self, **request: Any) -> dict[str, Any]:
        """The answer to one request."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(request) + "\n")
        self._process.stdin.flush()
        for line in self._process.stdout:
            if line.startswith("{"):  # libraries may greet on stdout
                return json.loads(line)
        self._errors.seek(0)
        raise RuntimeError(f"a worker died: {self._process.args}\n{self._errors.read()}")

    def close(self) -> None:
        """Let the process end."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait(timeout=60)


def serve(answer: Callable[..., Mapping[str, Any]]) -> None:
    """Answer requests on stdin until it is closed; the other side is :class:`Worker`."""
    for line in sys.stdin:
        print(json.dumps(answer(**json.loads(line))), flush=True)


def timed(action: Callable[[], Any], steps: int) -> dict[str, float]:
    """Milliseconds per step of an action that takes ``steps`` steps."""
    wall, cpu = time.perf_counter(), time.process_time()
    action()
    cpu, wall = time.process_time() - cpu, time.perf_counter() - wall
    return {"wall_ms": 1e3 * wall / steps, "cpu_ms": 1e3 * cpu / steps}


def pin(core: int | None) -> None:
    """Keep this process, and every thread it starts from now on, on one core."""
    if core is not None and hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {core})


def peak_memory() -> dict[str, float]:
    """Resident memory of this process now and at its peak, MiB; the peak starts anew (Linux)."""
    lines = Path("/proc/self/status").read_text(encoding="utf-8").splitlines()
    kib = {line.split(":")[0]: int(line.split()[1]) for line in lines if line.endswith(" kB")}
    Path("/proc/self/clear_refs").write_text("5", encoding="utf-8")
    return {"peak_mib": kib["VmHWM"] / 1024, "resident_mib": kib["VmRSS"] / 1024}


def median_of_ratios(over: Sequence[float], under: Sequence[float]) -> float:
    """Median of the ratios of neighbouring rounds, which share the noise of the machine."""
    return statistics.median(a / b for a, b in zip(over, under, strict=True))


def write(name: str, payload: Mapping[str, Any], rows: Sequence[Mapping[str, Any]]) -> None:
    """Results as JSON with everything, and as CSV with one line per comparison."""
    RESULTS.mkdir(exist_ok=True)
    text = json.dumps(payload, indent=2)
    (RESULTS / f"{name}.json").write_text(text + "\n", encoding="utf-8")
    with (RESULTS / f"{name}.csv").open("w", newline="", encoding="utf-8") as file:
        table = csv.DictWriter(file, fieldnames=list(rows[0]))
        table.writeheader()
        table.writerows(rows)
