"""The views of an objective agree with each other: gradient, rows, operator, matrix, Gramian."""

import pytest
import torch
from cases import NETWORKS, PROBLEMS, TRAINED, assembly
from torch import nn

import pinnlab as pl
from pinnlab.conditions.data import DataPoints
from pinnlab.errors import DeclarationError
from pinnlab.problems import PointBudget

# Sums of a few hundred rounded products.
TOLERANCE = 1e-11


@pytest.fixture(params=PROBLEMS)
def problem(request):
    return PROBLEMS[request.param]()


def objective_of(problem, **options):
    objective = assembly(problem, **options).objective
    generator = torch.Generator().manual_seed(7)
    with torch.no_grad():  # off the zeros that biases start with
        for p in objective.parameters:
            p.add_(0.1 * torch.randn(p.shape, generator=generator, dtype=p.dtype))
    return objective


def random(n, seed=3):
    return torch.randn(n, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def assert_near(a, b, tolerance=TOLERANCE):
    a, b = a.detach(), b.detach()
    scale = max(1.0, float(b.abs().max()))
    assert float((a - b).abs().max()) <= tolerance * scale


def test_gradient_is_the_transposed_jacobian_times_the_residual(problem):
    objective = objective_of(problem)
    loss, _ = objective.loss_and_gradient()
    rho, jacobian = objective.jacobian()
    torch.testing.assert_close(loss, rho.square().sum() / 2, rtol=1e-12, atol=0)
    assert_near(jacobian.rmv(rho), objective.flat_gradient())


def test_operator_and_transpose_are_adjoint(problem):
    objective = objective_of(problem)
    _, jacobian = objective.jacobian()
    rows, columns = jacobian.shape
    v, w = random(columns), random(rows, 4)
    left, right = torch.dot(jacobian.mv(v), w), torch.dot(v, jacobian.rmv(w))
    scale = float(jacobian.mv(v).norm() * w.norm())
    assert abs(float(left - right)) <= TOLERANCE * scale


def test_matrix_is_the_operator(problem):
    objective = objective_of(problem)
    rho, jacobian = objective.jacobian()
    other, matrix = objective.jacobian_matrix()
    assert_near(other, rho)
    assert_near(matrix, jacobian.dense())
    # The dense operator comes from products along one side; check the other side as well.
    v = random(jacobian.shape[1])
    assert_near(matrix @ v, jacobian.mv(v))


def test_rows_of_the_terms_add_up_to_the_gradient(problem):
    objective = objective_of(problem)
    rows, squares = objective.gradients()
    _, other = objective.loss_and_gradient()
    assert rows.shape == (len(objective.names), len(objective.flat_parameters()))
    assert_near(rows.sum(0), objective.flat_gradient())
    torch.testing.assert_close(squares, other)
    torch.testing.assert_close(objective.gramian(), rows @ rows.T)


def test_gradient_of_one_term_is_that_of_its_own_loss(problem):
    objective = objective_of(problem)
    rows, _ = objective.gradients()
    weights = dict(objective.weights)
    for k, name in enumerate(objective.names):
        objective.weights = dict.fromkeys(weights, 0.0) | {name: weights[name]}
        objective.loss_and_gradient()
        assert_near(objective.flat_gradient(), rows[k])


def test_directional_derivative_agrees_with_differences(problem):
    objective = objective_of(problem)
    objective.loss_and_gradient()
    gradient, origin = objective.flat_gradient(), objective.flat_parameters()
    direction = random(len(origin))
    direction /= direction.norm()
    h = 1e-6
    values = []
    for sign in (1, -1):
        objective.set_flat_parameters(origin + sign * h * direction)
        values.append(objective.loss().item())
    slope, exact = (values[0] - values[1]) / (2 * h), float(gradient @ direction)
    # Central differences: h² truncation and 1e-16/h rounding, relative to the loss.
    assert abs(slope - exact) <= 1e-6 * max(1.0, abs(exact), values[0])


def test_loss_is_half_the_weighted_sum_of_mean_squares(problem):
    objective = objective_of(problem)
    blocks = objective.residuals()
    by_hand = sum(
        0.5 * objective.weights[name] * block.square().sum().item() / len(block)
        for name, block in blocks.items()
    )
    assert objective.loss().item() == pytest.approx(by_hand, rel=1e-12)
    assert list(blocks) == list(objective.names)
    for term in problem.terms:
        assert blocks[term.name].shape[1] == term.components


def test_plain_and_hand_written_paths_agree(problem):
    objective = objective_of(problem)
    for name, block in objective.residuals().items():
        assert_near(objective.residuals(transparent=True)[name], block)


def test_pure_evaluation_leaves_the_parameters_alone(problem):
    objective = objective_of(problem)
    before = objective.flat_parameters()
    named = {k: v.detach() + 0.5 for k, v in objective.state.named_parameters()}
    moved = objective.loss(named)
    torch.testing.assert_close(objective.flat_parameters(), before, rtol=0, atol=0)
    here = objective.loss()
    assert moved.item() != here.item()
    objective.set_flat_parameters(before + 0.5)
    torch.testing.assert_close(objective.loss(), moved, rtol=1e-12, atol=0)


def test_evaluating_twice_gives_the_same_bits(problem):
    objective = objective_of(problem)
    first, _ = objective.loss_and_gradient()
    gradient = objective.flat_gradient()
    second, _ = objective.loss_and_gradient()
    assert float(first) == float(second)
    assert torch.equal(gradient, objective.flat_gradient())


def test_flat_parameters_round_trip(problem):
    objective = objective_of(problem)
    flat = objective.flat_parameters()
    objective.set_flat_parameters(flat * 2)
    torch.testing.assert_close(objective.flat_parameters(), flat * 2, rtol=0, atol=0)
    flat.zero_()
    assert objective.flat_parameters().abs().max() > 0  # the vector is a copy


@pytest.mark.parametrize("name", NETWORKS)
def test_every_network_has_consistent_views(name):
    objective = objective_of(PROBLEMS["heat_flux"](), surrogate=NETWORKS[name])
    objective.loss_and_gradient()
    rho, matrix = objective.jacobian_matrix()
    assert_near(matrix.T @ rho, objective.flat_gradient())


class Normalised(nn.Module):
    """A module whose derivatives come from nested differentiation."""

    def __init__(self):
        super().__init__()
        generator = torch.Generator().manual_seed(0)
        self.first, self.norm, self.last = nn.Linear(1, 5), nn.GroupNorm(1, 5), nn.Linear(5, 1)
        with torch.no_grad():
            for p in self.parameters():
                p.copy_(torch.randn(p.shape, generator=generator))

    def forward(self, x):
        return self.last(torch.tanh(self.norm(self.first(x))))


def test_a_module_without_taylor_rules_has_consistent_views():
    objective = assembly(PROBLEMS["poisson_line"](), Normalised()).objective
    objective.loss_and_gradient()
    gradient = objective.flat_gradient()
    rho, jacobian = objective.jacobian()
    assert_near(jacobian.rmv(rho), gradient)
    v, w = random(jacobian.shape[1]), random(jacobian.shape[0], 4)
    assert float(jacobian.mv(v) @ w) == pytest.approx(float(v @ jacobian.rmv(w)), rel=1e-9)
    _, matrix = objective.jacobian_matrix()
    assert_near(matrix.T @ rho, gradient)


# --- weights --------------------------------------------------------------------------------
def test_weights_multiply_those_of_the_terms():
    plain = objective_of(PROBLEMS["heat_flux"]())
    weighted = objective_of(PROBLEMS["heat_flux"](), weights={"cooling": 2.0, "heat": 0.0})
    assert plain.weights == {"heat": 1.0, "flux": 1.0, "cooling": 3.0, "start": 1.0}
    assert weighted.weights == {"heat": 0.0, "flux": 1.0, "cooling": 6.0, "start": 1.0}
    torch.testing.assert_close(weighted.terms(), plain.terms())  # mean squares stay raw
    by_hand = 0.5 * (torch.tensor([0.0, 1.0, 6.0, 1.0]).double() * plain.terms()).sum()
    torch.testing.assert_close(weighted.loss(), by_hand)


def test_a_weight_for_no_term_is_refused():
    with pytest.raises(DeclarationError, match="names no term: 'flus'") as caught:
        objective_of(PROBLEMS["heat_flux"](), weights={"flus": 2.0})
    assert "did you mean 'flux'?" in str(caught.value)


@pytest.mark.parametrize("weight", [-1.0, float("nan"), "2", None])
def test_a_weight_that_is_no_weight_is_refused(weight):
    with pytest.raises(DeclarationError, match=r"weight of 'flux'|weight of term 'flux'"):
        objective_of(PROBLEMS["heat_flux"](), weights={"flux": weight})


# --- points ---------------------------------------------------------------------------------
def test_new_points_are_counted_and_used():
    built = assembly(PROBLEMS["heat_flux"]())
    objective = built.objective
    number, before = objective.batch_number, objective.loss().item()
    built.resample()
    assert objective.batch_number == number + 1
    assert objective.loss().item() != before
    old = built.draw()
    objective.set_points(old)
    changed = objective.loss().item()
    built.resample()
    objective.set_points(old)
    assert objective.loss().item() == changed


def test_residuals_read_the_points_they_were_given():
    built = assembly(PROBLEMS["poisson_line"](), budget=PointBudget(interior=9, boundary=2))
    objective = built.objective
    (interior,) = (p for p in objective.points if p.on is None)
    x = objective.points[interior].x[:, 0]
    with torch.no_grad():
        for p in objective.parameters:
            p.zero_()  # u = 0, so that the residual is the source alone
    expected = torch.pi**2 * torch.sin(torch.pi * x)
    torch.testing.assert_close(objective.residuals()["poisson"][:, 0], expected)


def test_measured_points_are_never_redrawn():
    built = assembly(PROBLEMS["inverse"]())
    (data,) = (p for p in built.objective.points if p.fixed is not None)
    before = built.objective.points[data].x.clone()
    built.resample()
    after = built.objective.points[data]
    assert isinstance(after, DataPoints)
    assert torch.equal(after.x, before)


def test_terms_at_the_same_place_share_their_points():
    objective = assembly(PROBLEMS["cavity"]()).objective
    placements = {term.name: term.placements[0] for term in objective.terms_}
    assert placements["momentum"] == placements["mass"]
    assert placements["walls"] != placements["lid"]


# --- diagnosis ------------------------------------------------------------------------------
def test_the_worst_point_is_where_the_residual_is_largest():
    problem = pl.Problem(pl.Interval("x", 0, 1), "u", {"spike": "u.x + 1/(x - 0.5)**2"})
    objective = assembly(problem).objective
    x = next(iter(objective.points.values())).x[:, 0]
    nearest = float(x[(x - 0.5).abs().argmin()])
    assert objective.worst_point("spike") == f" at x = {nearest:.6g}"


def test_a_non_finite_point_is_the_worst():
    problem = pl.Problem(pl.Interval("x", 0, 1), "u", {"root": "u.x + sqrt(x - 0.001) + 100*x"})
    built = assembly(problem)
    (placement,) = built.objective.points
    points = built.objective.points[placement]
    x = points.x.clone()
    x[5] = 0.0005
    object.__setattr__(points, "x", x)
    built.objective.set_points({placement: points})
    assert built.objective.worst_point("root") == " at x = 0.0005"


def test_evaluations_are_counted():
    objective = assembly(PROBLEMS["poisson_line"]()).objective
    start = objective.evaluations
    objective.loss_and_gradient()
    objective.gradients()
    objective.residuals()
    assert objective.evaluations == start + 3


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)
@pytest.mark.parametrize("name", [*TRAINED, "RandomFeatures"])
def test_every_tensor_has_the_precision_of_the_run(dtype, name):
    for problem in (PROBLEMS["inverse"](), PROBLEMS["hard_heat"]()):
        objective = assembly(problem, NETWORKS[name], dtype=dtype).objective
        tensors = [*objective.state.parameters(), *objective.state.buffers()]
        tensors += [v for v in objective.state.values().values() if isinstance(v, torch.Tensor)]
        for points in objective.points.values():
            tensors += [t for t in (points.x, points.normals, points.weights) if t is not None]
            tensors += list((getattr(points, "targets", None) or {}).values())
        tensors += list(objective.residuals().values())
        objective.loss_and_gradient()
        tensors += [objective.flat_gradient(), objective.terms()]
        assert {t.dtype for t in tensors if t.is_floating_point()} == {dtype}
