"""The problems of the step benchmark, written as DeepXDE's own examples write them.

With ``rows="declared"`` the conditions are functions on the geometry, so that the equations are
also evaluated on the rows of the conditions, which are appended to all points. With
``rows="equal"`` the conditions are point sets and the equations see interior points only.
"""

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

os.environ["DDE_BACKEND"] = "pytorch"
import deepxde as dde
import torch

RE = 100.0
NU = 0.01 / np.pi


@dataclass
class Case:
    """A compiled model and what names the parts of its loss.

    Args:
        model: Compiled with Adam.
        equations: Number of residuals of the equations, which come first in the loss.
        conditions: Per named condition the number of its boundary conditions, in order.
    """

    model: Any
    equations: int
    conditions: dict[str, int]


def burgers(rows: str) -> Case:
    """Burgers in 1-D: u_t + u u_x = ν u_xx, as examples/pinn_forward/Burgers.py."""
    space = dde.geometry.Interval(-1, 1)
    domain = dde.geometry.GeometryXTime(space, dde.geometry.TimeDomain(0, 0.99))

    def pde(x: Any, y: Any) -> Any:
        dy_x = dde.grad.jacobian(y, x, i=0, j=0)
        dy_t = dde.grad.jacobian(y, x, i=0, j=1)
        dy_xx = dde.grad.hessian(y, x, i=0, j=0)
        return dy_t + y * dy_x - NU * dy_xx

    def start(x: np.ndarray) -> np.ndarray:
        return -np.sin(np.pi * x[:, 0:1])

    if rows == "declared":
        conditions = [
            dde.icbc.DirichletBC(domain, lambda x: 0, lambda _, on_boundary: on_boundary),
            dde.icbc.IC(domain, start, lambda _, on_initial: on_initial),
        ]
        data = dde.data.TimePDE(
            domain, pde, conditions, num_domain=2540, num_boundary=80, num_initial=160
        )
    else:
        ends, begin = domain.random_boundary_points(80), domain.random_initial_points(160)
        conditions = [
            dde.icbc.PointSetBC(ends, np.zeros((80, 1))),
            dde.icbc.PointSetBC(begin, start(begin)),
        ]
        data = dde.data.PDE(domain, pde, conditions, num_domain=2540)
    return _case(data, [2] + [20] * 3 + [1], 1, {"ends": 1, "start": 1})


def poisson(rows: str) -> Case:
    """Poisson in 2-D: u_xx + u_yy + 2π² sin πx sin πy = 0, as Poisson_Dirichlet_2d.py."""
    domain = dde.geometry.Rectangle([0, 0], [1, 1])

    def pde(x: Any, y: Any) -> Any:
        dy_xx = dde.grad.hessian(y, x, i=0, j=0)
        dy_yy = dde.grad.hessian(y, x, i=1, j=1)
        source = 2 * np.pi**2 * torch.sin(np.pi * x[:, 0:1]) * torch.sin(np.pi * x[:, 1:2])
        return dy_xx + dy_yy + source

    if rows == "declared":
        conditions = [dde.icbc.DirichletBC(domain, lambda x: 0, lambda _, on_boundary: on_boundary)]
        data = dde.data.PDE(domain, pde, conditions, num_domain=10_000, num_boundary=400)
    else:
        walls = domain.random_boundary_points(400)
        conditions = [dde.icbc.PointSetBC(walls, np.zeros((400, 1)))]
        data = dde.data.PDE(domain, pde, conditions, num_domain=10_000)
    return _case(data, [2] + [100] * 5 + [1], 1, {"walls": 1})


