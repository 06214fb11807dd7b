"""The JAX side of the benchmarks of derivatives in many dimensions, in a process of its own.

The authors' script ``sine_gordon.py`` is executed as it is, up to the line at which its training
loop begins; the loop's body, one call of its jitted ``update``, is what is measured. The script's
own globals then give weights, points, directions and residuals for the comparison of losses.

Runs under an interpreter with jax, dm-haiku, optax, jaxtyping, tqdm and, for exact Laplacians,
folx; pinnlab is not needed there.
"""

import argparse
import os
import sys
from importlib.metadata import version
from pathlib import Path
from typing import Any

from _measure import peak_memory, pin, serve, timed

LOOP = "  l1_rel = l2_rel = 0.\n"  # the first line of the script's training loop
FLAGS = "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1"
PACKAGES = ("jax", "jaxlib", "dm-haiku", "optax", "folx", "numpy")


def execute(script: Path, arguments: list[str], seed: int) -> dict[str, Any]:
    """The globals of the script, whose ``train`` returns its locals where its loop would begin.

    Raises:
        SystemExit: If the script is not the one that this was written for.
    """
    source = script.read_text(encoding="utf-8")
    head, marker, _ = source.partition(LOOP)
    if not marker:
        raise SystemExit(f"{script} has no line {LOOP!r}; expected sine_gordon.py of sail-sg/stde")
    import numpy as np

    sys.argv = [str(script), *arguments]
    scope: dict[str, Any] = {"__name__": "sine_gordon"}
    exec(compile(head + "  return locals()\n", str(script), "exec"), scope)
    # The script draws them from the global, unseeded state.
    own = scope["coeffs_"]
    own[0, :-1] = np.random.default_rng(seed).standard_normal(own.shape[1] - 1)
    return scope


class Runner:
    """The script's problem, network and optimiser, ready to step.

    Args:
        options: Of the command line.
    """

    def __init__(self, options: argparse.Namespace) -> None:
        import jax

        self.jax, self.options = jax, options
        arguments = {
            "--SEED": options.seed, "--dim": options.dim, "--N_f": options.points,
            "--rand_batch_size": options.samples, "--N_test": 2, "--test_batch_size": 2,
        }  # fmt: skip
        words = [str(word) for pair in arguments.items() for word in pair]
        self.scope = execute(Path(options.script), [*words, "--sparse"], options.seed)
        if options.exact:
            self.scope["hess_trace"] = exact_trace
        self.train = self.scope["train"]()
        self.state = self.train["state"]
        self.given: Any = None

    def steps(self, count: int) -> None:
        """Steps of the script, or those on given points, to their end."""
        step = self.train["update"] if self.given is None else self.given
        for _ in range(count):
            loss, self.state, _ = step(self.state)
            loss.block_until_ready()
        self.jax.block_until_ready(self.state)

    def export(self, path: str) -> dict[str, Any]:
        """Write one batch with everything that determines its loss, and the loss; change nothing.

        The state is the one that the next step would start from.
        """
        import numpy as np

        jax, scope, model = self.jax, self.scope, self.train["model"]
        x, _, rng = scope["sample_domain_fn"](self.options.points, self.state.rng_key)
        key, _ = jax.random.split(rng)
        params = self.state.params
        (loss, _), grad = jax.jit(
            jax.value_and_grad(model.apply.loss_fn, argnums=0, has_aux=True)
        )(params, key, x)  # fmt: skip
        arrays = {"x": x, "loss": loss}
        arrays["forcing"] = jax.jit(jax.vmap(scope["SineGordon_twobody_inhomo_exact"]))(x)
        if not self.options.exact:
            arrays["directions"] = self._directions(key)
        for k, name in enumerate(sorted(params)):
            arrays[f"weight{k}"] = params[name]["w"].T
            arrays[f"bias{k}"] = params[name]["b"]
            arrays[f"weight{k}_gradient"] = grad[name]["w"].T
            arrays[f"bias{k}_gradient"] = grad[name]["b"]
        np.savez(path, **{name: np.asarray(array) for name, array in arrays.items()})
        return {"loss": float(loss)}

    def _directions(self, key: Any) -> Any:
        """The coordinates that one evaluation with this key differentiates along."""
        import haiku as hk

        first = hk.transform(hk.next_rng_key).apply({}, key)
        jax, options = self.jax, self.options
        return jax.random.choice(first, options.dim, shape=(options.samples,), replace=False)

    def fix(self, path: str, bare: bool = False) -> dict[str, Any]:
        """From now on step on the points of a file with Δu + sin u = 0, and sample nothing.

        Args:
            path: A file of :meth:`export`.
            bare: Let the network itself be u, without the factor that holds the boundary values.
        """
        import haiku as hk
        import jax.numpy as jnp
        import numpy as np
        import optax

        jax, scope, optimizer = self.jax, self.scope, self.train["optimizer"]
        x = jnp.asarray(np.load(path)["x"])

        class Network(scope["PINN"]):
            def loss(self, x: Any) -> Any:
                u = (lambda x: jnp.squeeze(self.net(x))) if bare else self.__call__
                return jnp.mean(jax.vmap(lambda x: scope["SineGordon_op"](x, u))(x) ** 2)

        apply = hk.without_apply_rng(hk.transform(lambda x: Network(name="pinn").loss(x))).apply

        @jax.jit
        def step(state: Any) -> Any:
            loss, grad = jax.value_and_grad(apply)(state.params, x)
            updates, opt_state = optimizer.update(grad, state.opt_state, state.params)
            params = optax.apply_updates(state.params, updates)
            return loss, state._replace(params=params, opt_state=opt_state), {}

        self.given = step
        return {"loss": float(jax.jit(apply)(self.state.params, x))}


def exact_trace(function: Any) -> Any:
    """Value and Laplacian of a function of one point by folx, in place of the script's estimate."""
    import folx

    laplacian = folx.forward_laplacian(function)

    def trace(x: Any) -> Any:
        out = laplacian(x)
        return out.x, out.laplacian

    return trace


def main() -> None:
    """Answer the requests of the parent process."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--script", required=True, help="sine_gordon.py of sail-sg/stde")
    parser.add_argument("--dim", type=int, required=True)
    parser.add_argument("--points", type=int, default=100)
    parser.add_argument("--samples", type=int, default=16)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--core", type=int, default=None, help="one thread on it, else all")
    parser.add_argument("--exact", action="store_true")
    options = parser.parse_args()
    if options.core is not None:
        os.environ["XLA_FLAGS"] = FLAGS
    os.environ["JAX_PLATFORMS"] = "cpu"
    pin(options.core)
    runner = Runner(options)

    def answer(do: str, steps: int = 0, **more: Any) -> dict[str, Any]:
        if do == "steps":
            return timed(lambda: runner.steps(steps), steps)
        if do == "memory":
            return peak_memory()
        if do == "versions":
            return {name: version(name) for name in PACKAGES}
        return getattr(runner, do)(**more)

    serve(answer)


if __name__ == "__main__":
    main()
