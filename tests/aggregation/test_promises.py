"""What several aggregators promise, for gradients of every rank and size."""

import pytest
import torch
from cases import AGGREGATORS
from hypothesis import given
from hypothesis import strategies as st
from term_gradients import common_descent, jacobians, matrix, rates, sized

from pinnlab.aggregation import (
    IMTLG,
    MGDA,
    Aggregator,
    AlignedMTL,
    CAGrad,
    ConFIG,
    ConflictFree,
    DualProj,
    GradVac,
    MConFIG,
    MultiAdam,
    NashMTL,
    PCGrad,
    SparseTraining,
    Sum,
    UPGrad,
)
from pinnlab.aggregation.base import Setup, combiner_of, gramian_of

FREE_OF_CONFLICT = [ConFIG(), UPGrad(), DualProj(), MGDA(), NashMTL()]
ALL_DECREASE = [ConFIG(), MGDA(), NashMTL()]
OF_THE_GRAMIAN = [*FREE_OF_CONFLICT, Sum(), PCGrad(), CAGrad(), GradVac(), IMTLG(), AlignedMTL()]
# Multiples of the terms change nothing but the share of their own.
LINEAR_IN_SCALE = [ConFIG(), UPGrad(), DualProj(), MGDA(), Sum(), PCGrad(), CAGrad(), IMTLG()]
NAMES = ["first", "second", "third"]
ALL = {name: make(NAMES) for name, make in AGGREGATORS.items()}
every = pytest.mark.parametrize("name", ALL)


def weights(aggregator, jacobian):
    return aggregator.weights(gramian_of(jacobian))


@pytest.mark.parametrize("aggregator", FREE_OF_CONFLICT, ids=repr)
@given(jacobians())
def test_no_term_increases(aggregator, jacobian):
    found = rates(jacobian, weights(aggregator, jacobian))
    assert float(found.values.min()) >= -1e-9 * found.size


@pytest.mark.parametrize("aggregator", ALL_DECREASE, ids=repr)
@given(jacobians())
def test_all_terms_decrease_where_that_is_possible(aggregator, jacobian):
    active = jacobian.abs().sum(1) > 0
    jacobian = jacobian[active]
    if common_descent(jacobian) > 1e-3:
        assert float(rates(jacobian, weights(aggregator, jacobian)).values.min()) > 0


@pytest.mark.parametrize("aggregator", FREE_OF_CONFLICT, ids=repr)
@given(st.integers(2, 10), st.integers(0, 200))
def test_many_terms(aggregator, m, seed):
    jacobian = matrix(m, 6, seed)
    found = rates(jacobian, weights(aggregator, jacobian))
    assert float(found.values.min()) >= -1e-9 * found.size


@pytest.mark.parametrize("aggregator", FREE_OF_CONFLICT, ids=repr)
@given(st.integers(0, 200))
def test_no_term_increases_in_single_precision(aggregator, seed):
    jacobian = sized(matrix(3, 40, seed, torch.float32), [-5, 0, 5])
    direction = aggregator(jacobian)
    norms = torch.linalg.vector_norm(jacobian, dim=1)
    # Rounding of the combination to single precision, relative to its parts.
    parts = weights(aggregator, jacobian).abs() @ norms.double()
    assert bool(((jacobian.double() @ direction.double()) >= -1e-6 * norms * parts).all())
    assert direction.dtype is torch.float32


@pytest.mark.parametrize("aggregator", [PCGrad(), UPGrad(), DualProj(), CAGrad()], ids=repr)
@given(st.integers(0, 100))
def test_without_conflict_it_is_the_gradient_of_the_loss(aggregator, seed):
    jacobian = matrix(4, 9, seed).abs()
    if isinstance(aggregator, CAGrad):
        aggregator = CAGrad(c=0.0)
    torch.testing.assert_close(aggregator(jacobian), jacobian.sum(0))


@pytest.mark.parametrize("aggregator", [*LINEAR_IN_SCALE, AlignedMTL()], ids=repr)
@given(jacobians(), st.sampled_from([-33, -10, 17, 33]))
def test_linear_in_the_size_of_the_loss(aggregator, jacobian, exponent):
    scale = 2.0**exponent  # changes no digit of the gradients
    expected = aggregator(jacobian) * scale
    # The library compares eigenvalues with the largest one, and rounds them in its own way.
    room = {"rtol": 1e-6, "atol": 1e-9 * float(expected.abs().max())}
    torch.testing.assert_close(aggregator(jacobian * scale), expected, **room)


@pytest.mark.parametrize(
    "aggregator", [a for a in OF_THE_GRAMIAN if not isinstance(a, (PCGrad, GradVac))], ids=repr
)
@given(st.permutations(range(4)), st.integers(0, 50))
def test_the_order_of_the_terms_does_not_matter(aggregator, order, seed):
    jacobian = sized(matrix(4, 9, seed), [0, 1, -1, 0])
    expected = aggregator(jacobian)
    size = float(expected.abs().max())
    torch.testing.assert_close(
        aggregator(jacobian[list(order)]), expected, rtol=1e-6, atol=1e-7 * size
    )


