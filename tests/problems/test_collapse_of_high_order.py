"""Sums of derivatives of any highest order are carried as one slot, and change no gradient."""

import pytest
import torch
from nested import Nested, assembled, fields_of, points_of, residual_of
from problems.spreading import assert_same_loss_and_gradient, spread

import pinnlab as pl
from pinnlab.calculus.layout import Collapsed

SQUARE = pl.Box(x=(0, 1), y=(0, 1))
CUBE = pl.Box(x=(0, 1), y=(0, 1), z=(0, 1))
LAYER = SQUARE * pl.Time("t", 0, 1)


def problem(equations, domain=SQUARE, fields="u", conditions=None, **parts):
    equations = equations if isinstance(equations, dict) else {"equation": equations}
    return pl.Problem(domain, fields, equations, conditions, **parts)


def slots(objective):
    return objective.frozen.joined(False).layout.slots


def sums(objective):
    return [slot for slot in slots(objective) if isinstance(slot, Collapsed)]


PLATE = "u.xxxx + 2*u.xxyy + u.yyyy"
JOINED = {
    "plate": (problem(f"{PLATE} - 1"), 4),
    "operator": (problem(lambda u: pl.biharmonic(u) + u * u.x), 4),
    "plate in time": (problem(f"u.tt + {PLATE}", LAYER), 4),
    "Kuramoto-Sivashinsky": (
        problem(lambda u: u.t + pl.laplacian(u) + pl.biharmonic(u) + u.x * u.y, LAYER),
        4,
    ),
    "clamped plate": (
        problem(PLATE, conditions={"sides": pl.Dirichlet(u="x*y**2", hard=True)}),
        4,
    ),
    "three dimensions": (problem(lambda u: pl.biharmonic(u), CUBE), 4),
    "third order": (problem("u.t + u.xxx + u.xyy + u*u.x", LAYER), 3),
    "third powers": (problem("u.xxx - 3*u.yyy + exp(u)*u.xy"), 3),
    "fifth order": (problem("u.xxxxx + u.yyyyy - u.xx"), 5),
    "sixth order": (problem("u.xxxxxx + 3*u.xxxxyy + 3*u.xxyyyy + u.yyyyyy"), 6),
    "fourth power of a line": (
        problem("u.xxxx + 4*u.xxxy + 6*u.xxyy + 4*u.xyyy + u.yyyy + u"),
        4,
    ),
    "square of a line": (problem("u.xx + 2*u.xy + u.yy + u"), 2),
    "variable stiffness": (problem(f"(1 + x*y)*({PLATE}) + u.xx"), 4),
    "nonlinear": (problem(f"sin({PLATE}) + u"), 4),
    "unknown stiffness": (
        problem(f"k*({PLATE}) - 1", parameters={"k": pl.Unknown(0.4)}),
        4,
    ),
    "two fields": (
        problem(
            {"a": f"{PLATE} - v", "b": f"2*({PLATE.replace('u', 'v')}) + u"}, fields=["u", "v"]
        ),
        4,
    ),
}
LINES = {"square of a line"}


@pytest.mark.parametrize("name", JOINED, ids=lambda n: n.replace(" ", "_"))
def test_loss_and_gradient_are_those_of_the_single_derivatives(name):
    declared, order = JOINED[name]
    made = assembled(declared, pl.MLP(width=6, depth=2))
    objective, apart = made.objective, spread(made)
    (found,) = sums(objective)
    assert found.order == order
    assert len(slots(objective)) < len(slots(apart))
    assert not sums(apart)
    assert_same_loss_and_gradient(objective, apart, 1e-10)
    assert (max(found.directions) >= declared.coordinates.dim) == (name in LINES)


@pytest.mark.parametrize("name", ["plate", "third order", "square of a line"])
def test_the_jacobian_belongs_to_the_gradient(name):
    objective = assembled(JOINED[name][0], pl.MLP(width=5, depth=1)).objective
    objective.loss_and_gradient()
    rho, jacobian = objective.jacobian()
    gradient = objective.flat_gradient()
    torch.testing.assert_close(
        jacobian.rmv(rho), gradient, rtol=1e-9, atol=1e-11 * float(gradient.abs().max())
    )


def test_the_plate_is_what_nested_autograd_says():
    made = assembled(problem(PLATE, conditions={"sides": pl.Dirichlet(u=0, hard=True)}))

    def factor(x):
        """The distance to the four sides that the ansatz multiplies with."""
        return made.problem.domain.distance({"x": x[:, 0], "y": x[:, 1]}, ["boundary"])

    u = Nested(fields_of(made, factor=factor), points_of(made))
    torch.testing.assert_close(residual_of(made), u.biharmonic().detach(), rtol=1e-8, atol=1e-8)


APART = {
    "two sums": problem({"a": PLATE, "b": "u.xxxx - u.yyyy"}),
    "one term apart": problem({"a": PLATE, "b": "u.xxyy - u"}),
    "squares": problem("u.xxxx**2 + u.yyyy**2"),
    "variable ratio": problem("u.xxxx + x*u.yyyy"),
    "unknown ratio": problem("u.xxxx + k*u.yyyy", parameters={"k": pl.Unknown(1.0)}),
    "moment": problem(
        PLATE, conditions={"m": pl.Condition("u.xxxx", points=3), "d": pl.Dirichlet(u=0)}
    ),
}


@pytest.mark.parametrize("name", APART, ids=lambda n: n.replace(" ", "_"))
def test_other_combinations_are_kept_apart(name):
    made = assembled(APART[name])
    if name == "moment":  # its points are a set of their own
        assert len(sums(made.objective)) == 1
    else:
        assert not sums(made.objective)
    loss, _ = made.objective.loss_and_gradient()
    other, _ = spread(made).loss_and_gradient()
    torch.testing.assert_close(loss, other, rtol=1e-10, atol=0)
