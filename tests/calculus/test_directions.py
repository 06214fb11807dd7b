"""Numbers of directions beside the columns, and what is drawn for them."""

import pytest
import torch
from nested import Nested, assembled, fields_of, points_of, residual_of

import pinnlab as pl
from pinnlab.calculus.directions import Along, Directions, Fixed, Mapped, Sampled
from pinnlab.calculus.factor import factor_of
from pinnlab.calculus.functionals import Laplacian
from pinnlab.calculus.jet import coordinate_jets
from pinnlab.calculus.jet.known import known
from pinnlab.calculus.layout import Collapsed, Layout, closure
from pinnlab.calculus.plan import Plan
from pinnlab.calculus.recording import RandomSource
from pinnlab.calculus.slopes import Rows, Units
from pinnlab.calculus.table import Batches, Demand
from pinnlab.sampling.points import Points
from pinnlab.typing import Coordinates

F64 = torch.float64
HYPER = Coordinates(("s", "x", "t"), (1, 4, 1), time="t")  # the vector stands in the middle
N = 5


@pytest.fixture
def x(generator):
    return torch.rand(N, HYPER.dim, generator=generator, dtype=F64)


def layout_of(numbers, counts=None):
    slots = closure([(k,) for k in numbers])
    return Layout(slots, tuple(counts or [N] * len(slots)))


def families(x):
    source = RandomSource(HYPER, N, x=x)
    jets, columns = coordinate_jets(source), HYPER.columns(x)
    direction = known(pl.sin(jets["x"]) * jets["t"])
    diagonal = factor_of(known(1 + jets["x"]), columns, "x")
    matrix = factor_of(torch.arange(8.0, dtype=F64).view(4, 2), columns, "x")
    return {
        "sparse": Sampled("x", 2, "sparse"),
        "gaussian": Sampled("x", 3, "gaussian"),
        "fixed": Fixed("s", 2, (((0, 1.0), (5, -2.0)), ((1, 0.5),))),
        "along": Along("x", 1, direction),
        "all columns of a matrix": Mapped("x", 2, matrix, None),
        "all under a diagonal": Mapped("x", 4, diagonal, None),
        "some under a diagonal": Mapped("x", 2, diagonal, Sampled("x", 2, "sparse")),
        "some of a matrix": Mapped("x", 3, matrix, Sampled("x", 3, "rademacher")),
    }


RANDOM = {"sparse", "gaussian", "some under a diagonal", "some of a matrix"}


def test_numbers_follow_the_columns(x):
    directions = Directions(HYPER)
    start = HYPER.dim
    for name, family in families(x).items():
        before = directions.random
        numbers = directions.numbers(family)
        assert numbers == range(start, start + len(family))
        assert directions.numbers(family) == numbers  # asked for again
        assert directions.random == (before or name in RANDOM)
        start = numbers.stop
    assert directions.numbers(Sampled("x", 3, "gaussian", replica=1)).start == start


@pytest.mark.parametrize("name", families(torch.rand(N, 6)), ids=lambda n: n.replace(" ", "_"))
def test_directions_live_on_their_coordinate(name, x, generator):
    family = families(x)[name]
    directions = Directions(HYPER)
    numbers = directions.numbers(family)
    drawn = directions.draw(layout_of(numbers), x, generator)
    slopes, part = drawn.slopes.each([N] * len(family)), drawn.families[family]
    assert len(drawn.slopes) == len(family)
    if name == "fixed":  # over all columns
        expected = torch.tensor([[1.0, 0, 0, 0, 0, -2], [0, 0.5, 0, 0, 0, 0]], dtype=F64)
        for k, row in enumerate(slopes):
            torch.testing.assert_close(row, expected[k].expand(N, -1))
        return
    inside = part.dense(4)
    for k, row in enumerate(slopes):
        torch.testing.assert_close(row[:, 1:5], inside[k].expand(N, -1))
        assert not row[:, 0].any()
        assert not row[:, 5].any()
    if name == "along":
        torch.testing.assert_close(slopes[0][:, 1:5], x[:, 1:5].sin() * x[:, 5:])
    if name == "all under a diagonal":
        torch.testing.assert_close(inside[2], torch.eye(4, dtype=F64)[2] * (1 + x[:, 1:5]))
    if name == "all columns of a matrix":
        torch.testing.assert_close(inside, torch.arange(8.0, dtype=F64).view(4, 2).T)
    sparse = name in ("sparse", "all under a diagonal", "some under a diagonal")
    assert isinstance(part, Units if sparse else Rows)


