import pytest
import torch
from cases import build
from hypothesis import given
from hypothesis import strategies as st

from pinnlab.calculus.directions import Directions
from pinnlab.calculus.engine import propagate, reference_jet
from pinnlab.calculus.functionals import GradientRows, Laplacian
from pinnlab.calculus.layout import Collapsed, Layout, closure
from pinnlab.calculus.recording import Plan
from pinnlab.calculus.sources import JetSource
from pinnlab.calculus.table import Batches, Demand, collapse, summands
from pinnlab.errors import DeclarationError
from pinnlab.sampling.points import Points
from pinnlab.surrogates import MLP
from pinnlab.typing import Coordinates

XY = Coordinates(("x", "y"), (1, 1))
HYPER = Coordinates(("x", "t"), (3, 1), time="t")
LAPLACE = Collapsed((((0, 0), 2.0), ((1, 1), 6.0)))
INDICES = [(), (0,), (1,), (0, 0), (0, 1), (1, 1), (0, 0, 1)]
PLANS = st.lists(
    st.tuples(st.sampled_from("uv"), st.sampled_from(INDICES)), min_size=1, max_size=4
).map(lambda pairs: Plan(frozenset(pairs)))


def points(n, coordinates=XY, seed=0):
    generator = torch.Generator().manual_seed(seed)
    x = torch.rand(n, coordinates.dim, generator=generator, dtype=torch.float64)
    return Points(x, coordinates)


def table_of(batches, module):
    jet = propagate(module, batches.x, batches.layout)
    return batches.table({"u": (jet, 0), "v": (jet, 1)})


@given(st.lists(st.tuples(PLANS, st.integers(1, 5)), min_size=1, max_size=4))
def test_each_set_reads_its_own_points(sets):
    module = build(MLP(width=4, depth=1))
    clouds = [points(n, seed=k) for k, (_, n) in enumerate(sets)]
    demands = [Demand.of(plan, Directions(XY)) for plan, _ in sets]
    batches = Batches(clouds, demands)
    table = table_of(batches, module)
    for k, (plan, n) in enumerate(sets):
        window = batches.window(k, table)
        alone = Layout(closure(demands[k].slots), (n,) * len(closure(demands[k].slots)))
        expected = reference_jet(module, clouds[k].x, alone)
        for field, index in plan.derivatives:
            torch.testing.assert_close(
                window.derivative(field, index),
                expected.slot(index)[:, "uv".index(field)],
                rtol=1e-11,
                atol=1e-11,
            )


def test_sets_that_read_values_pay_for_values():
    clouds = [points(100), points(7, seed=1), points(5, seed=2)]
    demands = [Demand.of(Plan(frozenset({("u", i)})), Directions(XY)) for i in ((), (0, 0), (1,))]
    layout = Batches(clouds, demands).layout
    rows = dict(zip(layout.slots, layout.counts, strict=True))
    assert rows == {(): 112, (0,): 7, (1,): 12, (0, 0): 7}


def test_directions_that_only_a_sum_reads_are_one_piece():
    laplacian = Laplacian("x")
    demand = Demand.of(Plan(functionals=frozenset({("u", laplacian)})), Directions(HYPER))
    batches = Batches([points(4, HYPER)], [demand])
    window = batches.window(0, table_of(batches, build(MLP(width=4, depth=1), dim=4)))
    pieces = window.functional("u", laplacian).grad_fn
    assert pieces._saved_split_sizes == (4, 12, 4)


def test_a_window_is_a_source():
    cloud = points(3)
    batches = Batches([cloud], [Demand.of(Plan(frozenset({("u", ())})), Directions(XY))])
    window = batches.window(0, table_of(batches, build(MLP(width=4, depth=1))))
    assert isinstance(window, JetSource)
    torch.testing.assert_close(window.coordinate("y"), cloud.x[:, 1])
    assert window.normal() is None


def test_normals_are_those_of_the_points():
    normals = torch.tensor([[1.0, 0.0]] * 3, dtype=torch.float64)
    cloud = Points(points(3).x, XY, normals=normals)
    batches = Batches([cloud], [Demand.of(Plan(frozenset({("u", ())})), Directions(XY))])
    window = batches.window(0, table_of(batches, build(MLP(width=4, depth=1))))
    assert window.normal() is normals


