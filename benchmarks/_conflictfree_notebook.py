"""The side of ``conflictfree`` of :mod:`conflict_free_published`, in a process of its own.

The cells of the authors' notebook ``docs/examples/pinn_burgers.ipynb`` are executed as they are,
but for the device, the seed and the number of steps. Its bar of progress and its plot of the result
are where figures are taken: modules of their names stand in for ``tqdm`` and ``matplotlib``.

ConFIG's direction comes from ``torch.linalg.lstsq``, whose driver is ``gels`` on a GPU and
``gelsy`` on a processor. The latter may be handed memory that nothing was written to (pytorch issue
187411) and then finds a wrong rank and another direction: 30 times in 4 000 calls for three random
gradients, where the memory had held other numbers before. So ``gels`` is called here too.
"""

import argparse
import json
import os
import sys
import time
from collections.abc import Callable, Iterator
from functools import partial
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import torch
from _measure import serve

NOTEBOOK = Path("docs/examples/pinn_burgers.ipynb")
METHODS = ("Sum", "ConFIG", "MConFIG")  # in the order of the cells that train
POINTS = ("pde", "boundary", "initial")
DEVICE, SEED, TRAINS = 'device="cuda:0"', "seed=19018", "tester.plot_best(net)"


def cells(checkout: Path) -> list[str]:
    """The source of the cells of the notebook.

    Raises:
        SystemExit: If it is not the notebook that this was written for.
    """
    found = json.loads((checkout / NOTEBOOK).read_text(encoding="utf-8"))["cells"]
    sources = ["".join(cell["source"]) for cell in found if cell["cell_type"] == "code"]
    text = "\n".join(sources)
    for words, times in ((DEVICE, 1), (SEED, 1), (TRAINS, len(METHODS))):
        if text.count(words) != times:
            raise SystemExit(
                f"{checkout / NOTEBOOK} has {words!r} {text.count(words)} times; expected {times},"
                " as in tum-pbs/ConFIG"
            )
    return sources


class Bar:
    """Stands in for the bar of progress: decides how many steps there are.

    Args:
        taken: Of the notebook; not taken.
    """

    steps = 0

    def __init__(self, taken: range) -> None:
        del taken

    def __iter__(self) -> Iterator[int]:
        return iter(range(self.steps))

    def set_postfix(self, shown: dict[str, float]) -> None:
        """Show nothing."""


class Watch:
    """Stands in for the notebook's test of every step.

    Args:
        figures: Mean squared errors of a network, by what they are against.
        every: Steps from one test to the next.
    """

    def __init__(self, figures: Callable[[Any], dict[str, float]], every: int) -> None:
        self.figures, self.every = figures, every
        self.seconds, self.calls = 0.0, 0
        self.best: dict[str, float] = {}

    def test(self, network: Any) -> float:
        """Look at the network, every now and then."""
        self.calls += 1
        if self.calls % self.every == 0:
            began = time.process_time()
            for name, value in self.figures(network).items():
                self.best[name] = min(value, self.best.get(name, value))
            self.seconds += time.process_time() - began
        return 0.0


def stand_in(name: str, **contents: Any) -> None:
    """A module of this name with these contents."""
    module = ModuleType(name)
    module.__spec__ = ModuleSpec(name, None)  # torch asks for it
    module.__dict__.update(contents)
    sys.modules[name] = module


