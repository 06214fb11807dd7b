"""In very many dimensions a training step makes next to no array as large as its points."""

from collections import Counter

import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

import pinnlab as pl

DIM, N = 30_000, 20  # more columns than are summed at once


class LargeArrays(TorchDispatchMode):
    """Counts operations whose results are new arrays of at least the size of the points."""

    def __init__(self):
        super().__init__()
        self.made = Counter()

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        out = func(*args, **(kwargs or {}))
        known = {
            leaf.untyped_storage().data_ptr()
            for leaf in tree_leaves((args, kwargs))
            if isinstance(leaf, torch.Tensor)
        }
        for leaf in tree_leaves(out):
            if isinstance(leaf, torch.Tensor) and leaf.numel() >= 0.9 * N * DIM:
                self.made[str(func)] += leaf.untyped_storage().data_ptr() not in known
        return out


class Watch(pl.Callback):
    """Watches the third step; in the first one memory is set up."""

    def __init__(self):
        self.arrays = LargeArrays()

    def on_step(self, trainer, record):
        """Begin after the second step, end after the third."""
        if trainer.step == 2:
            self.arrays.__enter__()
        if trainer.step == 3:
            self.arrays.__exit__(None, None, None)
            trainer.stop("seen enough")


def made_in_a_step(problem, sampler):
    watch = Watch()
    pl.solve(
        problem, pl.MLP(16, 3), points={"interior": N, "boundary": N, "sampler": sampler},
        derivatives=pl.STDE(4), phases=pl.Adam(1000, resample=1), dtype="float32",
        callbacks=[watch], progress=False,
    )  # fmt: skip
    return {name: count for name, count in watch.arrays.made.items() if count}


@pytest.mark.parametrize("name", ["poisson", "allen_cahn", "sine_gordon"])
def test_elliptic_problems_on_the_ball(name):
    # New points are written over the old ones, and nothing else is as large.
    problem = getattr(pl.high_dimension, name)(dim=DIM)
    assert made_in_a_step(problem, "radial") == {}


@pytest.mark.parametrize("hard", [True, False])
def test_parabolic_problems(hard):
    problem = pl.Problem(
        pl.HyperBall("x", dim=DIM) * pl.Time("t", 0, 0.3),
        "u",
        {"heat": lambda u, x, t: pl.d(u, "t") - pl.laplacian(u)},
        {
            "sphere": pl.Dirichlet(u=0, hard=True),
            "start": pl.Initial(u=lambda x: 1 - torch.sum(x**2, -1), hard=hard),
        },
    )
    # Time is scaled before the first layer. The square of soft initial values is an array, too.
    made = made_in_a_step(problem, "radial")
    assert made.pop("aten.addcmul.default") == 1
    assert sum(made.values()) <= (0 if hard else 1)