def test_a_collapsed_set_gives_the_sum_to_its_first_member():
    plan = Plan(frozenset({("u", (0, 0)), ("u", (1, 1)), ("u", (0,)), ("v", (0, 0))}))
    demand = Demand.of(plan, Directions(XY), sums=dict(LAPLACE.terms))
    assert demand.slots == {(), (0,), LAPLACE}
    module, cloud = build(MLP(width=4, depth=1)), points(4)
    batches = Batches([cloud], [demand])
    window = batches.window(0, table_of(batches, module))
    exact = reference_jet(module, cloud.x, Layout(closure([(0, 0), (1, 1)]), (4,) * 5))
    for column, field in enumerate("uv"):
        sum_ = 2 * exact.slot((0, 0))[:, column] + 6 * exact.slot((1, 1))[:, column]
        # u_xx stands for u_xx + 3 u_yy, so that the declared combination comes out right.
        torch.testing.assert_close(window.derivative(field, (0, 0)), sum_ / 2)
        assert not window.derivative(field, (1, 1)).any()


def test_vector_coordinates():
    laplacian, gradient = Laplacian("x"), GradientRows("x")
    plan = Plan(functionals=frozenset({("u", laplacian), ("v", gradient)}))
    demand = Demand.of(plan, Directions(HYPER))
    sum_ = Collapsed(tuple(((k, k), 1.0) for k in range(3)))
    assert demand.slots == {(), (0,), (1,), (2,), sum_}
    module, cloud = build(MLP(width=4, depth=1), dim=4), points(4, HYPER)
    batches = Batches([cloud], [demand])
    window = batches.window(0, table_of(batches, module))
    exact = reference_jet(module, cloud.x, Layout(closure([(0, 0), (1, 1), (2, 2)]), (4,) * 7))
    second = sum(exact.slot((k, k))[:, 0] for k in range(3))
    torch.testing.assert_close(window.functional("u", laplacian), second)
    first = torch.stack([exact.slot((k,))[:, 1] for k in range(3)], -1)
    torch.testing.assert_close(window.functional("v", gradient), first)
    torch.testing.assert_close(window.coordinate("x"), cloud.x[:, :3])


def test_an_undeclared_field_is_refused():
    batches = Batches([points(3)], [Demand.of(Plan(frozenset({("u", ())})), Directions(XY))])
    table = table_of(batches, build(MLP(width=4, depth=1)))
    with pytest.raises(DeclarationError, match=r"no field 'w'") as caught:
        batches.window(0, table).derivative("w", ())
    assert "u, v" in str(caught.value)


def plan_of(*pairs):
    return Plan(frozenset(pairs))


@pytest.mark.parametrize(
    "indices, expected",
    [
        ([()], []),
        ([(), (0,), (0, 0)], []),
        ([(0, 0), (1, 1), (0,)], [{(0, 0), (1, 1)}]),
        ([(0, 0), (1,), (0,)], [{(0, 0), (1,)}]),
        ([(0,), (1,)], [{(0,), (1,)}]),
        ([(0, 0), (1, 1), (2,)], [{(0, 0), (1, 1), (2,)}, {(0, 0), (1, 1)}]),
        ([(0, 0, 0), (0, 1), (0, 0), (0,)], [{(0, 0, 0), (0, 1)}]),
    ],
)
def test_summands_are_the_derivatives_that_no_other_needs(indices, expected):
    assert summands(plan_of(*(("u", index) for index in indices))) == expected


def test_collapse_joins_equal_sums_of_all_fields():
    members = frozenset({(0, 0), (1, 1)})
    ratios = {("u", (0, 0)): 1.0, ("u", (1, 1)): 3.0, ("v", (0, 0)): 1.0, ("v", (1, 1)): 3.0}
    assert collapse(members, ratios) == {(0, 0): 1.0, (1, 1): 3.0}


@pytest.mark.parametrize(
    "ratios",
    [
        None,
        {("u", (0, 0)): 1.0},
        {("u", (0, 0)): 1.0, ("u", (1, 1)): 3.0, ("v", (0, 0)): 1.0, ("v", (1, 1)): 1.0},
        {("u", (0, 0)): 1.0, ("u", (1, 1)): 3.0, ("v", (1, 1)): 1.0},
    ],
    ids=["no combination", "one derivative", "different sums", "one field less"],
)
def test_collapse_does_not_join(ratios):
    assert collapse(frozenset({(0, 0), (1, 1)}), ratios) is None
