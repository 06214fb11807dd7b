"""Every contraction over a vector coordinate is what nested autograd makes of the whole ansatz."""

import dataclasses

import pytest
import torch
from cases import NETWORKS, OPTIONS, SMOOTH, TRAINED
from nested import Nested, assembled, fields_of, points_of, residual_of
from torch import nn

import pinnlab as pl

F64 = torch.float64
D = 4
MATRIX = torch.tensor(
    [[1.0, 0.5, 0.0], [0.2, -1.0, 0.3], [0.0, 0.4, 2.0], [1.0, 1.0, 1.0]], dtype=F64
)
VECTOR = torch.tensor([1.0, -2.0, 0.5, 3.0], dtype=F64)


def turned(x):
    """A full factor (n, d, 3) that depends on the point."""
    return MATRIX + x[:, :, None] * torch.arange(3.0, dtype=x.dtype)


class Unruly(nn.Module):
    """Maps by an operation that has no Taylor rule."""

    def __init__(self, dim):
        super().__init__()
        self.first, self.last = nn.Linear(dim, 6), nn.Linear(6, 1)

    def forward(self, x):
        """A hidden layer whose units are sorted into a smooth function of all of them."""
        hidden = torch.tanh(self.first(x))
        return self.last(torch.logaddexp(hidden, hidden.flip(1)))


DIMENSIONS = {
    "ball": D,
    "shifted ball": D,
    "cube": D,
    "ball in time": D + 1,
    "cube in time": D + 1,
    "soft": D,
    "soft in time": D + 1,
}


def domain_of(name):
    space = {
        "ball": pl.HyperBall("x", dim=D),
        "shifted ball": pl.HyperBall("x", dim=D, radius=2, center=[0.5, -1, 0, 0.2]),
        "cube": pl.Hypercube("x", dim=D, low=-1, high=1),
        "soft": pl.Hypercube("x", dim=D),
    }[name.removesuffix(" in time")]
    return space * pl.Time("t", 0, 1) if name.endswith("in time") else space


def ball(x):
    return (1 - (x[:, :D] ** 2).sum(1)) / 2


def shifted_ball(x):
    center = torch.tensor([0.5, -1, 0, 0.2], dtype=F64)
    return (4 - ((x - center) ** 2).sum(1)) / 4


def cube(x):
    w = (x[:, :D] + 1) * (1 - x[:, :D]) / 2
    return 1 / (1 / w).sum(1)


FACTORS = {"ball": ball, "shifted ball": shifted_ball, "cube": cube, "soft": None}


def made_of(equation, where, surrogate=None, **options):
    """The assembled problem, and its field at the points of the equation."""
    name = where.removesuffix(" in time")
    problem = pl.Problem(
        domain_of(where),
        "u",
        {"equation": equation},
        {"sides": pl.Dirichlet(u=0, hard=name != "soft")},
        free=["initial"] if "time" in where else [],
    )
    made = assembled(problem, surrogate, **options)
    function = fields_of(made, factor=FACTORS[name])
    return made, Nested(function, points_of(made), size=D)


def slope(u):
    return u.rows


CONTRACTIONS = {
    "laplacian": ("laplacian(u)", lambda u: u.laplacian()),
    "biharmonic": ("biharmonic(u)", lambda u: u.biharmonic()),
    "power sum 1": ("power_sum(u, 1)", lambda u: u.power_sum(1)),
    "power sum 2": ("power_sum(u, 2)", lambda u: u.laplacian()),
    "power sum 3": ("power_sum(u, 3)", lambda u: u.power_sum(3)),
    "power sum 4": ("power_sum(u, 4)", lambda u: u.power_sum(4)),
    "squared gradient": ("dot(grad(u), grad(u))", lambda u: (u.rows**2).sum(1)),
    "length of the gradient": ("norm(grad(u))", lambda u: (u.rows**2).sum(1).sqrt()),
    "direction": ("dot(x*x + 1, grad(u))", lambda u: u.along(u.x[:, :D] ** 2 + 1)),
    "constant direction": (
        lambda u, x: pl.dot(VECTOR, pl.grad(u)),
        lambda u: u.along(VECTOR),
    ),
    "transport by the field": (
        "u*dot(x, grad(u)) + dot(u*x, grad(u))",
        lambda u: 2 * u.value * u.along(u.x[:, :D]),
    ),
    "rows": (
        lambda u: pl.grad(u)[1] - 2 * pl.grad(u)[3],
        lambda u: u.rows[:, 1] - 2 * u.rows[:, 3],
    ),
    "trace with a number": ("weighted_trace(u, 0.5)", lambda u: 0.25 * u.laplacian()),
    "trace with a diagonal": (
        "weighted_trace(u, 1 + x*x)",
        lambda u: u.trace(torch.diag_embed(1 + u.x[:, :D] ** 2)),
    ),
    "trace with a vector": (
        lambda u: pl.weighted_trace(u, VECTOR),
        lambda u: u.trace(VECTOR.diag()),
    ),
    "trace with a matrix": (
        lambda u: pl.weighted_trace(u, MATRIX),
        lambda u: u.trace(MATRIX),
    ),
    "trace with a function": (
        lambda u: pl.weighted_trace(u, turned),
        lambda u: u.trace(turned(u.x[:, :D])),
    ),
    "two traces": (
        lambda u, x: pl.weighted_trace(u, MATRIX) + pl.weighted_trace(u, MATRIX + 1),
        lambda u: u.trace(MATRIX) + u.trace(MATRIX + 1),
    ),
    "several orders": (
        "laplacian(u) + u*dot(x, grad(u)) + biharmonic(u) - power_sum(u, 3)",
        lambda u: u.laplacian() + u.value * u.along(u.x[:, :D]) + u.biharmonic() - u.power_sum(3),
    ),
    "divergence of a flux": (
        "div((1 + u)*grad(u))",
        lambda u: (1 + u.value) * u.laplacian() + (u.rows**2).sum(1),
    ),
}


