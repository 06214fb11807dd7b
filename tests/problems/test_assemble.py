import pytest
import torch
from cases import NETWORKS, PROBLEMS, SMALL, assembly
from torch import nn

import pinnlab as pl
from pinnlab.errors import DeclarationError, GeometryError
from pinnlab.problems import PointBudget
from pinnlab.problems.assemble import field_scales, frame_of


def by_name(built):
    objective = built.objective
    return {term.name: [objective.points[p] for p in term.placements] for term in objective.terms_}


def test_numbers_of_points():
    problem = pl.Problem(
        pl.Box(x=(0, 1), y=(0, 1)),
        "u",
        {"all": "u.xx + u.yy", "few": pl.Equation("u.x", points=11)},
        {
            "sides": pl.Dirichlet(u=0, on=["left", "right"]),
            "top": pl.Neumann(u=0, on="top", points=13),
            "ring": pl.Periodic(on=("left", "right")),
            "mean": pl.Integral("u"),
        },
    )
    sets = by_name(assembly(problem, budget=PointBudget(interior=40, boundary=9)))
    assert {name: [len(p) for p in points] for name, points in sets.items()} == {
        "all": [40],
        "few": [11],
        "sides": [9],
        "top": [13],
        "ring": [9, 9],
        "mean": [40],
    }
    assert sets["sides"][0].tag == "left+right"
    assert sets["sides"][0].normals is not None
    torch.testing.assert_close(sets["ring"][1].x[:, 1], sets["ring"][0].x[:, 1])
    torch.testing.assert_close(sets["ring"][1].x[:, 0], sets["ring"][0].x[:, 0] + 1)


def test_an_integral_has_points_of_its_own():
    built = assembly(PROBLEMS["cavity"]())
    objective = built.objective
    mass, mean = (
        objective.terms_[objective.names.index(name)].placements[0] for name in ("mass", "pressure")
    )
    assert mass != mean
    assert float(objective.points[mean].weights.sum()) == pytest.approx(1.0)


@pytest.mark.parametrize("name", PROBLEMS)
def test_the_seed_decides_everything(name):
    problem = PROBLEMS[name]()
    first, same, other = (assembly(problem, seed=s) for s in (4, 4, 5))
    assert torch.equal(first.objective.flat_parameters(), same.objective.flat_parameters())
    assert first.objective.loss().item() == same.objective.loss().item()
    assert first.objective.loss().item() != other.objective.loss().item()
    first.resample()
    same.resample()
    assert first.objective.loss().item() == same.objective.loss().item()


def test_resampling_really_changes_the_points():
    for sampler in ("sobol", "halton", "lhs", "uniform"):
        built = assembly(PROBLEMS["heat_flux"](), budget=PointBudget(16, 6, sampler))
        before = {k: v.x.clone() for k, v in built.objective.points.items()}
        built.resample()
        for placement, points in built.objective.points.items():
            assert not torch.equal(points.x, before[placement]), sampler


# --- scales ---------------------------------------------------------------------------------
def test_scales_are_read_off_the_data():
    problem = pl.Problem(
        pl.Interval("x", 0, 1),
        ["u", "v"],
        {"e": "u.x + v"},
        {
            "a": pl.Data({"x": [0.1, 0.2], "u": [3.0, -7.0]}),
            "b": pl.Data({"x": [0.3], "u": [5.0], "u.x": [100.0]}),
        },
    )
    assert field_scales(problem) == {"u": 7.0}
    assert frame_of(problem, "auto").output_scale == (7.0, 1.0)
    assert frame_of(problem, {"v": 3.0}).output_scale == (1.0, 3.0)
    assert frame_of(problem, None).output_scale is None
    small = assembly(problem, scales=None).objective.state.surrogate
    large = assembly(problem).objective.state.surrogate
    x = torch.rand(4, 1, dtype=torch.float64)
    torch.testing.assert_close(large(x), small(x) * torch.tensor([7.0, 1.0]).double())


