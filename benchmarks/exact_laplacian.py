"""How long does a step with an exact Laplacian take beside forward Laplacians in JAX and autograd?

Δu + sin u = 0 on 100 points of the unit ball, u the network d-128-128-128-1 with tanh (``bare``) or
(1 − |x|²) times it (``ball``, zero on the boundary), float32. A step is residual, backward pass and
Adam on given points. Four processes with one thread each, pinned to one core, in alternated
rounds:

- ``pinnlab``: the problem as it would be declared, assembled and stepped by the trainer;
- ``compiled``: the same with ``execution="compiled"``;
- ``folx``: ``folx.forward_laplacian`` in JAX, jitted, in place of the estimate in the script
  ``sine_gordon.py`` of sail-sg/stde, whose network, ball factor, residual and optimiser it keeps;
- ``autograd``: plain torch, the gradient by ``torch.autograd.grad``, then one more call for each
  coordinate.

Points, weights and coefficients come from the script's generators (seed 0). Before any time is
taken, the losses must agree to float32 rounding.

    python benchmarks/exact_laplacian.py --stde CHECKOUT --jax-python PYTHON

CHECKOUT is a clone of https://github.com/sail-sg/stde; PYTHON an interpreter with jax, dm-haiku,
optax, jaxtyping, tqdm and folx.
"""

import argparse
import statistics
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from _against_jax import jax_worker, parser, write_comparisons
from _measure import Worker, median_of_ratios, pin, serve, timed

FORMS = ("bare", "ball")
STEPS = {  # a round takes about half a second each
    10: {"pinnlab": 150, "compiled": 150, "folx": 150, "autograd": 20},
    100: {"pinnlab": 15, "compiled": 15, "folx": 10, "autograd": 2},
}
OWN = {"pinnlab": "eager", "compiled": "compiled"}
OTHERS = ("folx", "autograd")
TOLERANCE = 1e-4  # relative, of a mean square of float32 sums over d second derivatives
SCRIPT = str(Path(__file__).resolve())


def pinnlab_step(path: str, form: str, execution: str) -> tuple[Callable[[int], Any], float]:
    """Steps by the trainer, and the loss before the first."""
    import _high_dimension as given

    import pinnlab as pl

    batch = given.load(path)
    problem = pl.Problem(
        domain=pl.HyperBall("x", dim=batch["x"].shape[1], radius=1.0),
        fields=["u"],
        equations={"sine_gordon": "laplacian(u) + sin(u)"},
        conditions={"surface": pl.Dirichlet(u=0, hard=True)} if form == "ball" else {},
        free=["boundary"] if form == "bare" else (),
    )
    # The distance that vanishes on the sphere has slope one there, (1 − |x|²)/2.
    runner = given.Runner(problem, batch, scale=2.0 if form == "ball" else 1.0)
    runner.assembly.objective.execute(execution)
    return runner.steps, runner.loss()


def autograd_step(path: str, form: str) -> tuple[Callable[[int], Any], float]:
    """Steps in plain torch, and the loss before the first."""
    import _high_dimension as given
    import torch

    batch = given.load(path)
    network = given.plain_network(batch)
    x = batch["x"].requires_grad_()
    optimizer = torch.optim.Adam(network.parameters(), lr=1e-3, fused=True)

    def loss() -> torch.Tensor:
        u = network(x)[:, 0]
        if form == "ball":
            u = (1 - (x**2).sum(1)) * u
        (gradient,) = torch.autograd.grad(u.sum(), x, create_graph=True)
        laplacian = torch.zeros_like(u)
        for k in range(x.shape[1]):
            (row,) = torch.autograd.grad(gradient[:, k].sum(), x, create_graph=True)
            laplacian = laplacian + row[:, k]
        return (laplacian + torch.sin(u)).square().mean()

    def steps(count: int) -> None:
        for _ in range(count):
            optimizer.zero_grad()
            loss().backward()
            optimizer.step()

    return steps, float(loss())


