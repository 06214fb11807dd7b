"""The first problem: the viscous Burgers equation, from declaration to error.

Goal       Declare a PDE as it stands in a textbook, solve it, compare with a reference.
Equation   u_t + u u_x = ν u_xx,  ν = 0.01/π
Domain     x in [-1, 1], t in [0, 1];  u(±1, t) = 0,  u(x, 0) = -sin(πx)
Reference  DeepXDE's data set, exact to 3e-12 by the Cole-Hopf transform
Result     2.2e-02, 18 s on one of 2 CPU cores
"""

# %%
from pathlib import Path

import pinnlab as pl
from pinnlab import pi, sin

DATA = Path(__file__).parents[2] / "configs" / "data"


# %% [markdown]
# A residual reads fields and their derivatives by name, and is zero at the solution. Conditions
# with `hard=True` hold by construction, so that only the equation is left to train.


# %%
def burgers(u, *, nu):
    return u.t + u * u.x - nu * u.xx


problem = pl.Problem(
    domain=pl.Interval("x", -1, 1) * pl.Time("t", 0, 1),
    fields=["u"],
    parameters={"nu": 0.01 / pi},
    equations={"burgers": burgers},
    conditions={
        "ends": pl.Dirichlet(u=0, on=["left", "right"], hard=True),
        "start": pl.Initial(u=lambda x: -sin(pi * x), hard=True),
    },
    reference=pl.Reference.load(DATA / "Burgers.npz", ["x", "t"], {"u": "usol"}),
    name="Burgers",
)


# %% [markdown]
# Half of the points are moved every 500 steps to where the residual is large: along the front.


# %%
def main(adam=1000, lbfgs=1000, interior=2000):
    solution = pl.solve(
        problem,
        surrogate=pl.MLP(width=20, depth=3),
        points={"interior": interior},
        phases=[pl.Adam(adam, lr=3e-3), pl.LBFGS(lbfgs)],
        callbacks=[pl.RAD(500, share=0.5)],
    )
    return solution.error()["u"]["relative_l2"]


if __name__ == "__main__":
    print(problem.check())
    print(f"relative L2 error {main():.2e}")