@pytest.mark.parametrize("scales", [{"w": 2.0}, {"u": 0.0}, {"u": -1}, {"u": "big"}, "aut", 3.0])
def test_scales_that_make_no_sense_are_refused(scales):
    with pytest.raises(DeclarationError, match="scale"):
        assembly(PROBLEMS["poisson_line"](), scales=scales)


# --- surrogates -----------------------------------------------------------------------------
class Named(nn.Module):
    def __init__(self, d=1, c=1):
        super().__init__()
        self.layer = nn.Linear(d, c)

    def forward(self, x):
        return torch.tanh(self.layer(x))


def test_a_module_of_ones_own_is_taken_in_the_precision_of_the_run():
    built = assembly(PROBLEMS["poisson_line"](), Named())
    assert {p.dtype for p in built.objective.parameters} == {torch.float64}
    built.objective.loss_and_gradient()


@pytest.mark.parametrize(
    "surrogate, words",
    [
        (Named(d=2), "does not take points of shape"),
        (Named(c=2), "outputs of the wrong shape"),
        (pl.MLP, "neither a specification nor a module"),
        ("MLP", "neither a specification nor a module"),
        (nn.Flatten(0), "wrong shape"),
    ],
)
def test_a_surrogate_that_does_not_fit_is_refused(surrogate, words):
    with pytest.raises(DeclarationError, match=words) as caught:
        assembly(PROBLEMS["poisson_line"](), surrogate)
    assert "expected:" in str(caught.value)


def test_a_module_of_ones_own_cannot_be_made_periodic():
    with pytest.raises(DeclarationError, match="periodic by construction"):
        assembly(PROBLEMS["ring_advection"](), Named(d=2))


@pytest.mark.parametrize("name", NETWORKS)
@pytest.mark.parametrize("problem", PROBLEMS)
def test_every_surrogate_takes_every_problem(name, problem):
    built = assembly(PROBLEMS[problem](), NETWORKS[name])
    _, squares = built.objective.loss_and_gradient()
    assert bool(squares.isfinite().all())
    assert bool(built.objective.flat_gradient().any())


# --- misuse ---------------------------------------------------------------------------------
@pytest.mark.parametrize(
    "arguments, words",
    [
        ({"interior": 0}, "number of interior points is 0"),
        ({"boundary": 2.5}, "number of boundary points is 2.5"),
        ({"interior": True}, "number of interior points is True"),
        ({"sampler": "sobel"}, "no sampler 'sobel'"),
    ],
    ids=str,
)
def test_budgets_that_make_no_sense_are_refused(arguments, words):
    with pytest.raises(DeclarationError, match=words):
        PointBudget(**arguments)


def test_an_empty_set_is_an_error():
    def nowhere(x, y):
        return x > 5

    with pytest.raises(GeometryError, match=r"no part|0 points"):
        pl.Problem(
            pl.Box(x=(0, 1), y=(0, 1)),
            "u",
            {"e": "u.x"},
            {"slot": pl.Dirichlet(u=0, on=nowhere)},
        )


def test_the_budget_counts_what_is_not_counted():
    assert SMALL.count(pl.Dirichlet(u=0).placements(None)[0]) == SMALL.boundary
    assert SMALL.count(pl.Equation("u").placements(None)[0]) == SMALL.interior


def test_a_derivative_that_is_read_only_later():
    late = False

    def equation(u):
        return u.xx + u.yy + (u.x if late else 0.0)

    built = assembly(pl.Problem(pl.Box(x=(0, 1), y=(0, 1)), "u", {"e": equation}, {}))
    built.objective.loss()
    late = True
    with pytest.raises(DeclarationError, match=r"reads 'u\.x', which it did not read") as caught:
        built.objective.loss()
    assert "expected: u, u.xx, u.yy" in str(caught.value)
    assert "read in every evaluation" in str(caught.value)
