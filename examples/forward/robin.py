"""Neumann and Robin conditions beside a Dirichlet condition, with an exact solution.

Goal       Conditions on the normal derivative, on named sides.
Equation   -Δu = (π² - 1) e⁻ˣ cos(πy)
Domain     [0, 1]²; left: u = cos(πy); bottom, top: ∂u/∂n = 0; right: 2u + ∂u/∂n = e⁻¹ cos(πy)
Reference  u = e⁻ˣ cos(πy)
Result     5.6e-05, 18 s on one of 2 CPU cores
"""

# %%
import numpy as np

import pinnlab as pl
from pinnlab import cos, exp, laplacian, pi

problem = pl.Problem(
    domain=pl.Box(x=(0, 1), y=(0, 1)),
    fields=["u"],
    equations={"poisson": lambda u, x, y: laplacian(u) + (pi**2 - 1) * exp(-x) * cos(pi * y)},
    conditions={
        "inlet": pl.Dirichlet(u=lambda y: cos(pi * y), on="left"),
        "insulated": pl.Neumann(u=0, on=["bottom", "top"]),
        "exchange": pl.Robin(u=lambda y: exp(-1.0) * cos(pi * y), alpha=2, beta=1, on="right"),
    },
    name="Robin",
)


# %%
def main(adam=500, lbfgs=1000, interior=1000):
    solution = pl.solve(
        problem,
        surrogate=pl.MLP(width=20, depth=3),
        points={"interior": interior, "boundary": 100},
        phases=[pl.Adam(adam, lr=3e-3), pl.LBFGS(lbfgs)],
    )
    x, y = np.meshgrid(np.linspace(0, 1, 51), np.linspace(0, 1, 51))
    exact = np.exp(-x) * np.cos(np.pi * y)
    return pl.metrics.relative_l2(solution.u(x=x, y=y), exact)


if __name__ == "__main__":
    print(f"relative L2 error {main():.2e}")
