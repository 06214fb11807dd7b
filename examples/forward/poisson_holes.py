"""Laplace's equation on a square with four holes, conditions held by the geometry.

Goal       Build boundary conditions of a CSG domain into the ansatz, with no weight to tune.
Equation   Δu = 0
Domain     [-1/2, 1/2]² without four discs of radius 0.1 at (±0.3, ±0.3);
           u = 1 on the square, u = 0 on the circles
Reference  COMSOL solution of PINNacle (Hao et al. 2024), case Poisson2d_C
Result     2.9e-03, 58 s on one of 2 CPU cores
"""

# %%
from pathlib import Path

import pinnlab as pl
from pinnlab import laplacian

DATA = Path(__file__).parents[2] / "configs" / "data"

# %% [markdown]
# Pieces keep the names of the shapes they come from, also after they are cut out.

# %%
HOLES = {"sw": (-0.3, -0.3), "se": (0.3, -0.3), "nw": (-0.3, 0.3), "ne": (0.3, 0.3)}
domain = pl.Box(x=(-0.5, 0.5), y=(-0.5, 0.5), name="outer")
for name, center in HOLES.items():
    domain = domain - pl.Disk(center=center, radius=0.1, name=name)

problem = pl.Problem(
    domain=domain,
    fields=["u"],
    equations={"laplace": lambda u: laplacian(u)},
    conditions={
        "outer": pl.Dirichlet(u=1, on="outer", hard=True),
        "holes": pl.Dirichlet(u=0, on=list(HOLES), hard=True),
    },
    reference=pl.Reference.load(DATA / "poisson1_cg_data.dat", ["x", "y"], ["u"]),
    name="Four holes",
)


# %%
def main(adam=1000, lbfgs=1500, interior=2000):
    solution = pl.solve(
        problem,
        surrogate=pl.MLP(width=40, depth=4),
        points={"interior": interior},
        phases=[
            pl.Adam(adam, lr=2e-3, schedule=pl.Exponential(rate=0.5, every=333)),
            pl.LBFGS(lbfgs),
        ],
    )
    return solution.error()["u"]["relative_l2"]


if __name__ == "__main__":
    print(f"relative L2 error {main():.2e}")
