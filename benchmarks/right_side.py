"""What does the right side of a problem in very many dimensions cost?

The Allen-Cahn equation on the unit ball with a two- or three-body solution, at 100 points of
uniform direction and radius, float32, one thread. Compared are, in alternated rounds,

- ``tiles``: the right side of the catalogue, tile by tile, sines and cosines by polynomials where
  coordinates are small enough for that to be exact to rounding;
- ``arrays``: the same closed form written with whole arrays, each sine and cosine taken once.

Both must agree to float32 rounding before any time is taken. Times are processor times, the least
of all rounds; memory is by how much the first evaluation raises the peak of the resident set. A
million dimensions are measured for ``tiles`` only: whole arrays take a dozen times 400 MB.

    python benchmarks/right_side.py [--rounds 5]
"""

import argparse
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from _measure import machine, peak_memory, pin, timed, write
from torch import Tensor

import pinnlab as pl
from pinnlab.sampling import draw

POINTS = 100
DIMENSIONS = (100, 1_000, 10_000, 100_000, 1_000_000)
MOST_ARRAYS = 100_000  # dimensions
TOLERANCE = 3e-6  # relative; float32 sums of d terms


def laplacian_of_arrays(x: Tensor, c: Tensor, solution: str) -> tuple[Tensor, Tensor]:
    """u* and Δu* by the closed form, with arrays of the size of the points."""
    d = x.shape[1]
    inside = 1 - (x**2).sum(1)
    if solution == "two_body":
        a, b = x[:, :-1], x[:, 1:]
        sin_a, cos_a, sin_b, cos_b = torch.sin(a), torch.cos(a), torch.sin(b), torch.cos(b)
        m = cos_b + b * cos_a
        sine, cosine = torch.sin(a + m), torch.cos(a + m)
        p, r = 1 - b * sin_a, cos_a - sin_b
        value = (c * sine).sum(1)
        radial = (c * cosine * (a * p + b * r)).sum(1)
        laplacian = -(c * (sine * (p**2 + r**2) + cosine * m)).sum(1)
    else:
        first, second, third = x[:, :-2], x[:, 1:-1], x[:, 2:]
        w = first * second * third
        e = torch.exp(w)
        value, radial = (c * e).sum(1), 3 * (c * w * e).sum(1)
        pairs = (first * second) ** 2 + (second * third) ** 2 + (first * third) ** 2
        laplacian = (c * e * pairs).sum(1)
    return inside * value, inside * laplacian - 4 * radial - 2 * d * value


def ways_to(d: int, solution: Any) -> dict[str, Callable[[], Tensor]]:
    """Both ways to evaluate the right side."""
    problem = pl.high_dimension.allen_cahn(d, solution)
    source: Any = getattr(problem.parameters["f"], "source")  # noqa: B009 - of a formula
    rng = np.random.default_rng(0)
    x = draw(problem.domain, POINTS, sampler="radial", generator=rng, dtype=torch.float32).x
    c = source.solution.interaction.coefficients.on(x)

    def arrays() -> Tensor:
        u, laplacian = laplacian_of_arrays(x, c, solution)
        return laplacian + u - u**3

    ways: dict[str, Callable[[], Tensor]] = {"tiles": lambda: source(x)}
    return ways if d > MOST_ARRAYS else ways | {"arrays": arrays}


def measure(d: int, solution: str, rounds: int) -> dict[str, Any]:
    """One line of the table."""
    ways = ways_to(d, solution)
    values, extra = {}, {}
    for name, way in ways.items():  # the first call, which allocates what later ones reuse
        before = peak_memory()["resident_mib"]
        values[name] = way()
        extra[name] = peak_memory()["peak_mib"] - before
    row: dict[str, Any] = {"d": d, "solution": solution, "apart": ""}
    if "arrays" in values:
        norm = torch.linalg.vector_norm
        apart = float(norm(values["tiles"] - values["arrays"]) / norm(values["arrays"]))
        row["apart"] = f"{apart:.1e}"
        if apart > TOLERANCE:
            raise SystemExit(f"the two differ by {apart:.1e} at d = {d}, {solution}")
    best: dict[str, float] = {}
    steps = max(1, min(50, 1_000_000 // d))
    for _ in range(rounds):
        for name, way in ways.items():
            found = timed(lambda way=way: [way() for _ in range(steps)], steps)["cpu_ms"]
            best[name] = min(best.get(name, found), found)
    for name in ("tiles", "arrays"):
        row[f"{name}_ms"] = round(best[name], 3) if name in best else ""
        row[f"{name}_mib"] = round(extra[name], 1) if name in extra else ""
    row["ratio"] = round(best["arrays"] / best["tiles"], 1) if "arrays" in best else ""
    return row


def main() -> None:
    """Measure, print, write."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--core", type=int, help="pin to this core")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    pin(arguments.core)
    payload = {"machine": machine(), "points": POINTS, "rounds": arguments.rounds}
    rows = []
    for solution in ("two_body", "three_body"):
        for d in DIMENSIONS:
            rows.append(measure(d, solution, arguments.rounds))
            print(rows[-1], flush=True)
    write("right_side", payload | {"rows": rows}, rows)


if __name__ == "__main__":
    main()
