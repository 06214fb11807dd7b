"""How long does ``import pinnlab`` take beside ``import torch``, and a check of the first problem?

Each measurement is a process of its own; the two imports alternate. Byte code is compiled before,
as after any installation.

    python benchmarks/start_up.py [--rounds 7]
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).parents[1]
RESULTS = Path(__file__).parent / "results" / "start_up.json"
COMMANDS = {
    "import torch": ["-c", "import torch"],
    "import pinnlab": ["-c", "import torch, pinnlab"],
    "pinnlab check configs/burgers.yaml": [
        "-m", "pinnlab.cli", "check", str(ROOT / "configs" / "burgers.yaml"),
    ],
}  # fmt: skip


def seconds(arguments: list[str], environment: dict[str, str]) -> tuple[float, float]:
    """Wall and processor time of one interpreter."""
    before, began = os.times(), time.perf_counter()
    subprocess.run(
        [sys.executable, *arguments], check=True, capture_output=True, env=environment, cwd=ROOT
    )
    after = os.times()
    cpu = after.children_user + after.children_system
    return time.perf_counter() - began, cpu - before.children_user - before.children_system


def main() -> None:
    """Print medians and write them beside the script."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=7)
    rounds = parser.parse_args().rounds
    with tempfile.TemporaryDirectory() as cache:
        environment = dict(os.environ, PYTHONPYCACHEPREFIX=cache, OMP_NUM_THREADS="1")
        environment.pop("PYTHONDONTWRITEBYTECODE", None)
        for arguments in COMMANDS.values():  # compiles the byte code
            seconds(arguments, environment)
        taken: dict[str, list[tuple[float, float]]] = {name: [] for name in COMMANDS}
        for _ in range(rounds):
            for name, arguments in COMMANDS.items():
                taken[name].append(seconds(arguments, environment))
    medians = {
        name: {
            "wall_s": round(statistics.median(wall for wall, _ in times), 3),
            "cpu_s": round(statistics.median(cpu for _, cpu in times), 3),
        }
        for name, times in taken.items()
    }
    ratios = [b[1] / a[1] for a, b in zip(*list(taken.values())[:2], strict=True)]
    result = {
        "command": f"python benchmarks/start_up.py --rounds {rounds}",
        "medians": medians,
        "import ratio (processor time, median of pairs)": round(statistics.median(ratios), 3),
    }
    RESULTS.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")
    print(json.dumps(result, indent=2))


if __name__ == "__main__":
    main()
