"""Exact solutions solve their equations; fast sums agree with the printed formulas."""

import numpy as np
import pytest
import torch
from cases import F64, SMALL, assembly
from torch import Tensor, nn

import pinnlab as pl
from pinnlab.errors import DeclarationError
from pinnlab.problems.high_dimension._tiles import tiles
from pinnlab.problems.high_dimension.unit_ball import BallSolution

KINDS = (pl.high_dimension.poisson, pl.high_dimension.allen_cahn, pl.high_dimension.sine_gordon)


def in_ball(n: int, d: int, dtype: torch.dtype = F64) -> Tensor:
    """Points of uniform direction and radius."""
    x = torch.randn(n, d, dtype=F64)
    return (x * (torch.rand(n, 1, dtype=F64) / x.norm(dim=1, keepdim=True))).to(dtype)


def exact(problem: pl.Problem) -> BallSolution:
    return problem.parameters["f"].source.solution


class WrittenOut(nn.Module):
    """The exact solution as the paper prints it, in operations that the engine differentiates."""

    def __init__(self, solution: str, c: Tensor) -> None:
        super().__init__()
        self.solution, self.c = solution, c

    def forward(self, x: Tensor) -> Tensor:
        if self.solution == "two_body":
            a, b = x[:, :-1], x[:, 1:]
            terms = torch.sin(a + torch.cos(b) + b * torch.cos(a))
        else:
            terms = torch.exp(x[:, :-2] * x[:, 1:-1] * x[:, 2:])
        return ((1 - (x**2).sum(-1)) * (self.c * terms).sum(-1))[:, None]


@pytest.mark.parametrize("solution", ["two_body", "three_body"])
@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_exact_solution_has_no_residual(kind, solution):
    problem = kind(6, solution, seed=3).replace(conditions={})
    c = exact(problem).interaction.coefficients.on(torch.zeros((), dtype=F64))
    made = assembly(problem, WrittenOut(solution, c), budget=SMALL)
    (points,) = made.objective.points.values()
    sizes = problem.parameters["f"].source(points.x)
    # The engine differentiates the printed formula; only rounding is left.
    assert made.objective.terms().item() ** 0.5 < 1e-13 * sizes.abs().max().item()


@pytest.mark.parametrize("directions", ["rademacher", "sparse"])
@pytest.mark.parametrize("solution", ["two_body", "three_body"])
@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_the_gradient_of_its_residual_vanishes_too(kind, solution, directions):
    problem = kind(6, solution, seed=3)
    (name,) = problem.equations
    gradient = pl.GradientEnhanced(name, samples=2, directions=directions, weight=1.0)
    problem = problem.replace(conditions={"gradient": gradient})
    c = exact(problem).interaction.coefficients.on(torch.zeros((), dtype=F64))
    made = assembly(problem, WrittenOut(solution, c), budget=SMALL)
    found = made.objective.residuals()["gradient"]
    (points,) = made.objective.points.values()
    sizes = problem.parameters["f"].source(points.x)
    # Of third derivatives of the printed formula only rounding is left.
    assert found.abs().max() < 1e-11 * sizes.abs().max()


@pytest.mark.parametrize("solution", ["two_body", "three_body"])
@pytest.mark.parametrize("n, d", [(1, 3), (130, 700), (3, 40_000)])
def test_the_derivative_of_a_source_is_its_difference_quotient(n, d, solution):
    source = pl.high_dimension.sine_gordon(d, solution, seed=1).parameters["f"].source
    x, v = in_ball(n, d), torch.randn(d, dtype=F64) / d**0.5
    h = 1e-4
    quotient = (source(x + h * v) - source(x - h * v)) / (2 * h)
    found = source.values_along(x, v)
    # Rounding of f over h, and h² times a third derivative.
    tolerance = 1e-5 * (source(x).abs().max() + found.abs().max()).item()
    torch.testing.assert_close(found, quotient, rtol=0, atol=tolerance)
    single = source.values_along(x.float(), v.float())
    torch.testing.assert_close(single.double(), found, rtol=0, atol=tolerance)