class Notebook:
    """The notebook, ready to train.

    Args:
        checkout: Of tum-pbs/ConFIG.
        exact: Exact solution on the grid of the notebook's data, ``(t, x)``.
    """

    def __init__(self, checkout: Path, exact: np.ndarray) -> None:
        self.cells, self.exact = cells(checkout), torch.from_numpy(exact).float()

    def execute(
        self, method: str, seed: int, steps: int, prepare: Callable[[dict[str, Any]], None]
    ) -> dict[str, Any]:
        """The globals after the cell that trains by one method; the others take no step.

        Args:
            method: One of :data:`METHODS`.
            seed: In place of the notebook's.
            steps: Of the optimiser.
            prepare: Changes the definitions, before the first cell that trains.
        """
        scope: dict[str, Any] = {"__name__": "notebook"}
        turn = 0
        for source in self.cells:
            Bar.steps = 0
            if TRAINS in source:
                if turn == 0:
                    prepare(scope)
                Bar.steps = steps if METHODS[turn] == method else 0
                turn += 1
            exec(source.replace(DEVICE, 'device="cpu"').replace(SEED, f"seed={seed}"), scope)
            if Bar.steps:
                break
        return scope

    def train(self, method: str, seed: int, steps: int, every: int) -> dict[str, Any]:
        """The figures of one run; its error is looked at every so many steps."""

        def figures(network: Any) -> dict[str, float]:
            truths = {"mse": self.exact, "data_mse": tester.simulation_data}
            with torch.no_grad():
                shown = network(tester.x, tester.t)
                return {k: float((shown - v).square().mean()) for k, v in truths.items()}

        def prepare(scope: dict[str, Any]) -> None:
            scope["Tester"].test = lambda _, network: watch.test(network)
            scope["Tester"].plot_best = lambda _, network: None
            nonlocal tester
            tester = scope["Tester"]()

        tester: Any = None
        watch = Watch(figures, every)
        began = time.process_time()
        scope = self.execute(method, seed, steps, prepare)
        seconds = time.process_time() - began - watch.seconds
        return (
            figures(scope["net"])
            | {f"best_{name}": value for name, value in watch.best.items()}
            | {"processor_seconds": round(seconds, 2)}
        )

    def export(self, method: str, seed: int, steps: int, path: str) -> dict[str, Any]:
        """Write the points of some steps, and the weights before and after them."""
        drawn: dict[str, list[np.ndarray]] = {name: [] for name in POINTS}

        def prepare(scope: dict[str, Any]) -> None:
            scope["Tester"].test = lambda _, network: 0.0
            scope["Tester"].plot_best = lambda _, network: None
            for name, points in drawn.items():
                keep(scope["BurgersDataset"], f"sample_{name}", points)

        scope = self.execute(method, seed, steps, prepare)
        torch.manual_seed(seed)
        fresh = scope["BurgersNet"]()
        fresh.apply(scope["xavier_init_weights"])
        arrays = {name: np.stack(points) for name, points in drawn.items()}
        for when, network in (("before", fresh), ("after", scope["net"])):
            flat = torch.nn.utils.parameters_to_vector(network.parameters())
            arrays[when] = flat.detach().numpy()
        np.savez(path, allow_pickle=False, **arrays)
        return {}


def keep(owner: type, name: str, points: list[np.ndarray]) -> None:
    """Let a method that draws points ``x, t, values`` keep them, ``(n, 2)``."""
    draw = getattr(owner, name)

    def drawn(self: Any) -> Any:
        found = draw(self)
        points.append(torch.stack(found[:2], 1).detach().numpy())
        return found

    setattr(owner, name, drawn)


def main() -> None:
    """Answer the requests of the parent process."""
    parser = argparse.ArgumentParser(description="The side of conflictfree.")
    parser.add_argument("--checkout", type=Path, required=True, help="of tum-pbs/ConFIG")
    parser.add_argument("--exact", type=Path, required=True, help="array (t, x) of a .npy file")
    options = parser.parse_args()
    torch.set_num_threads(1)
    checkout, exact = options.checkout.resolve(), np.load(options.exact)
    sys.path.insert(0, str(checkout))
    torch.linalg.lstsq = partial(torch.linalg.lstsq, driver="gels")
    stand_in("tqdm", tqdm=Bar)
    stand_in("matplotlib", pyplot=None)
    stand_in("matplotlib.pyplot")
    os.chdir((checkout / NOTEBOOK).parent)  # it reads its data relative to itself
    notebook = Notebook(checkout, exact)
    serve(lambda do, **request: getattr(notebook, do)(**request))


if __name__ == "__main__":
    main()
