"""Allen-Cahn equation with sharp fronts: first-order steps to four digits.

Goal       The test on which plain PINNs end at an error of one half.
Equation   u_t = D u_xx + 5 (u - u³),  D = 0.0001
Domain     x in [-1, 1], t in [0, 1], periodic in x;  u(x, 0) = x² cos(πx)
Reference  Spectral solution (configs/data/make_reference.py)
Result     4.6e-04, 11 min of processor time on one of 2 CPU cores
"""

# %%
from pathlib import Path

import pinnlab as pl
from pinnlab import cos, exp, pi

DATA = Path(__file__).parents[2] / "configs" / "data" / "allen_cahn_periodic.npz"


def allen_cahn(u, t, *, D):
    return exp(-2.5 * t) * (u.t - D * u.xx - 5 * (u - u**3))


problem = pl.Problem(
    domain=pl.Interval("x", -1, 1) * pl.Time("t", 0, 1),
    fields=["u"],
    parameters={"D": 0.0001},
    equations={"allen_cahn": allen_cahn},
    conditions={
        "ends": pl.Periodic("u", weight=1e-4, points=32),
        "start": pl.Initial(u=lambda x: x**2 * cos(pi * x), weight=100, points=128),
    },
    reference=pl.Reference.load(DATA, ["x", "t"], ["u"], axes=["t", "x"]),
    name="Allen-Cahn, periodic",
)


# %% [markdown]
# Disturbances near u = 0 grow like e⁵ᵗ, so that early times decide: the residual is weighed by
# exp(-2.5 t), and the start by 100. The slope of the start jumps where the ends meet, and a layer
# of width 0.003 decays from there; a network that had to be periodic would fail at it for the whole
# domain, so that condition has a small weight.
#
# Such weights are meant for a sum: a direction that lets no term rise would hold on to the ends.
# SOAP's steps do not shorten with the gradient, and so points stay for 1000 steps: what they change
# in every step it would follow at its full rate.


# %%
def main(steps=45_000, interior=1000, width=64, depth=4):
    solution = pl.solve(
        problem,
        surrogate=pl.ModifiedMLP(width, depth),
        points={"interior": interior},
        gradients=pl.Sum(),
        phases=pl.SOAP(steps, lr=5e-3, schedule=pl.Linear(), resample=1000),
        dtype="float32",
    )
    return solution.error()["u"]["relative_l2"]


if __name__ == "__main__":
    print(f"relative L2 error {main():.2e}")
