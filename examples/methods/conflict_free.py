"""Equation, boundary and start pull apart: a flow trained by their sum, and without conflict.

Goal       Show what a conflict between loss terms costs, how it is seen, and two ways out of it.
Equation   ∂w/∂t + (w·∇)w + ∇p = Δw,  ∇·w = 0,  w = (u, v, w):  a decaying Beltrami flow
Domain     [-1, 1]³, t in [0, 1]; velocity and pressure given on all faces and at the start
Reference  exact (Ethier and Steinman 1994)
Source     Liu, Chu and Thuerey (2025), ConFIG, ICLR, arXiv 2408.11104
Result     3.3e-02 (plain sum 1.5e-01, ConFIG 5.7e-02), 87 s on one of 2 busy CPU cores
"""

# %%
import time

import pinnlab as pl

problem = pl.conflict_free.beltrami()


# %% [markdown]
# In the sum of the three terms the gradient of the equation outweighs the others, and where they
# point against each other, steps make the boundary worse. `ConFIG` takes a direction that descends
# along all at equal rates; it costs no more, since one backward pass gives the gradients of all
# terms. `MConFIG` keeps the momentum of each term and differentiates one of them in a step: its
# steps cost half, so that it takes twice as many here.


# %%
def train(gradients, steps, interior, lr):
    began = time.process_time()
    solution = pl.solve(
        problem,
        surrogate=pl.MLP(width=50, depth=5),
        points={"interior": interior, "boundary": 100, "sampler": "lhs"},
        gradients=gradients,
        phases=pl.Adam(steps, lr=lr, schedule=pl.Cosine(final=0.1, warmup=50), resample=1),
        callbacks=[],
        dtype="float32",
    )
    looked_at = [r["conflicts"] for r in solution.records if "conflicts" in r]
    opposed = sum(c["conflicting"] * c["steps"] for c in looked_at)
    share = opposed / max(1, sum(c["steps"] for c in looked_at))
    errors = {name: f"{e['relative_l2']:.1e}" for name, e in solution.error().items()}
    seconds = time.process_time() - began
    print(f"{gradients}: {errors}; gradients opposed in {share:.0%} of the steps; {seconds:.0f} s")
    return max(e["relative_l2"] for e in solution.error().values())


def main(steps=2500, interior=500, lr=1e-3):
    train(pl.Sum(), steps, interior, lr)
    train(pl.ConFIG(), steps, interior, lr)
    return train(pl.MConFIG(), 2 * steps, interior, lr)


if __name__ == "__main__":
    print(f"largest relative L2 error of a field {main():.2e}")
