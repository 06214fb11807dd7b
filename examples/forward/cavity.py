"""Lid-driven cavity: steady Navier-Stokes equations at Reynolds number 100.

Goal       Three coupled fields with only penalised conditions.
Equation   (w·∇) w + ∇p - ν Δw = 0,  ∇·w = 0,  w = (u, v),  ν = 0.01
Domain     [0, 1]²; lid y = 1: u = 4x(1 - x), v = 0; other walls u = v = 0; p(0, 0) = 0
Reference  COMSOL solution of PINNacle (Hao et al. 2024), case NS2d_C; error over (u, v, p) stacked
Result     3.3e-02, 143 s on one of 2 CPU cores
"""

# %%
from pathlib import Path

import pinnlab as pl
from pinnlab import advect, laplacian
from pinnlab.metrics import pinnacle_l2

DATA = Path(__file__).parents[2] / "configs" / "data"


def navier_stokes(u, v, p, *, nu):
    return (
        advect((u, v), u) + p.x - nu * laplacian(u),
        advect((u, v), v) + p.y - nu * laplacian(v),
        u.x + v.y,
    )


problem = pl.Problem(
    domain=pl.Box(x=(0, 1), y=(0, 1)),
    fields=["u", "v", "p"],
    parameters={"nu": 0.01},
    equations={"navier_stokes": navier_stokes},
    conditions={
        "lid": pl.Dirichlet(u=lambda x: 4 * x * (1 - x), v=0, on="top"),
        "walls": pl.Dirichlet(u=0, v=0, on=["left", "right", "bottom"]),
        "pin": pl.Data({"x": [0.0], "y": [0.0], "p": [0.0]}),
    },
    reference=pl.Reference.load(DATA / "lid_driven_a4.dat", ["x", "y"], ["u", "v", "p"]),
    name="Lid-driven cavity",
)


# %%
def main(adam=2000, lbfgs=4000, interior=2000):
    solution = pl.solve(
        problem,
        surrogate=pl.MLP(width=40, depth=4),
        points={"interior": interior, "boundary": 200},
        phases=[
            pl.Adam(adam, lr=2e-3, schedule=pl.Exponential(rate=0.5, every=666)),
            pl.LBFGS(lbfgs),
        ],
    )
    reference = problem.reference
    return pinnacle_l2(solution(**reference.columns), reference.fields)


if __name__ == "__main__":
    print(f"stacked relative L2 error {main():.2e}")