@pytest.mark.parametrize("aggregator", OF_THE_GRAMIAN, ids=repr)
@given(jacobians())
def test_a_zero_gradient_changes_nothing(aggregator, jacobian):
    if isinstance(aggregator, AlignedMTL):
        return  # it has a test of its own
    if isinstance(aggregator, (PCGrad, GradVac)):
        jacobian = jacobian[:2]  # of three terms the order depends on how many there are
    with_zero = torch.cat([jacobian, torch.zeros_like(jacobian[:1])])
    found, expected = weights(aggregator, with_zero)[:-1], weights(aggregator, jacobian)
    # Of dependent gradients many coefficients give one direction.
    room = 1e-9 * rates(jacobian, expected).size
    torch.testing.assert_close(found @ jacobian, expected @ jacobian, rtol=1e-6, atol=room)


def test_a_zero_gradient_leaves_the_aligned_sum_as_long():
    jacobian = matrix(2, 5)
    with_zero = torch.cat([jacobian, torch.zeros(1, 5, dtype=torch.float64)])
    torch.testing.assert_close(AlignedMTL()(with_zero), AlignedMTL()(jacobian))


@pytest.mark.parametrize("aggregator", OF_THE_GRAMIAN, ids=repr)
def test_weights_are_those_of_the_direction(aggregator):
    jacobian = matrix(3, 8)
    expected = weights(aggregator, jacobian) @ jacobian
    torch.testing.assert_close(aggregator(jacobian), expected)


@every
def test_one_term_keeps_the_line_of_its_gradient(name):
    make = {"Bloop": lambda: ALL[name]}.get(name, lambda: AGGREGATORS[name](["only"]))
    g = matrix(1, 30)
    direction = make()(g)
    if name in ("MultiAdam", "MConFIG"):
        torch.testing.assert_close(direction, g[0].sign(), rtol=1e-6, atol=1e-6)
    elif name != "SparseTraining":
        cosine = torch.nn.functional.cosine_similarity(direction, g[0], dim=0)
        assert float(cosine) == pytest.approx(1)


@every
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)
def test_without_any_gradient_there_is_no_direction(name, dtype):
    direction = ALL[name](torch.zeros(3, 7, dtype=dtype))
    assert direction.shape == (7,)
    assert direction.dtype is dtype
    assert not direction.any()


@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
@every
def test_gradients_that_are_not_finite_give_no_finite_direction(name, bad):
    if name != "SparseTraining":  # which does not see every parameter
        jacobian = matrix(3, 6)
        jacobian[1, 2] = bad
        assert not ALL[name](jacobian).isfinite().all()


@every
@given(jacobians())
def test_directions_are_finite(name, jacobian):
    if len(jacobian) == 3:
        assert bool(ALL[name](jacobian).isfinite().all())


@every
def test_a_call_gives_the_same_again_and_leaves_the_gradients(name):
    jacobian = matrix(3, 11)
    before, numbers = jacobian.clone(), torch.get_rng_state()
    torch.testing.assert_close(ALL[name](jacobian), ALL[name](jacobian), rtol=0, atol=0)
    assert torch.equal(jacobian, before)
    assert torch.equal(torch.get_rng_state(), numbers)


@every
def test_aggregators_are_printable_values(name):
    aggregator = ALL[name]
    assert isinstance(aggregator, Aggregator)
    assert aggregator == AGGREGATORS[name](NAMES)
    assert repr(aggregator).startswith(f"{type(aggregator).__name__}(")


def turned(aggregator, weight, seed):
    """How much a weight on the last of three terms, a small one, turns the direction to it."""
    jacobian = matrix(3, 8, seed)
    jacobian[2] *= 1e-2

    def cosine(rows):
        direction = combiner_of(aggregator, Setup(NAMES))(rows, gramian_of(rows))
        return float(torch.nn.functional.cosine_similarity(direction, jacobian[2], dim=0))

    heavier = jacobian.clone()
    heavier[2] *= weight
    return cosine(heavier) - cosine(jacobian)


@every
@given(st.integers(0, 200), st.sampled_from([10.0, 100.0]))
def test_a_larger_weight_turns_the_directions_that_heed_weights(name, seed, weight):
    if ALL[name].heeds_weights:
        assert turned(ALL[name], weight, seed) > 1e-4


@pytest.mark.parametrize("aggregator", [ConFIG(), NashMTL(), MConFIG(), MultiAdam(), MGDA()])
@given(st.integers(0, 200), st.sampled_from([10.0, 100.0]))
def test_no_weight_turns_the_others_to_a_term(aggregator, seed, weight):
    assert not aggregator.heeds_weights
    assert turned(aggregator, weight, seed) < 1e-4


def test_groups_and_parts_heed_weights_as_what_is_inside():
    for inner in (UPGrad(), ConFIG()):
        for outer in (ConflictFree(inner), SparseTraining(0.5, inner)):
            assert outer.heeds_weights == inner.heeds_weights
