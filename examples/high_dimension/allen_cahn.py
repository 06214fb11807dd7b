"""Allen-Cahn equation in 100 dimensions, by derivatives along a few random coordinates.

Goal       Show how an estimator replaces a Laplacian over many dimensions, and what it costs.
Equation   Δu + u - u³ = f,  f from the exact solution (1 - |x|²) Σ c_i sin(x_i + cos x_{i+1} + …)
Domain     the unit ball in 100 dimensions, u = 0 on its surface by construction
Reference  exact, at 20 000 points with uniform radii
Result     3.8e-03 after 5 000 steps, 75 s of one CPU core
"""

# %%
import pinnlab as pl

problem = pl.high_dimension.allen_cahn(dim=100)
print(problem.check(derivatives=pl.STDE(samples=16), points={"interior": 100}))


# %% [markdown]
# The exact Laplacian carries 102 numbers per neuron and point: the value, one slope per coordinate,
# and their collapsed second derivatives. Sixteen coordinates that are drawn anew in every step make
# it 18; the mean over all draws is the Laplacian. The points are new in every step as well, so that
# nothing is fitted twice.


# %%
def main(steps=5000, interior=100):
    solution = pl.solve(
        problem,
        surrogate=pl.MLP(width=128, depth=3),
        points={"interior": interior},
        derivatives=pl.STDE(samples=16),
        phases=pl.Adam(steps, lr=1e-3, schedule=pl.Linear(), resample=1),
        dtype="float32",
    )
    scatter = [r["deviations"]["laplacian(u)"] for r in solution.records if "deviations" in r]
    print(f"the Laplacian scatters by {scatter[0]:.1%} at first, by {scatter[-1]:.1%} at last")
    return solution.error()["u"]["relative_l2"]


if __name__ == "__main__":
    print(f"relative L2 error {main():.2e}")
