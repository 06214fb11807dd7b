import pytest
import torch
from cases import NETWORKS, PROBLEMS, assembly
from optim.functions import Function, quadratic, rosenbrock

import pinnlab as pl
from pinnlab.errors import DeclarationError
from pinnlab.optim.base import Status

FEATURES = NETWORKS["RandomFeatures"]


def step(objective, phase=None):
    return (phase or pl.LeastSquares()).start(objective, None).step(objective)


def test_a_quadratic_is_minimised_in_one_step():
    objective = quadratic()
    report = step(objective)
    assert report.status is Status.OK
    assert float(report.loss) < 1e-24
    torch.testing.assert_close(objective.flat_parameters(), torch.ones(20).double())


def test_an_overdetermined_system_gets_its_normal_equations():
    generator = torch.Generator().manual_seed(0)
    a = torch.randn(30, 4, generator=generator, dtype=torch.float64)
    b = torch.randn(30, generator=generator, dtype=torch.float64)
    objective = Function(lambda t: a @ t - b, torch.zeros(4))
    step(objective)
    expected = torch.linalg.solve(a.T @ a, a.T @ b)
    torch.testing.assert_close(objective.flat_parameters(), expected, rtol=1e-10, atol=1e-12)


def test_an_underdetermined_system_gets_the_least_change():
    a = torch.tensor([[1.0, 1.0, 0.0]], dtype=torch.float64)
    objective = Function(lambda t: a @ t - 2, [0.0, 0.0, 5.0])
    step(objective)
    torch.testing.assert_close(objective.flat_parameters(), torch.tensor([1.0, 1.0, 5.0]).double())


@pytest.mark.parametrize("name", ["poisson_line", "heat_flux", "wave_periodic", "beam"])
def test_a_linear_problem_has_no_gradient_after_it(name):
    objective = assembly(PROBLEMS[name](), FEATURES).objective
    before = objective.loss().item()
    report = step(objective)
    assert float(report.loss) < before
    objective.loss_and_gradient()
    rho, matrix = objective.jacobian_matrix()
    # Stationary: Jᵀρ is zero to the rounding of its summands.
    bound = 1e-9 * float(matrix.norm() * max(1.0, rho.norm()))
    assert float(objective.flat_gradient().abs().max()) < bound


@pytest.mark.parametrize(
    "make",
    [
        rosenbrock,
        lambda: assembly(PROBLEMS["poisson_line"](), pl.MLP(width=5, depth=2)).objective,
        lambda: assembly(PROBLEMS["cavity"](), FEATURES).objective,
        lambda: assembly(PROBLEMS["inverse"](), FEATURES).objective,
    ],
    ids=["function", "network", "equation", "unknown"],
)
def test_nonlinear_residuals_are_refused_and_nothing_moves(make):
    objective = make()
    if isinstance(objective, Function):
        pass
    else:  # off the stationary start at zero coefficients
        generator = torch.Generator().manual_seed(0)
        flat = objective.flat_parameters()
        objective.set_flat_parameters(
            flat + 0.3 * torch.randn(len(flat), generator=generator, dtype=flat.dtype)
        )
    before = objective.flat_parameters()
    with pytest.raises(DeclarationError, match="affine in the parameters") as caught:
        step(objective)
    assert "RandomFeatures" in str(caught.value)
    assert torch.equal(objective.flat_parameters(), before)


def test_a_non_finite_solve_moves_nothing():
    objective = Function(lambda t: t / 0.0 - 1, [1.0])
    before = objective.flat_parameters()
    report = step(objective)
    assert report.status is Status.NON_FINITE
    assert torch.equal(objective.flat_parameters(), before)


def test_conflict_free_directions_are_refused():
    with pytest.raises(DeclarationError, match="minimises the sum"):
        pl.LeastSquares().start(quadratic(), pl.ConFIG())


def test_a_cutoff_must_be_positive():
    with pytest.raises(DeclarationError, match="LeastSquares cannot have cutoff"):
        pl.LeastSquares(cutoff=0)
