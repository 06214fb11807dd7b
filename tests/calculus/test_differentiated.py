"""Derivatives of contractions over a vector coordinate, against nested differentiation."""

import pytest
import torch
from nested import Nested, assembled

import pinnlab as pl
from pinnlab.calculus import symbolic
from pinnlab.errors import DeclarationError

DIM = 4
DOMAIN = pl.Hypercube("x", dim=DIM) * pl.Time("t", 0, 1)


class Function(Nested):
    """A function of x and t."""

    def dt(self, value=None):
        return self.gradient(value)[:, DIM]

    def hessian_of(self, value):
        rows = [self.gradient(g)[:, :DIM] for g in self.gradient(value)[:, :DIM].unbind(1)]
        return torch.stack(rows, 1)


def turning(x, t):
    """A full matrix ``(n, d, d)`` that depends on the point."""
    return x[:, :, None] * torch.cos(x)[:, None] + t[:, None, None]


EQUATIONS = {
    "laplacian(u.t)": lambda f, x, t: f.laplacian(f.dt()),
    "u.t*laplacian(u.tt)": lambda f, x, t: f.dt() * f.laplacian(f.dt(f.dt())),
    "d(laplacian(u), t)": lambda f, x, t: f.dt(f.laplacian()),
    "d(biharmonic(u), t)": lambda f, x, t: f.dt(f.biharmonic()),
    "laplacian(laplacian(u.t))": lambda f, x, t: f.dt(f.biharmonic()),
    "power_sum(u.t, 3)": lambda f, x, t: f.power_sum(3, f.dt()),
    "dot(x, grad(laplacian(u)))": lambda f, x, t: (x * f.gradient(f.laplacian())[:, :DIM]).sum(-1),
    "dot(x, grad(u.t))": lambda f, x, t: (x * f.gradient(f.dt())[:, :DIM]).sum(-1),
    "dot(grad(u), grad(u.t))": lambda f, x, t: (f.rows * f.gradient(f.dt())[:, :DIM]).sum(-1),
    "d(dot(grad(u), grad(u)), t)": lambda f, x, t: f.dt(f.rows.square().sum(-1)),
    "d(d(dot(grad(u), grad(u)), t), t)": lambda f, x, t: f.dt(f.dt(f.rows.square().sum(-1))),
    "d(dot(x*t, grad(u)), t)": lambda f, x, t: f.dt(((x * t[:, None]) * f.rows).sum(-1)),
    "weighted_trace(u.t, x)": lambda f, x, t: (
        x.square() * f.hessian_of(f.dt()).diagonal(dim1=1, dim2=2)
    ).sum(-1),
    "d(weighted_trace(u, exp(t)*x), t)": lambda f, x, t: f.dt(
        f.trace(torch.diag_embed(torch.exp(t)[:, None] * x))
    ),
    "norm(grad(laplacian(u)))": lambda f, x, t: f.gradient(f.laplacian())[:, :DIM].norm(dim=-1),
    "div(grad(u.t))": lambda f, x, t: f.laplacian(f.dt()),
    "div(grad(laplacian(u)))": lambda f, x, t: f.biharmonic(),
    "weighted_trace(laplacian(u), x)": lambda f, x, t: (
        x.square() * f.hessian_of(f.laplacian()).diagonal(dim1=1, dim2=2)
    ).sum(-1),
    "laplacian(u*u.t)": lambda f, x, t: f.laplacian(f.value * f.dt()),
}


def compare(equation, formula):
    made = assembled(pl.Problem(DOMAIN, "u", {"equation": equation}))
    points = next(iter(made.objective.points.values())).x
    function = Function(lambda at: made.objective.state.surrogate(at)[:, 0], points, size=DIM)
    expected = formula(function, function.x[:, :DIM], function.x[:, DIM]).detach()
    found = made.objective.residuals()["equation"][:, 0]
    # Derivatives of a tanh network of up to fifth order in float64.
    torch.testing.assert_close(found, expected, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("equation", EQUATIONS)
def test_derivatives_of_contractions(equation):
    compare(equation, EQUATIONS[equation])


def test_a_full_factor_turns():
    compare(
        lambda u: pl.d(pl.weighted_trace(u, turning), "t"),
        lambda f, x, t: f.dt(f.trace(turning(x, t))),
    )


class Smooth(torch.nn.Module):
    """The function sin(x·x) exp(t)."""

    def forward(self, z):
        return (torch.sin((z[:, :DIM] ** 2).sum(-1)) * torch.exp(z[:, DIM]))[:, None]


# Of sums of columns the rules of expressions know two derivatives over the vector coordinate.
SYMBOLIC = [e for e in EQUATIONS if not any(f"{k}(laplacian" in e for k in ("grad", "laplacian"))]


@pytest.mark.parametrize("equation", [e for e in SYMBOLIC if "biharmonic" not in e])
def test_exact_solutions_read_them_as_well(equation):
    """What is taken symbolically agrees with what the engine propagates."""
    problem = pl.Problem(DOMAIN, "u", {"equation": equation})
    made = pl.verify.manufactured(problem, u=lambda x, t: pl.sin(pl.dot(x, x)) * pl.exp(t))
    found = assembled(made, Smooth()).objective.residuals()["equation"]
    torch.testing.assert_close(found, torch.zeros_like(found), rtol=0, atol=1e-8)


REFUSED = {
    "d(d(dot(t*x, grad(u)), t), t)": "second derivative of the coefficients of dot",
    "d(d(weighted_trace(u, t*x), t), t)": "second derivative of the coefficients of weighted",
    "d(dot(t*x, grad(laplacian(u))), t)": "second derivative of the coefficients of dot",
    "laplacian(weighted_trace(u, x))": "The Laplacian of weighted_trace",
    "dot(x, grad(weighted_trace(u, x)))": "The gradient of weighted_trace",
}


@pytest.mark.parametrize("equation", REFUSED)
def test_what_is_not_known_is_refused(equation):
    with pytest.raises(DeclarationError, match=REFUSED[equation]):
        pl.Problem(DOMAIN, "u", {"equation": equation})


WRITTEN = {
    "laplacian(u.t)": r"\Delta \partial_{t} u",
    "dot(x, grad(laplacian(u)))": r"x \cdot \nabla \Delta u",
    "dot(grad(u), grad(u.t))": r"\nabla u \cdot \nabla \partial_{t} u",
    "norm(grad(laplacian(u)))": r"\nabla \Delta u",
}


@pytest.mark.parametrize("equation", WRITTEN)
def test_as_latex(equation):
    problem = pl.Problem(DOMAIN, "u", {"equation": equation})
    text = symbolic.latex(equation, problem.coordinates, ("u",))
    assert WRITTEN[equation] in text


def test_it_costs_as_much_as_its_terms():
    def slots(equation):
        problem = pl.Problem(DOMAIN, "u", {"equation": equation})
        return len(assembled(problem).objective.frozen.joined(False).layout.slots)

    # The value, x.grad u; then d/dt of both.
    assert slots("dot(x, grad(u.t))") == 4
    # 1, t, and for each x_i: i, it, ii; then the sum of all iit.
    assert slots("laplacian(u.t)") == 2 + 3 * DIM + 1