def cavity(rows: str) -> Case:
    """Steady Navier-Stokes in a lid-driven cavity, Reynolds number 100."""
    domain = dde.geometry.Rectangle([0, 0], [1, 1])

    def pde(x: Any, y: Any) -> Any:
        u, v = y[:, 0:1], y[:, 1:2]
        u_x, u_y = (dde.grad.jacobian(y, x, i=0, j=j) for j in (0, 1))
        v_x, v_y = (dde.grad.jacobian(y, x, i=1, j=j) for j in (0, 1))
        p_x, p_y = (dde.grad.jacobian(y, x, i=2, j=j) for j in (0, 1))
        u_xx, u_yy = (dde.grad.hessian(y, x, component=0, i=j, j=j) for j in (0, 1))
        v_xx, v_yy = (dde.grad.hessian(y, x, component=1, i=j, j=j) for j in (0, 1))
        return [
            u * u_x + v * u_y + p_x - 1 / RE * (u_xx + u_yy),
            u * v_x + v * v_y + p_y - 1 / RE * (v_xx + v_yy),
            u_x + v_y,
        ]

    def lid(x: np.ndarray, on_boundary: bool = True) -> bool:
        return on_boundary and bool(np.isclose(x[1], 1))

    def walls(x: np.ndarray, on_boundary: bool) -> bool:
        return on_boundary and not lid(x)

    if rows == "declared":
        conditions = [
            dde.icbc.DirichletBC(domain, lambda x: 1, lid, component=0),
            dde.icbc.DirichletBC(domain, lambda x: 0, lid, component=1),
            dde.icbc.DirichletBC(domain, lambda x: 0, walls, component=0),
            dde.icbc.DirichletBC(domain, lambda x: 0, walls, component=1),
        ]
        data = dde.data.PDE(domain, pde, conditions, num_domain=10_000, num_boundary=800)
        return _case(data, [2] + [100] * 5 + [3], 3, {"lid": 2, "walls": 2})
    edge = domain.random_boundary_points(800)
    top = np.isclose(edge[:, 1], 1)
    conditions = [
        dde.icbc.PointSetBC(edge[top], np.tile([1.0, 0.0], (top.sum(), 1)), component=[0, 1]),
        dde.icbc.PointSetBC(edge[~top], np.zeros(((~top).sum(), 2)), component=[0, 1]),
    ]
    data = dde.data.PDE(domain, pde, conditions, num_domain=10_000)
    return _case(data, [2] + [100] * 5 + [3], 3, {"lid": 1, "walls": 1})


def korteweg_de_vries(rows: str) -> Case:
    """Korteweg and de Vries: u_t + 6 u u_x + u_xxx = 0."""

    def pde(x: Any, y: Any) -> Any:
        dy_x = dde.grad.jacobian(y, x, i=0, j=0)
        dy_t = dde.grad.jacobian(y, x, i=0, j=1)
        dy_xx = dde.grad.hessian(y, x, i=0, j=0)
        dy_xxx = dde.grad.jacobian(dy_xx, x, i=0, j=0)
        return dy_t + 6 * y * dy_x + dy_xxx

    return _evolution(rows, pde)


def kuramoto_sivashinsky(rows: str) -> Case:
    """Kuramoto and Sivashinsky: u_t + u u_x + u_xx + u_xxxx = 0."""

    def pde(x: Any, y: Any) -> Any:
        dy_x = dde.grad.jacobian(y, x, i=0, j=0)
        dy_t = dde.grad.jacobian(y, x, i=0, j=1)
        dy_xx = dde.grad.hessian(y, x, i=0, j=0)
        dy_xxxx = dde.grad.hessian(dy_xx, x, i=0, j=0)
        return dy_t + y * dy_x + dy_xx + dy_xxxx

    return _evolution(rows, pde)


def _evolution(rows: str, pde: Callable[[Any, Any], Any]) -> Case:
    """An equation in one dimension and time, 4 x 50, with values at the ends and at the start."""
    space = dde.geometry.Interval(-1, 1)
    domain = dde.geometry.GeometryXTime(space, dde.geometry.TimeDomain(0, 1))

    def start(x: np.ndarray) -> np.ndarray:
        return np.cos(np.pi * x[:, 0:1])

    if rows == "declared":
        conditions = [
            dde.icbc.DirichletBC(domain, lambda x: -1, lambda _, on_boundary: on_boundary),
            dde.icbc.IC(domain, start, lambda _, on_initial: on_initial),
        ]
        data = dde.data.TimePDE(
            domain, pde, conditions, num_domain=5000, num_boundary=100, num_initial=200
        )
    else:
        ends, begin = domain.random_boundary_points(100), domain.random_initial_points(200)
        conditions = [
            dde.icbc.PointSetBC(ends, -np.ones((100, 1))),
            dde.icbc.PointSetBC(begin, start(begin)),
        ]
        data = dde.data.PDE(domain, pde, conditions, num_domain=5000)
    return _case(data, [2] + [50] * 4 + [1], 1, {"ends": 1, "start": 1})


