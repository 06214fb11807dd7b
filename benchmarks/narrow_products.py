"""How many products a second does a layer of few features take, beside torch?

The three products of a linear layer with h features in and out and n columns, the jets of many
points side by side, one thread:

- ``values``: W a, on the way forward;
- ``cotangents``: Wᵀ g, on the way back;
- ``weights``: G + g aᵀ, the sum of a gradient;

by compiled code of pinnlab and by torch (``mm`` and ``addmm``), into arrays that are there. Results
agree to rounding before any time is taken. Rounds alternate; the table holds medians, in billions
of additions and multiplications a second, and the median of the ratios of neighbours. A block of
points that pinnlab sends through a layer has 2 000 to 15 000 columns.

    python benchmarks/narrow_products.py [--rounds 15] [--no-write]
"""

import argparse
import statistics
import time
from functools import partial

import torch
from _measure import machine, median_of_ratios, pin, write
from torch import Tensor

from pinnlab.calculus.calls import Call, carry_out
from pinnlab.calculus.products import OuterProducts, Product, compiled

FEATURES = (10, 20, 32, 50, 64, 100, 128, 200, 256)
COLUMNS = (2_000, 6_000)
TYPES = (torch.float32, torch.float64)
SECONDS = 2e-3  # of products in one round


def products_of(h: int, n: int, dtype: torch.dtype) -> dict[str, tuple[Call, Call]]:
    """Every product of one layer by pinnlab and by torch, both of which give the same."""
    generator = torch.Generator().manual_seed(0)
    w, a, g = (
        torch.randn(shape, generator=generator, dtype=dtype) for shape in ((h, h), (h, n), (h, n))
    )
    ours, theirs = torch.empty_like(a), torch.empty_like(a)
    own, their = torch.zeros_like(w), torch.zeros_like(w)
    values, cotangents = Product(a, ours).call(w), Product(g, ours).call(w.T)
    weights = OuterProducts(g, a).call(own)
    return {
        "values": _agreeing(ours, values, theirs, (partial(torch.mm, out=theirs), (w, a))),
        "cotangents": _agreeing(
            ours, cotangents, theirs, (partial(torch.mm, out=theirs), (w.T, g))
        ),
        "weights": _agreeing(own, weights, their, (their.addmm_, (g, a.T))),
    }


def _agreeing(ours: Tensor, own: Call, theirs: Tensor, other: Call) -> tuple[Call, Call]:
    carry_out([own, other])
    torch.testing.assert_close(ours, theirs, rtol=1e-4, atol=1e-3)
    return own, other


def _rate(call: Call, operations: float) -> float:
    """Billions of operations a second, from as many calls as take some milliseconds."""
    calls = [call] * max(int(SECONDS * 60e9 / operations), 1)
    start = time.process_time()
    carry_out(calls)
    return len(calls) * operations / (time.process_time() - start) / 1e9


def main() -> None:
    """Measure, print, write."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--core", type=int, default=0, help="pin to this core")
    parser.add_argument("--no-write", action="store_true")
    arguments = parser.parse_args()
    if not compiled():
        raise SystemExit("pinnlab was installed without compiled products for this processor")
    pin(arguments.core)
    torch.set_num_threads(1)
    rows = []
    for dtype in TYPES:
        for h in FEATURES:
            for n in COLUMNS:
                for name, (own, other) in products_of(h, n, dtype).items():
                    ours, theirs = [], []
                    for _ in range(arguments.rounds):
                        ours.append(_rate(own, 2 * h * h * n))
                        theirs.append(_rate(other, 2 * h * h * n))
                    row = {
                        "type": str(dtype).removeprefix("torch."),
                        "features": h,
                        "columns": n,
                        "product": name,
                        "pinnlab_gflops": round(statistics.median(ours), 1),
                        "torch_gflops": round(statistics.median(theirs), 1),
                        "ratio": round(median_of_ratios(ours, theirs), 2),
                    }
                    rows.append(row)
                    print(*row.values(), flush=True)
    payload = {"machine": machine(), "rounds": arguments.rounds, "rows": rows}
    if not arguments.no_write:
        write("narrow_products", payload, rows)


if __name__ == "__main__":
    main()
