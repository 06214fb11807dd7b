"""Heat conduction through two materials: one field on each side of an interface.

Goal       A kink that no smooth network can follow: two fields, coupled by value and flux.
Equation   ∇·(k ∇T) = 0;  k = 5 (metal, field a) and k = 1 (plastic, field b)
Domain     metal [-1, 0] x [0, 1], plastic [0, 1] x [0, 1]; bottom T = 0; top insulated;
           left T = exact; right T = 0; at x = 0: a = b and 5 ∂a/∂n = ∂b/∂n
Reference  T = sin(πy/2) (cosh(πx/2) + s sinh(πx/2)), s = -coth(π/2) in the plastic, a fifth of
           it in the metal
Result     3.8e-04, 42 s on one of 2 CPU cores
"""

# %%
import numpy as np

import pinnlab as pl
from pinnlab import cosh, laplacian, pi, sin, sinh

K = 5.0
SLOPE = -1 / np.tanh(np.pi / 2)


def inlet(y):
    return sin(pi / 2 * y) * (cosh(pi / 2) - SLOPE / K * sinh(pi / 2))


# %% [markdown]
# Each box has its own name, and its sides are called after it. The field of one material is
# trained in its region only; beyond, it means nothing.

# %%
metal = pl.Box(x=(-1, 0), y=(0, 1))
plastic = pl.Box(x=(0, 1), y=(0, 1))

problem = pl.Problem(
    domain=pl.Box(x=(-1, 1), y=(0, 1)),
    regions={"metal": metal, "plastic": plastic},
    fields=["a", "b"],
    equations={
        "in_metal": pl.Equation(lambda a: laplacian(a), region="metal"),
        "in_plastic": pl.Equation(lambda b: laplacian(b), region="plastic"),
    },
    conditions={
        "inlet": pl.Dirichlet(a=inlet, on="left"),
        "outlet": pl.Dirichlet(b=0, on="right"),
        "cold_a": pl.Dirichlet(a=0, on=lambda x, y: (y == 0) & (x <= 0)),
        "cold_b": pl.Dirichlet(b=0, on=lambda x, y: (y == 0) & (x >= 0)),
        "top_a": pl.Neumann(a=0, on=lambda x, y: (y == 1) & (x <= 0)),
        "top_b": pl.Neumann(b=0, on=lambda x, y: (y == 1) & (x >= 0)),
        "joint": pl.Interface(
            on=("metal", "plastic"),
            equal=[("a", "b"), (lambda a: K * a.n, lambda b: b.n)],
        ),
    },
    name="Two materials",
)


# %%
def main(adam=500, lbfgs=1500, interior=800):
    solution = pl.solve(
        problem,
        surrogate=pl.MLP(width=20, depth=3, per_field=True),
        points={"interior": interior, "boundary": 100},
        phases=[pl.Adam(adam, lr=3e-3), pl.LBFGS(lbfgs)],
    )
    x, y = np.meshgrid(np.linspace(-1, 1, 81), np.linspace(0, 1, 41))
    slope = np.where(x < 0, SLOPE / K, SLOPE)
    exact = np.sin(np.pi / 2 * y) * (np.cosh(np.pi / 2 * x) + slope * np.sinh(np.pi / 2 * x))
    found = np.where(x < 0, solution.a(x=x, y=y), solution.b(x=x, y=y))
    return pl.metrics.relative_l2(found, exact)


if __name__ == "__main__":
    print(f"relative L2 error {main():.2e}")
