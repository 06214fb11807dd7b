"""Values that hold by construction, differentiated along directions beside the columns."""

import pytest
import torch
from nested import Nested, assembled, fields_of, points_of, residual_of

import pinnlab as pl

D = 4
EVERYTHING = pl.STDE(samples=D)  # all coordinates are drawn, so that the estimate is exact


def polynomial(x):
    return x[:, 0] ** 3 * x[:, 1] + 2 * x[:, 2] ** 2


def waves(x):
    return torch.sin(x[:, 0] * x[:, 3]) + (x**2).sum(1) * x[:, 1]


def kinks(x):
    return torch.where(x[:, 0] > 0.1, x[:, 0] ** 3, x[:, 1] ** 2) + (x[:, 2] * x[:, 3]).abs()


LIFTS = {
    "number": (3.0, lambda x: 3 + 0 * x[:, 0]),
    "text": ("dot(x, x)**2", lambda x: (x**2).sum(1) ** 2),
    "polynomial": (lambda x: x[0] ** 3 * x[1] + 2 * x[2] ** 2, polynomial),
    "waves": (lambda x: pl.sin(x[0] * x[3]) + pl.dot(x, x) * x[1], waves),
    # Comparisons have no Taylor rule: these are differentiated by nesting.
    "kinks": (
        lambda x: pl.where(x[0] > 0.1, x[0] ** 3, x[1] ** 2) + pl.abs(x[2] * x[3]),
        kinks,
    ),
}
EQUATIONS = {
    "laplacian": ("laplacian(u)", EVERYTHING, lambda u: u.laplacian()),
    "direction": ("dot(x**2, grad(u))", None, lambda u: u.along(u.x**2)),
    "exact laplacian beside a direction": (
        "laplacian(u) + dot(x, grad(u))",
        None,
        lambda u: u.laplacian() + u.along(u.x),
    ),
}


@pytest.mark.parametrize("lift", LIFTS)
@pytest.mark.parametrize("equation", EQUATIONS, ids=lambda n: n.replace(" ", "_"))
def test_boundary_values(equation, lift):
    given, lifted = LIFTS[lift]
    text, estimator, expected = EQUATIONS[equation]
    problem = pl.Problem(
        pl.HyperBall("x", dim=D),
        "u",
        {"equation": text},
        {"sphere": pl.Dirichlet(u=given, hard=True)},
    )
    made = assembled(problem, derivatives=estimator)
    u = Nested(
        fields_of(made, lifted, lambda x: (1 - (x**2).sum(1)) / 2),
        points_of(made),
    )
    torch.testing.assert_close(residual_of(made), expected(u).detach(), rtol=1e-10, atol=1e-10)


STATES = {
    "smooth": (lambda x, t: x[0] ** 2 * pl.cos(x[1]) + t, lambda x: x[:, 0] ** 2 * x[:, 1].cos()),
    # It reads the time, which stands still at the start, t = 0.
    "kinked": (
        lambda x, t: pl.where(x[0] > t, x[0] ** 3, x[1]),
        lambda x: torch.where(x[:, 0] > 0, x[:, 0] ** 3, x[:, 1]),
    ),
}


@pytest.mark.parametrize("state", STATES)
def test_an_initial_state_stands_still(state):
    given, lifted = STATES[state]
    problem = pl.Problem(
        pl.HyperBall("x", dim=D) * pl.Time("t", 0, 1),
        "u",
        {"equation": "u.t - laplacian(u)"},
        {"start": pl.Initial(u=given, hard=True)},
        free=["boundary"],
    )
    made = assembled(problem, derivatives=EVERYTHING)
    u = Nested(fields_of(made, lifted, lambda x: x[:, D]), points_of(made), size=D)
    expected = u.gradient()[:, D] - u.laplacian()
    torch.testing.assert_close(residual_of(made), expected.detach(), rtol=1e-10, atol=1e-10)


def test_lines_over_scalar_coordinates():
    """(∂x + ∂y)² is carried along one line, which the values must follow."""
    problem = pl.Problem(
        pl.Box(x=(0, 1), y=(0, 1)),
        "u",
        {"equation": "u.xx + 2*u.xy + u.yy"},
        {"left": pl.Dirichlet(u="exp(x)*y**3", hard=True, on="left")},
        free=["right", "top", "bottom"],
    )
    made = assembled(problem)
    layout = made.objective.frozen.joined(False).layout
    assert len(layout.first_order) == 1
    assert layout.first_order[0] >= 2
    function = fields_of(made, lambda x: x[:, 0].exp() * x[:, 1] ** 3, lambda x: x[:, 0])
    hessian = Nested(function, points_of(made)).hessian()
    torch.testing.assert_close(
        residual_of(made), hessian.sum((-1, -2)).detach(), rtol=1e-10, atol=1e-10
    )
