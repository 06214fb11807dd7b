"""Poisson's equation on an L-shaped domain, whose corner makes the solution singular.

Goal       A polygon whose conditions hold by construction, and a solution with unbounded gradient.
Equation   -Δu = 1
Domain     [-1, 1]² without (0, 1]²; u = 0 on the boundary. At the inner corner u ~ r^(2/3).
Reference  DeepXDE's data set (spectral elements); NaN outside the domain
Result     6.7e-02, 54 s on one of 2 CPU cores
"""

# %%
from pathlib import Path

import pinnlab as pl

DATA = Path(__file__).parents[2] / "configs" / "data"

problem = pl.Problem(
    domain=pl.Polygon([(-1, -1), (1, -1), (1, 0), (0, 0), (0, 1), (-1, 1)]),
    fields=["u"],
    parameters={"f": 1.0},
    equations={"poisson": pl.equations.poisson},
    conditions={"walls": pl.Dirichlet(u=0, hard=True)},
    reference=pl.Reference.load(
        DATA / "Poisson_Lshape.npz",
        {"x": "X_test[:, 0]", "y": "X_test[:, 1]"},
        {"u": "y_ref"},
        nan="drop",
    ),
    name="L-shape",
)


# %%
def main(adam=1000, lbfgs=1500, interior=2000):
    solution = pl.solve(
        problem,
        surrogate=pl.MLP(width=40, depth=4),
        points={"interior": interior},
        phases=[
            pl.Adam(adam, lr=2e-3, schedule=pl.Exponential(rate=0.5, every=300)),
            pl.LBFGS(lbfgs),
        ],
    )
    return solution.error()["u"]["relative_l2"]


if __name__ == "__main__":
    print(f"relative L2 error {main():.2e}")
