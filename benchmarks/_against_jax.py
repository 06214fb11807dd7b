"""What the benchmarks against the JAX code of sail-sg/stde share: options and its process."""

import argparse
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from _measure import Worker, machine, write


def parser(text: str, dims: Sequence[int], rounds: int) -> argparse.ArgumentParser:
    """The options of a benchmark.

    Args:
        text: What it says about itself.
        dims: Numbers of dimensions that it knows.
        rounds: As many by default.
    """
    made = argparse.ArgumentParser(description=text.splitlines()[0])
    made.add_argument("--stde", required=True, help="checkout of sail-sg/stde")
    made.add_argument("--jax-python", required=True, help="interpreter with jax")
    made.add_argument("--dims", nargs="+", type=int, default=list(dims), choices=list(dims))
    made.add_argument("--rounds", type=int, default=rounds)
    made.add_argument("--seed", type=int, default=0)
    made.add_argument("--core", type=int, default=0, help="that all processes are pinned to")
    made.add_argument("--no-write", action="store_true", help="only print")
    return made


def jax_worker(options: argparse.Namespace, dim: int, *more: str, threads: int = 1) -> Worker:
    """The script of sail-sg/stde in a process of its own; one thread is pinned to a core."""
    place = ("--core", str(options.core)) if threads == 1 else ()
    return Worker(
        str(Path(__file__).resolve().with_name("_stde_jax.py")),
        *("--script", str(Path(options.stde) / "sine_gordon.py"), "--dim", str(dim)),
        *("--seed", str(options.seed), *place, *more),
        python=options.jax_python,
        threads=threads,
    )


def write_comparisons(
    text: str,
    comparisons: Sequence[Mapping[str, Any]],
    rows: Sequence[Mapping[str, Any]],
    threads: int = 1,
) -> None:
    """Results under the name of the script that runs.

    Args:
        text: What it says about itself.
        comparisons: Everything that was measured.
        rows: One line of the table for each.
        threads: Of each library.
    """
    script = Path(sys.argv[0])
    command = f"python benchmarks/{script.name} --stde CHECKOUT --jax-python PYTHON"
    payload = {
        "question": text.splitlines()[0],
        "command": command + (f" --threads {threads}" if threads > 1 else ""),
        "machine": machine(threads=threads),
        "comparisons": comparisons,
    }
    write(script.stem + (f"_{threads}_threads" if threads > 1 else ""), payload, rows)