def beam(rows: str) -> Case:
    """A cantilever after Euler and Bernoulli: u_xxxx + 1 = 0, as Euler_beam.py."""
    domain = dde.geometry.Interval(0, 1)

    def slope(x: Any, y: Any, _: Any) -> Any:
        return dde.grad.jacobian(y, x)

    def moment(x: Any, y: Any, _: Any) -> Any:
        return dde.grad.hessian(y, x)

    def shear(x: Any, y: Any, _: Any) -> Any:
        return dde.grad.jacobian(dde.grad.hessian(y, x), x)

    def pde(x: Any, y: Any) -> Any:
        return dde.grad.hessian(dde.grad.hessian(y, x), x) + 1

    def left(x: np.ndarray, on_boundary: bool) -> bool:
        return on_boundary and bool(np.isclose(x[0], 0))

    def right(x: np.ndarray, on_boundary: bool) -> bool:
        return on_boundary and bool(np.isclose(x[0], 1))

    if rows == "declared":
        conditions = [
            dde.icbc.DirichletBC(domain, lambda x: 0, left),
            dde.icbc.NeumannBC(domain, lambda x: 0, left),
            dde.icbc.OperatorBC(domain, moment, right),
            dde.icbc.OperatorBC(domain, shear, right),
        ]
        data = dde.data.PDE(domain, pde, conditions, num_domain=2000, num_boundary=2)
    else:
        zero, begin, end = np.zeros((1, 1)), np.zeros((1, 1)), np.ones((1, 1))
        conditions = [
            dde.icbc.PointSetBC(begin, zero),
            dde.icbc.PointSetOperatorBC(begin, zero, slope),
            dde.icbc.PointSetOperatorBC(end, zero, moment),
            dde.icbc.PointSetOperatorBC(end, zero, shear),
        ]
        data = dde.data.PDE(domain, pde, conditions, num_domain=2000)
    names = ("clamp", "slope", "moment", "shear")
    return _case(data, [1] + [40] * 3 + [1], 1, dict.fromkeys(names, 1))


CASES: dict[str, Callable[[str], Case]] = {
    "burgers": burgers,
    "poisson": poisson,
    "cavity": cavity,
    "kdv": korteweg_de_vries,
    "ks": kuramoto_sivashinsky,
    "beam": beam,
}


def _case(data: Any, widths: Sequence[int], equations: int, conditions: dict[str, int]) -> Case:
    model = dde.Model(data, dde.nn.FNN(list(widths), "tanh", "Glorot normal"))
    model.compile("adam", lr=1e-3, verbose=0)
    return Case(model, equations, conditions)


class Runner:
    """One model: its points and weights, its loss, and its steps."""

    def __init__(self, name: str, rows: str, seed: int = 0, threads: int = 1) -> None:
        torch.set_num_threads(threads)
        dde.config.set_random_seed(seed)
        self.case = CASES[name](rows)
        model = self.case.model
        model.train_state.set_data_train(*model.data.train_next_batch(None))
        model.callbacks = dde.callbacks.CallbackList()

    def export(self, path: str) -> dict[str, int]:
        """Write points and weights, and say how many rows the network is evaluated on."""
        data, net = self.case.model.data, self.case.model.net
        arrays = {"equations": data.train_x_all}
        first, counts = 0, iter(data.num_bcs)
        for name, number in self.case.conditions.items():
            # Conditions on several components of one set repeat its points.
            repeated = [next(counts) for _ in range(number)]
            arrays[name] = data.train_x_bc[first : first + repeated[0]]
            first += sum(repeated)
        for k, layer in enumerate(net.linears):
            arrays[f"weight{k}"] = layer.weight.detach().numpy()
            arrays[f"bias{k}"] = layer.bias.detach().numpy()
        np.savez(path, **arrays)
        return {"rows": len(data.train_x)}

    def losses(self) -> dict[str, float]:
        """Mean squares by name; components of one term are summed."""
        model = self.case.model
        state = model.train_state
        _, parts = model.outputs_losses_train(state.X_train, state.y_train, state.train_aux_vars)
        values = parts.detach().double().tolist()
        out = {"equations": sum(values[: self.case.equations])}
        k = self.case.equations
        for name, number in self.case.conditions.items():
            # The loss of a point set is a mean over its components as well.
            width = 2 if number == 1 and name in ("lid", "walls") and len(values) == 5 else 1
            out[name] = width * sum(values[k : k + number])
            k += number
        return out

    def steps(self, count: int) -> None:
        """The loop of ``Model.train``, without the tests at its beginning and end."""
        model = self.case.model
        for _ in range(count):
            model.callbacks.on_epoch_begin()
            model.callbacks.on_batch_begin()
            model.train_state.set_data_train(*model.data.train_next_batch(model.batch_size))
            model._train_step(
                model.train_state.X_train,
                model.train_state.y_train,
                model.train_state.train_aux_vars,
            )
            model.train_state.iteration += 1
            model.train_state.step += 1
            model.callbacks.on_batch_end()
            model.callbacks.on_epoch_end()
