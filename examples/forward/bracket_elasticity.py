"""Elasticity on an imported mesh: a steel bracket whose arm is pushed down.

Goal       A part from a mesh file, vector fields, and traction on whatever boundary is left.
Equation   -∇·σ = 0,  σ = λ tr(ε) I + 2μ ε in plane stress, Young's modulus 1, ν = 0.3
Domain     geometries/bracket_2d.msh, an L-shaped plate with two holes; clamped end: u = v = 0;
           loaded end: u = 0, v = -1; everywhere else no traction, σ n = 0
Reference  scikit-fem, quadratic elements on the same mesh (configs/data/make_reference.py);
           error of (u, v) stacked
Result     1.1e-01, 40 s on one of 2 CPU cores
"""

# %%
from pathlib import Path

import pinnlab as pl
from pinnlab.equations import stress
from pinnlab.metrics import pinnacle_l2

ROOT = Path(__file__).parents[2]
NU = 0.3
LAME, MU = NU / (1 - NU**2), 0.5 / (1 + NU)


def traction(u, v, n):
    return [pl.dot(row, n) for row in stress((u, v), LAME, MU)]


# %% [markdown]
# Physical groups of the mesh file are the names of the boundary pieces; `rest` is what has none.

# %%
problem = pl.Problem(
    domain=pl.Mesh(ROOT / "geometries" / "bracket_2d.msh"),
    fields=["u", "v"],
    parameters={"E": 1.0, "nu": NU},
    equations={"balance": pl.equations.elasticity_plane_stress},
    conditions={
        "clamped": pl.Dirichlet(u=0, v=0, on="clamped", weight=10),
        "loaded": pl.Dirichlet(u=0, v=-1, on="loaded", weight=10),
        "free": pl.Condition(traction, on=["hole_top", "hole_right", "rest"]),
    },
    reference=pl.Reference.load(
        ROOT / "configs" / "data" / "bracket_elasticity.npz", ["x", "y"], ["u", "v"]
    ),
    name="Bracket",
)


# %%
def main(adam=500, lbfgs=1000, interior=1200):
    solution = pl.solve(
        problem,
        surrogate=pl.MLP(width=32, depth=4),
        points={"interior": interior, "boundary": 500},
        phases=[
            pl.Adam(adam, lr=2e-3, schedule=pl.Exponential(rate=0.5, every=200)),
            pl.LBFGS(lbfgs),
        ],
    )
    reference = problem.reference
    return pinnacle_l2(solution(**reference.columns), reference.fields)


if __name__ == "__main__":
    print(f"stacked relative L2 error {main():.2e}")
