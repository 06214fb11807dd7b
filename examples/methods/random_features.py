"""No training: a linear problem on a linear surrogate is one least-squares solve.

Goal       The same declaration on another representation.
Equation   -Δu = 2π² sin(πx) sin(πy)
Domain     [0, 1]²; u = 0 on the boundary
Reference  u = sin(πx) sin(πy)
Result     6.6e-09, 5 s on one of 2 CPU cores
"""

# %%
import numpy as np

import pinnlab as pl
from pinnlab import laplacian, pi, sin

problem = pl.Problem(
    domain=pl.Box(x=(0, 1), y=(0, 1)),
    fields=["u"],
    equations={"poisson": lambda u, x, y: laplacian(u) + 2 * pi**2 * sin(pi * x) * sin(pi * y)},
    conditions={"walls": pl.Dirichlet(u=0)},
    name="Poisson",
)


# %% [markdown]
# The hidden layer is random and stays; the last one is solved for.


# %%
def main(features=600, interior=1500, boundary=400):
    solution = pl.solve(
        problem,
        surrogate=pl.RandomFeatures(features, scale=3.0),
        points={"interior": interior, "boundary": boundary},
        phases=pl.LeastSquares(),
    )
    x, y = np.meshgrid(np.linspace(0, 1, 51), np.linspace(0, 1, 51))
    exact = np.sin(np.pi * x) * np.sin(np.pi * y)
    return pl.metrics.relative_l2(solution.u(x=x, y=y), exact)


if __name__ == "__main__":
    print(f"relative L2 error {main():.2e}")
