"""Allen-Cahn equation: a stiff reaction that separates two phases.

Goal       A stiff problem on which plain PINNs tend to the trivial solution.
Equation   u_t = D u_xx + 5 (u - u³),  D = 0.001
Domain     x in [-1, 1], t in [0, 1];  u(±1, t) = -1,  u(x, 0) = x² cos(πx)
Reference  DeepXDE's data set (spectral solution)
Result     3.4e-02, 77 s on one of 2 CPU cores
"""

# %%
from pathlib import Path

import pinnlab as pl
from pinnlab import cos, pi

DATA = Path(__file__).parents[2] / "configs" / "data"


def allen_cahn(u, *, D):
    return u.t - D * u.xx - 5 * (u - u**3)


problem = pl.Problem(
    domain=pl.Interval("x", -1, 1) * pl.Time("t", 0, 1),
    fields=["u"],
    parameters={"D": 0.001},
    equations={"allen_cahn": allen_cahn},
    conditions={
        "ends": pl.Dirichlet(u=-1, on=["left", "right"], hard=True),
        "start": pl.Initial(u=lambda x: x**2 * cos(pi * x), hard=True),
    },
    reference=pl.Reference.load(DATA / "Allen_Cahn.mat", ["x", "t"], ["u"], axes=["t", "x"]),
    name="Allen-Cahn",
)


# %% [markdown]
# The initial state fulfils the boundary condition, so one ansatz holds both:
# u = x² cos(πx) + t (1 - x²) N(x, t). The reaction multiplies early errors by up to e⁵; the points
# that follow the residual keep them small.


# %%
def main(adam=2000, lbfgs=3000, interior=2000):
    solution = pl.solve(
        problem,
        surrogate=pl.MLP(width=30, depth=4),
        points={"interior": interior},
        phases=[
            pl.Adam(adam, lr=3e-3, schedule=pl.Exponential(rate=0.5, every=500)),
            pl.LBFGS(lbfgs),
        ],
        callbacks=[pl.RAD(500, share=0.5)],
    )
    return solution.error()["u"]["relative_l2"]


if __name__ == "__main__":
    print(f"relative L2 error {main():.2e}")
