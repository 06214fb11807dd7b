"""Burgers equation to three digits: a sharp front, and points that follow it.

Goal       Show what hard conditions, adaptive points and a long L-BFGS phase are worth.
Equation   u_t + u u_x = ν u_xx,  ν = 0.01/π, from the equation library
Domain     x in [-1, 1], t in [0, 1];  u(±1, t) = 0,  u(x, 0) = -sin(πx)
Reference  DeepXDE's data set, exact to 3e-12 by the Cole-Hopf transform
Result     1.2e-03, 105 s on one of 2 CPU cores
"""

# %%
from pathlib import Path

import pinnlab as pl

DATA = Path(__file__).parents[2] / "configs" / "data"

problem = pl.Problem(
    domain=pl.Interval("x", -1, 1) * pl.Time("t", 0, 1),
    fields=["u"],
    parameters={"nu": "0.01/pi"},
    equations={"burgers": pl.equations.burgers},
    conditions={
        "ends": pl.Dirichlet(u=0, on=["left", "right"], hard=True),
        "start": pl.Initial(u="-sin(pi*x)", hard=True),
    },
    reference=pl.Reference.load(DATA / "Burgers.npz", ["x", "t"], {"u": "usol"}),
    name="Burgers",
)


# %% [markdown]
# At t = 1 the front is about 2ν/|u| = 0.01 wide. Evenly drawn points see it too rarely; every 500
# steps half of them are drawn anew by the size of the residual. L-BFGS does most of the work:
# Adam only has to find the basin.


# %%
def main(adam=1000, lbfgs=6000, interior=2000):
    solution = pl.solve(
        problem,
        surrogate=pl.MLP(width=30, depth=4),
        points={"interior": interior},
        phases=[
            pl.Adam(adam, lr=3e-3, schedule=pl.Exponential(rate=0.5, every=400)),
            pl.LBFGS(lbfgs),
        ],
        callbacks=[pl.RAD(500, share=0.5)],
    )
    return solution.error()["u"]["relative_l2"]


if __name__ == "__main__":
    print(f"relative L2 error {main():.2e}")
