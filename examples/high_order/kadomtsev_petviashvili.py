"""Kadomtsev-Petviashvili equation: two line solitons that meet and become one.

Goal       A problem of fourth order from 150 points, by the gradient of its residual.
Equation   (u_t + 6 u u_x + u_xxx)_x + 3 u_yy = 0, waves of shallow water
Domain     x, y in [-5, 5], t in [0, 0.5];  exact values on the sides and at the start
Reference  u = 4 (2 + c exp(-y)) / (exp(-y) + 2 c)²,  c = cosh(x - 4t)  (Miles 1977, resonance)
Result     3.3e-02, 69 s on one of 2 CPU cores
"""

# %%
import pinnlab as pl
from pinnlab import cosh, exp


def elevation(x, y, t):
    c = cosh(x - 4 * t)
    return 4 * (2 + c * exp(-y)) / (exp(-y) + 2 * c) ** 2


problem = pl.Problem(
    domain=pl.Box(x=(-5, 5), y=(-5, 5)) * pl.Time("t", 0, 0.5),
    fields=["u"],
    equations={"kp": pl.equations.kadomtsev_petviashvili},
    conditions={
        "start": pl.Initial(u=elevation, hard=True),
        "sides": pl.Dirichlet(u=elevation, weight=10.0),
        "gradient": pl.GradientEnhanced("kp", weight=0.01),
    },
    reference=pl.Reference.exact({"u": elevation}),
    name="Kadomtsev-Petviashvili",
)


# %% [markdown]
# The elevation is 2 ∂_xx log(exp(-x + y + 4t) + 1 + exp(x + y - 4t)). For y < 0 these are two
# oblique solitons of height 1/2, which join to one of height 2 for y > 0; the whole figure travels
# along x with speed 4.
#
# A residual that is small at 150 points only may be anything between them; its gradient, in the
# loss as well, forbids that: without it the same run ends at an error of 1.1e-01. The residual
# holds u_xxxx, its gradient u_xxxxx, u_xxxxy and u_xxxxt. What a neuron carries for every point,
# `problem.check()` tells: 7 numbers for the residual, 24 with its gradient, and 18 with
# `samples=1`, along one random direction that every step draws anew (then Adam has to do alone,
# as L-BFGS compares the losses of different steps).


# %%
def main(adam=200, lbfgs=2000, interior=150, out=None):
    solution = pl.solve(
        problem,
        surrogate=pl.MLP(width=48, depth=4),
        points={"interior": interior},
        phases=[pl.Adam(adam, lr=3e-3, schedule=pl.Cosine()), pl.LBFGS(lbfgs)],
        out=out,
    )
    return solution.error()["u"]["relative_l2"]


if __name__ == "__main__":
    print(f"relative L2 error {main(out='runs/kadomtsev_petviashvili'):.2e}")