@pytest.mark.parametrize("solution", ["two_body", "three_body"])
@pytest.mark.parametrize("n, d", [(1, 3), (5, 4), (130, 700), (3, 40_000)])
def test_values_agree_with_the_formula(n, d, solution):
    function = exact(pl.high_dimension.poisson(d, solution, seed=1))
    x = in_ball(n, d)
    written = WrittenOut(solution, function.interaction.coefficients.on(x))
    # Sums of d terms in another order differ by a few roundings of sqrt(d).
    torch.testing.assert_close(function(x), written(x)[:, 0], rtol=1e-11, atol=1e-13 * d**0.5)


@pytest.mark.parametrize("solution", ["two_body", "three_body"])
@pytest.mark.parametrize("d", [3, 30, 1000, 10_000, 200_000])
def test_single_precision_is_exact_to_rounding(d, solution):
    """Whatever the size of coordinates, and so whichever expansion serves."""
    source = pl.high_dimension.allen_cahn(d, solution).parameters["f"].source
    x = in_ball(6, d, torch.float32)
    x[0] = 0
    x[1] = 0
    x[1, d // 2] = 0.9  # far beyond the reach of any expansion, in one tile
    sums, true = source.solution.interaction.sums(x), source.solution.interaction.sums(x.double())
    # d terms of size up to a few, each wrong by a rounding, add like a random walk.
    assert (sums.value - true.value).abs().max() < 2e-6 * d**0.5
    # The other sums stand beside 2 d S in the Laplacian.
    assert (4 * (sums.radial - true.radial)).abs().max() < 2e-6 * d**0.5 * 2 * d
    assert (sums.laplacian - true.laplacian).abs().max() < 2e-6 * d**0.5 * 2 * d
    torch.testing.assert_close(sums.square, true.square, rtol=1e-5, atol=1e-7)


def test_points_of_other_counts_and_orders_use_the_same_memory():
    """Views of the arena depend on the tile's shape; none may see another's."""
    function = exact(pl.high_dimension.sine_gordon(900))
    x = in_ball(300, 900, torch.float32)
    together = function(x)
    parts = [function(part) for part in x.split([1, 128, 70, 101])]
    torch.testing.assert_close(torch.cat(parts), together, rtol=1e-5, atol=1e-5)


def test_memory_is_kept_across_modes_and_precisions():
    source = pl.high_dimension.allen_cahn(300).parameters["f"].source
    x = in_ball(4, 300)
    with torch.inference_mode():
        first = source(x).clone()
    assert torch.equal(source(x), first)
    assert source(x.float()).dtype == torch.float32
    assert torch.equal(source(x), first)


def test_source_has_no_graph():
    problem = pl.high_dimension.allen_cahn(50)
    x = in_ball(4, 50).requires_grad_()
    assert not problem.parameters["f"].source(x).requires_grad


def test_coefficients_are_normal_and_depend_on_the_seed():
    x = torch.zeros((), dtype=F64)
    first, again, other = (
        exact(pl.high_dimension.poisson(20_001, seed=s)).interaction.coefficients.on(x)
        for s in (0, 0, 1)
    )
    assert torch.equal(first, again) and not torch.equal(first, other)
    assert abs(first.mean()) < 4 / 20_000**0.5  # four standard errors
    assert abs(first.var() - 1) < 4 * (2 / 20_000) ** 0.5


def test_equal_declarations_are_equal():
    assert exact(pl.high_dimension.poisson(10)) == exact(pl.high_dimension.allen_cahn(10))
    assert exact(pl.high_dimension.poisson(10)) != exact(pl.high_dimension.poisson(10, seed=1))


def test_a_million_dimensions_are_declared_at_once():
    problem = pl.high_dimension.sine_gordon(1_000_000)
    assert problem.coordinates.dim == 1_000_000
    assert "laplacian" in str(problem.terms[0].plans[0])


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_refuses_unknown_solutions_and_few_coordinates(kind):
    with pytest.raises(DeclarationError, match="exact solution is unknown"):
        kind(10, "four_body")
    with pytest.raises(DeclarationError, match="too few coordinates"):
        kind(2, "three_body")
    for dim in (1, 2.5, "ten"):
        with pytest.raises(pl.GeometryError, match="several components"):
            kind(dim)


def test_tiles_cover_everything_once():
    seen = np.zeros((300, 1111), dtype=int)
    for rows, columns in tiles(300, 1111, cached=True):
        seen[rows, columns] += 1
    assert (seen == 1).all()