def test_columns_come_first_and_unused_families_are_left_out(x, generator):
    directions = Directions(HYPER)
    made = families(x)
    first, unused, last = (
        directions.numbers(made[n]) for n in ("sparse", "gaussian", "all columns of a matrix")
    )
    layout = layout_of([3, 0, *first, *last])
    assert layout.first_order == (0, 3, *first, *last)
    drawn = directions.draw(layout, x, generator)
    assert len(drawn.slopes) == 2 + 2 + 2
    assert set(drawn.families) == {made["sparse"], made["all columns of a matrix"]}
    torch.testing.assert_close(drawn.slopes.dense()[:2], torch.eye(6, dtype=F64)[[0, 3]])
    assert unused.start not in layout.first_order


def test_directions_that_depend_on_the_point_are_evaluated_where_they_are_needed(x, generator):
    directions = Directions(HYPER)
    (number,) = directions.numbers(families(x)["along"])
    layout = layout_of([number], counts=(N, 2))
    (row,) = directions.draw(layout, x, generator).slopes.each([2])
    torch.testing.assert_close(row[:, 1:5], x[:2, 1:5].sin() * x[:2, 5:])


def test_two_sets_of_points_share_directions_and_twins_do_not():
    plan = Plan(functionals=frozenset({("u", Laplacian("x"))}))
    directions = Directions(HYPER)
    estimator = pl.STDE(2, "gaussian", unbiased=True)
    demands = [Demand.of(plan, directions, estimator) for _ in range(2)]
    assert demands[0].slots == demands[1].slots
    (one,), (two,) = demands[0].readings.values(), demands[0].twins.values()
    assert one.family != two.family
    clouds = [Points(torch.rand(n, HYPER.dim, dtype=F64), HYPER) for n in (4, 3)]
    batches = Batches(clouds, demands)
    assert len(batches.layout.slots) == 1 + 4 + 2
    drawn = batches.draw(directions, torch.Generator().manual_seed(0))
    twice = [drawn.families[reading.family].dense(4) for reading in (one, two)]
    assert not torch.equal(*twice)
    again = batches.draw(directions, torch.Generator().manual_seed(0))
    torch.testing.assert_close(again.slopes.dense(), drawn.slopes.dense())


def test_a_layout_is_kept_when_it_comes_again():
    plan = Plan(functionals=frozenset({("u", Laplacian("x"))}))
    directions, layouts = Directions(HYPER), {}
    demand = Demand.of(plan, directions, pl.STDE(2))
    cloud = Points(torch.rand(4, HYPER.dim, dtype=F64), HYPER)
    one, two = (Batches([cloud], [demand], layouts=layouts).layout for _ in range(2))
    assert one is two
    assert Batches([cloud.take(torch.arange(3))], [demand], layouts=layouts).layout is not one


def test_many_dimensions():
    """At d = 20 000, three unit vectors: d/K Σ ∂_i² of the ansatz, and no array of that square."""
    d = 20_000
    problem = pl.Problem(
        pl.HyperBall("x", dim=d),
        "u",
        {"equation": "laplacian(u) - u"},
        {"sphere": pl.Dirichlet(u=0, hard=True)},
    )
    made = assembled(problem, pl.MLP(width=4, depth=1), n=2, derivatives=pl.STDE(3))
    u = Nested(fields_of(made, factor=lambda x: (1 - (x**2).sum(1)) / 2), points_of(made))
    batches = made.objective.frozen.joined(False)
    (slot,) = (s for s in batches.layout.slots if isinstance(s, Collapsed))
    assert {c for _, c in slot.terms} == {d / 3}
    gradient = u.gradient()
    columns = batches.drawn.slopes.units.columns.tolist()
    assert len(set(columns)) == 3
    second = sum(u.gradient(gradient[:, k])[:, k] for k in columns)
    expected = (d / 3 * second - u.value).detach()
    torch.testing.assert_close(residual_of(made), expected, rtol=1e-9, atol=1e-9)
    made.objective.loss_and_gradient()
    assert bool(made.objective.flat_gradient().isfinite().all())
