"""Inverse problem: the viscosity of the Burgers equation from noisy measurements.

Goal       One unknown number beside the solution, its order of magnitude unknown as well.
Equation   u_t + u u_x = ν u_xx with ν unknown; first guess 0.05
Domain     x in [-1, 1], t in [0, 1]; no boundary or initial condition, only measurements
Reference  2000 values of DeepXDE's data set at random points with 1 % noise; ν = 0.01/π.
           The error is the relative one of ν.
Result     2.9e-02, in an earlier run 6.1e-03, 0.8e-2 to 3.6e-2 from three seeds of the
           configuration; 57 s on one of 2 CPU cores
"""

# %%
from pathlib import Path

import numpy as np

import pinnlab as pl

DATA = Path(__file__).parents[2] / "configs" / "data"

# %% [markdown]
# The measurements: 1 % of the standard deviation of u, with a fixed seed.

# %%
clean = pl.Reference.load(DATA / "Burgers.npz", ["x", "t"], {"u": "usol"})
rng = np.random.default_rng(0)
rows = rng.choice(len(clean), 2000, replace=False)
noise = 0.01 * clean.fields["u"].std() * rng.standard_normal(len(rows))
measured = {name: values[rows] for name, values in clean.columns.items()}
measured["u"] = clean.fields["u"][rows] + noise

problem = pl.Problem(
    domain=pl.Interval("x", -1, 1) * pl.Time("t", 0, 1),
    fields=["u"],
    parameters={"nu": pl.Unknown(0.05, transform="log", true=0.01 / pl.pi)},
    equations={"burgers": pl.equations.burgers},
    conditions={"measured": pl.Data(measured, weight=10)},
    name="Burgers, viscosity unknown",
)


# %%
def main(adam=2000, lbfgs=2000, interior=2000):
    solution = pl.solve(
        problem,
        surrogate=pl.MLP(width=20, depth=4),
        points={"interior": interior},
        phases=[
            pl.Adam(adam, lr=3e-3, schedule=pl.Exponential(rate=0.5, every=500)),
            pl.LBFGS(lbfgs),
        ],
        callbacks=[pl.RAD(500, share=0.5)],
    )
    return solution.metrics["unknowns"]["nu"]["relative_error"]


if __name__ == "__main__":
    print(f"relative error of the viscosity {main():.2e}")
