"""Heat conduction through a part in three dimensions, from its tetrahedral mesh.

Goal       A volume mesh with named surfaces as the domain.
Equation   Δ T = 0, steady conduction
Domain     geometries/bracket_3d.msh, a flanged bearing bracket; bore: T = 1; base: T = 0;
           all other surfaces insulated, ∂T/∂n = 0
Reference  scikit-fem, quadratic elements on the same mesh (configs/data/make_reference.py)
Result     7.8e-02, 52 s on one of 2 CPU cores
"""

# %%
from pathlib import Path

import pinnlab as pl

ROOT = Path(__file__).parents[2]

problem = pl.Problem(
    domain=pl.Mesh(ROOT / "geometries" / "bracket_3d.msh"),
    fields=["T"],
    equations={"conduction": lambda T: pl.laplacian(T)},
    conditions={
        "hot": pl.Dirichlet(T=1, on="bore"),
        "cold": pl.Dirichlet(T=0, on="base"),
        "insulated": pl.Neumann(T=0, on=["rest", "bolt_holes"]),
    },
    reference=pl.Reference.load(
        ROOT / "configs" / "data" / "bracket_heat.npz", ["x", "y", "z"], ["T"]
    ),
    name="Bearing bracket",
)


# %%
def main(adam=1000, lbfgs=1000, interior=2000):
    solution = pl.solve(
        problem,
        surrogate=pl.MLP(width=32, depth=3),
        points={"interior": interior, "boundary": 1000},
        phases=[
            pl.Adam(adam, lr=3e-3, schedule=pl.Exponential(rate=0.5, every=300)),
            pl.LBFGS(lbfgs),
        ],
    )
    return solution.error()["T"]["relative_l2"]


if __name__ == "__main__":
    print(f"relative L2 error {main():.2e}")