@pytest.mark.parametrize("name", CONTRACTIONS, ids=lambda n: n.replace(" ", "_"))
@pytest.mark.parametrize(
    "where", ["ball", "cube in time", "soft"], ids=lambda n: n.replace(" ", "_")
)
def test_contractions(where, name):
    equation, expected = CONTRACTIONS[name]
    made, u = made_of(equation, where)
    wanted = expected(u).detach()
    scale = float(wanted.abs().max())
    torch.testing.assert_close(residual_of(made), wanted, rtol=1e-9, atol=1e-9 * scale)


@pytest.mark.parametrize("where", DIMENSIONS, ids=lambda n: n.replace(" ", "_"))
def test_domains(where):
    made, u = made_of("laplacian(u) + dot(grad(u), grad(u)) + dot(x, grad(u))", where)
    wanted = (u.laplacian() + (u.rows**2).sum(1) + u.along(u.x[:, :D])).detach()
    torch.testing.assert_close(residual_of(made), wanted, rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("name", CONTRACTIONS, ids=lambda n: n.replace(" ", "_"))
def test_transparent_jets_agree(name):
    """Plain torch operations, as the Jacobian needs them, which is checked against the gradient."""
    made, _ = made_of(CONTRACTIONS[name][0], "ball in time")
    plain = residual_of(made, transparent=True)
    torch.testing.assert_close(residual_of(made), plain, rtol=1e-9, atol=1e-9 * plain.abs().max())
    objective = made.objective
    objective.loss_and_gradient()
    rho, jacobian = objective.jacobian()
    gradient = objective.flat_gradient()
    scale = float(gradient.abs().max())
    torch.testing.assert_close(jacobian.rmv(rho), gradient, rtol=1e-8, atol=1e-10 * scale)


@pytest.mark.parametrize("name", CONTRACTIONS, ids=lambda n: n.replace(" ", "_"))
def test_a_module_without_rules_is_differentiated_by_nesting(name, caplog):
    equation, expected = CONTRACTIONS[name]
    made, u = made_of(equation, "ball", Unruly(D))
    wanted = expected(u).detach()
    scale = float(wanted.abs().max())
    torch.testing.assert_close(residual_of(made), wanted, rtol=1e-9, atol=1e-9 * scale)
    assert "nested differentiation" in caplog.text


@pytest.mark.parametrize("name", ["laplacian", "direction", "trace with a function"])
@pytest.mark.parametrize("transparent", [False, True])
def test_a_module_without_rules_beside_points_that_read_values(name, transparent):
    """Directions are known at the points of the equation only, not at those of the boundary."""
    equation, expected = CONTRACTIONS[name]
    made, u = made_of(equation, "soft", Unruly(D))
    layout = made.objective.frozen.joined(False).layout
    assert min(layout.counts) < layout.n
    found = residual_of(made, transparent=transparent)
    torch.testing.assert_close(found, expected(u).detach(), rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("name", ["laplacian", "direction", "trace with a function"])
def test_a_module_without_rules_has_a_jacobian(name):
    made, _ = made_of(CONTRACTIONS[name][0], "ball", Unruly(D))
    objective = made.objective
    objective.loss_and_gradient()
    rho, jacobian = objective.jacobian()
    torch.testing.assert_close(jacobian.rmv(rho), objective.flat_gradient(), rtol=1e-8, atol=1e-10)


@pytest.mark.parametrize("dim", [2, 6, 12, 14])
def test_the_biharmonic_operator_in_more_dimensions(dim):
    problem = pl.Problem(
        pl.HyperBall("x", dim=dim),
        "u",
        {"equation": "biharmonic(u)"},
        {"sphere": pl.Dirichlet(u=0, hard=True)},
    )
    made = assembled(problem, pl.MLP(width=4, depth=1), n=2)
    u = Nested(fields_of(made, factor=lambda x: (1 - (x**2).sum(1)) / 2), points_of(made))
    # Of radial derivatives and waves: Δ² by nesting costs d² passes, along few points.
    wanted = u.biharmonic().detach()
    torch.testing.assert_close(residual_of(made), wanted, rtol=1e-8, atol=1e-8 * wanted.abs().max())


# --- trained and single precision numbers ---------------------------------------------------
def test_a_trained_speed_and_diffusivity():
    """Unknowns are not known beforehand: the gradient by them comes out right."""

    def equation(u, x, c, k):
        return pl.dot(c * x, pl.grad(u)) - pl.weighted_trace(u, k) + k**2 * pl.weighted_trace(u, x)

    problem = pl.Problem(
        pl.HyperBall("x", dim=D),
        "u",
        {"equation": equation},
        {"sides": pl.Dirichlet(u=0, hard=True)},
        parameters={"c": pl.Unknown(2.0), "k": pl.Unknown(0.7)},
    )
    made = assembled(problem)
    objective = made.objective
    values = objective.state.unknown_values()
    u = Nested(fields_of(made, factor=ball), points_of(made))
    parts = [u.along(u.x), u.laplacian(), u.trace(torch.diag_embed(u.x))]
    along, second, trace = (part.detach() for part in parts)
    c, k = values["c"], values["k"]
    r = c * along - k**2 * second + k**2 * trace
    torch.testing.assert_close(residual_of(made), r, rtol=1e-10, atol=1e-10)
    loss, _ = objective.loss_and_gradient()
    torch.testing.assert_close(loss, 0.5 * (r**2).mean(), rtol=1e-10, atol=0)
    by_c = objective.state.unknowns["c"].grad
    scale = c / float(objective.state.unknowns["c"].detach())  # of the trained variable
    torch.testing.assert_close(by_c, scale * (r * along).mean(), rtol=1e-9, atol=0)


def test_single_precision():
    for equation, _ in CONTRACTIONS.values():
        one, _ = made_of(equation, "ball")
        exact = residual_of(one)
        objective = one.objective
        for points in objective.points.values():
            assert points.x.dtype == F64
        two = pl.problems.assemble(
            one.problem, pl.MLP(width=7, depth=2), budget=one.budget, dtype=torch.float32
        )
        two.objective.state.load_state_dict(objective.state.state_dict())
        found = two.objective.residuals()["equation"][:, 0].detach()
        assert found.dtype == torch.float32
        # Points are rounded as well; derivatives of fourth order lose four digits more.
        torch.testing.assert_close(found.double(), exact, rtol=2e-3, atol=2e-3 * exact.abs().max())


# --- surrogates -----------------------------------------------------------------------------
EVERY_KIND = "laplacian(u) + u*dot(x*x, grad(u)) + weighted_trace(u, 1 + x) + dot(grad(u), grad(u))"
SURROGATES = {
    **NETWORKS,
    **{
        f"{name} {option}": dataclasses.replace(TRAINED[name], **OPTIONS[option])
        for name in ("MLP", "ModifiedMLP")
        for option in OPTIONS
        if option != "plain"
    },
    **{f"MLP {a}": pl.MLP(width=6, depth=2, activation=a) for a in SMOOTH if a != "tanh"},
}


@pytest.mark.parametrize("name", SURROGATES, ids=lambda n: n.replace(" ", "_"))
@pytest.mark.parametrize("where", ["ball", "soft in time"], ids=lambda n: n.replace(" ", "_"))
def test_every_surrogate_along_directions(where, name):
    """Exact, and from all coordinates drawn at random, among directions that vary."""
    made, u = made_of(EVERY_KIND, where, SURROGATES[name])
    x = u.x[:, :D]
    wanted = u.laplacian() + u.value * u.along(x**2) + u.trace(torch.diag_embed(1 + x))
    wanted = (wanted + (u.rows**2).sum(1)).detach()
    scale = float(wanted.abs().max())
    torch.testing.assert_close(residual_of(made), wanted, rtol=1e-9, atol=1e-10 * scale)
    drawn, _ = made_of(EVERY_KIND, where, SURROGATES[name], derivatives=pl.STDE(D))
    torch.testing.assert_close(residual_of(drawn), wanted, rtol=1e-9, atol=1e-10 * scale)
    assert drawn.objective.random
    gradients = []
    for one in (made, drawn):
        one.objective.loss_and_gradient()
        gradients.append(one.objective.flat_gradient())
    scale = float(gradients[0].abs().max())
    torch.testing.assert_close(*gradients, rtol=1e-9, atol=1e-10 * scale)


# --- normals --------------------------------------------------------------------------------
SIDES = {
    "ball": lambda x: x[:, :D],
    "ball in time": lambda x: x[:, :D],
    "shifted ball": lambda x: (x - torch.tensor([0.5, -1, 0, 0.2], dtype=F64)) / 2,
    "soft": lambda x: torch.where(x[:, :D] == 1, 1.0, torch.where(x[:, :D] == 0, -1.0, 0.0)),
}
FLUXES = {
    "Neumann": (
        pl.Neumann(u="3 + dot(x, x)", on="boundary"),
        lambda u, n: u.along(n) - 3 - (u.x[:, :D] ** 2).sum(1),
    ),
    "Robin": (
        pl.Robin(u=0, alpha=2.0, beta=lambda x: 1 + x[0], on="boundary"),
        lambda u, n: 2 * u.value + (1 + u.x[:, 0]) * u.along(n),
    ),
    "in a condition": (
        pl.Condition("dot(x*n, grad(u)) - 2*u.n", on="boundary"),
        lambda u, n: u.along(u.x[:, :D] * n) - 2 * u.along(n),
    ),
}


def with_flux(condition, where, dim=D, **options):
    domain = pl.HyperBall("x", dim=dim) if dim != D else domain_of(where)
    equations = {"equation": "laplacian(u) + dot(x, grad(u))"}
    free = ["initial"] if "time" in where else []
    problem = pl.Problem(domain, "u", equations, {"flux": condition}, free=free)
    return assembled(problem, n=6, **options)


@pytest.mark.parametrize("estimator", [None, pl.STDE(2)], ids=str)
@pytest.mark.parametrize("name", FLUXES)
@pytest.mark.parametrize("where", SIDES, ids=lambda n: n.replace(" ", "_"))
def test_normal_derivatives_are_one_exact_direction(where, name, estimator):
    condition, expected = FLUXES[name]
    made = with_flux(condition, where, derivatives=estimator)
    (placement,) = (p for p in made.objective.frozen.demands if p.on is not None)
    u = Nested(fields_of(made), made.objective.points[placement].x, size=D)
    wanted = expected(u, SIDES[where](u.x.detach())).detach()
    directions = 2 if name == "in a condition" else 1
    assert len(made.objective.frozen.demands[placement].closed) == 1 + directions
    for transparent in (False, True):
        found = residual_of(made, "flux", transparent=transparent)
        torch.testing.assert_close(found, wanted, rtol=1e-10, atol=1e-10)
    assert made.objective.random == (estimator is not None)


def test_normal_derivatives_follow_new_points():
    made = with_flux(pl.Neumann(u=0, on="boundary"), "ball", derivatives=pl.STDE(2))
    for _ in range(2):
        made.resample()
        made.objective.redraw()
        (points,) = (p for k, p in made.objective.points.items() if k.on is not None)
        u = Nested(fields_of(made), points.x)
        wanted = u.along(u.x.detach()).detach()
        torch.testing.assert_close(residual_of(made, "flux"), wanted, rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("dim", [10, 1000, 100_000])
def test_normal_derivatives_cost_two_slots_in_any_dimension(dim):
    made = with_flux(pl.Neumann(u=0, on="boundary"), "ball", dim, derivatives=pl.STDE(2))
    (placement,) = (p for p in made.objective.frozen.demands if p.on is not None)
    assert len(made.objective.frozen.demands[placement].closed) == 2
    inside = next(p for p in made.objective.frozen.demands if p.on is None)
    assert len(made.objective.frozen.demands[inside].closed) == 5  # the drift and two samples
    u = Nested(fields_of(made), made.objective.points[placement].x)
    wanted = u.along(u.x.detach()).detach()
    torch.testing.assert_close(residual_of(made, "flux"), wanted, rtol=1e-9, atol=1e-9)