def torch_worker(kind: str, core: str, path: str, form: str) -> None:
    """Serve steps of one of the three."""
    pin(int(core))
    import torch

    torch.set_num_threads(1)
    own = kind in OWN
    steps, loss = pinnlab_step(path, form, OWN[kind]) if own else autograd_step(path, form)

    def answer(do: str, steps_: int = 0) -> dict[str, Any]:
        return {"loss": loss} if do == "loss" else timed(lambda: steps(steps_), steps_)

    serve(answer)


def compare(dim: int, form: str, options: argparse.Namespace) -> dict[str, Any]:
    """All four on one problem: losses, and times in alternated rounds."""
    with tempfile.TemporaryDirectory() as folder:
        path = str(Path(folder) / "batch.npz")
        workers = {"folx": jax_worker(options, dim, "--exact")}
        workers["folx"].ask(do="export", path=path)
        losses = {"folx": workers["folx"].ask(do="fix", path=path, bare=form == "bare")["loss"]}
        for kind in (*OWN, "autograd"):
            workers[kind] = Worker(SCRIPT, "--worker", kind, str(options.core), path, form)
            losses[kind] = workers[kind].ask(do="loss")["loss"]
    difference = max(abs(v / losses["folx"] - 1) for v in losses.values())
    if difference > TOLERANCE:
        raise SystemExit(f"d = {dim}, {form}: the losses differ: {losses}")
    times: dict[str, list[dict[str, float]]] = {kind: [] for kind in STEPS[dim]}
    for number in range(options.rounds + 1):
        for kind, count in STEPS[dim].items():
            word = "steps" if kind == "folx" else "steps_"
            taken = workers[kind].ask(do="steps", **{word: count})
            if number > 0:  # the first round compiles and warms up
                times[kind].append(taken)
    versions = workers["folx"].ask(do="versions")
    for worker in workers.values():
        worker.close()
    return {
        "d": dim, "form": form, "versions": versions, "losses": losses,
        "largest_relative_difference": difference, "rounds": times, "summary": summary(times),
    }  # fmt: skip


def summary(times: dict[str, list[dict[str, float]]]) -> dict[str, float]:
    """Median and least processor time of a step, and the median ratios."""
    out: dict[str, float] = {}
    series = {kind: [r["cpu_ms"] for r in rounds] for kind, rounds in times.items()}
    for kind, values in series.items():
        out[f"{kind}_ms"] = round(statistics.median(values), 3)
        out[f"{kind}_ms_least"] = round(min(values), 3)
    for kind in OTHERS:
        for own in OWN:
            out[f"{kind}_over_{own}"] = round(median_of_ratios(series[kind], series[own]), 2)
    return out


def main() -> None:
    """Measure, print a table, write the results."""
    options_ = parser(__doc__, list(STEPS), rounds=9)
    options_.add_argument("--forms", nargs="+", default=list(FORMS), choices=FORMS)
    options = options_.parse_args()
    comparisons = []
    for dim in options.dims:
        for form in options.forms:
            comparisons.append(compare(dim, form, options))
            s = comparisons[-1]["summary"]
            print(
                f"d = {dim:3} {form:4}  pinnlab {s['pinnlab_ms']:7.2f} ms"
                f"  compiled {s['compiled_ms']:7.2f} ms"
                f"  folx {s['folx_ms']:7.2f} ms"
                f" ({s['folx_over_pinnlab']:.2f}x, {s['folx_over_compiled']:.2f}x)"
                f"  autograd {s['autograd_ms']:7.2f} ms"
                f" ({s['autograd_over_pinnlab']:.2f}x, {s['autograd_over_compiled']:.2f}x)"
                f"  losses differ by {comparisons[-1]['largest_relative_difference']:.1e}",
                flush=True,
            )
    if not options.no_write:
        rows = [{"d": c["d"], "form": c["form"], **c["summary"]} for c in comparisons]
        write_comparisons(__doc__, comparisons, rows)


if __name__ == "__main__":
    if sys.argv[1:2] == ["--worker"]:
        torch_worker(*sys.argv[2:])
    else:
        main()
