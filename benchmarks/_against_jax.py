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


def jax_worker(options: argparse.Namespace, dim: int, *more: str) -> Worker:
    """The script of sail-sg/stde in a process of its own."""
    return Worker(
        str(Path(__file__).resolve().with_name("_stde_jax.py")),
        *("--script", str(Path(options.stde) / "sine_gordon.py"), "--dim", str(dim)),
        *("--seed", str(options.seed), "--core", str(options.core), *more),
        python=options.jax_python,
    )


def write_comparisons(
    text: str, comparisons: Sequence[Mapping[str, Any]], rows: Sequence[Mapping[str, Any]]
) -> None:
    """Results under the name of the script that runs.

    Args:
        text: What it says about itself.
        comparisons: Everything that was measured.
        rows: One line of the table for each.
    """
    script = Path(sys.argv[0])
    payload = {
        "question": text.splitlines()[0],
        "command": f"python benchmarks/{script.name} --stde CHECKOUT --jax-python PYTHON",
        "machine": machine(),
        "comparisons": comparisons,
    }
    write(script.stem, payload, rows)
