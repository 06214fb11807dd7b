import math

import pytest
import torch
from hypothesis import given, reject
from hypothesis import strategies as st

from pinnlab.optim.line_search import Trial, strong_wolfe

C1, C2 = 1e-4, 0.9


def line(function):
    """φ and φ' of a torch function of one number."""

    def evaluate(step):
        t = torch.tensor(step, dtype=torch.float64, requires_grad=True)
        value = function(t)
        (slope,) = torch.autograd.grad(value, t)
        return Trial(step, value.item(), slope.item(), step)

    return evaluate


def search(function, first=1.0, **options):
    evaluate = line(function)
    start = evaluate(0.0)
    if not start.slope < -1e-6:
        reject()
    accepted, used = strong_wolfe(evaluate, start, first, **options)
    return start, accepted, used


def assert_wolfe(start, accepted, c1=C1, c2=C2):
    assert accepted is not None
    assert accepted.step > 0
    assert accepted.value <= start.value + c1 * accepted.step * start.slope
    assert abs(accepted.slope) <= -c2 * start.slope


FIRST = st.floats(1e-4, 1e3)


@given(st.floats(1e-3, 1e3), st.floats(1e-2, 1e2), FIRST)
def test_parabola(curvature, minimum, first):
    assert_wolfe(*search(lambda t: curvature * (t - minimum) ** 2, first)[:2])


@given(
    st.lists(st.floats(-3, 3), min_size=2, max_size=4),
    st.floats(0.1, 2),
    FIRST,
)
def test_waves_in_a_bowl(amplitudes, width, first):
    def function(t):
        waves = sum(a * torch.sin((k + 1) * t) for k, a in enumerate(amplitudes))
        return waves + width * t**2 - 0.5 * t

    assert_wolfe(*search(function, first)[:2])


@given(st.floats(0.5, 5), FIRST)
def test_valley_behind_a_wall_of_infinity(edge, first):
    assert_wolfe(*search(lambda t: -torch.log(edge - t) - 3 * t / edge, first)[:2])


@given(st.floats(0.1, 10), FIRST)
def test_quartic(minimum, first):
    assert_wolfe(*search(lambda t: (t - minimum) ** 4 + 0.1 * t**2 - 0.5 * t, first)[:2])


@given(st.sampled_from([0.1, 0.5, 0.9]), FIRST)
def test_curvature_is_as_small_as_asked(curvature, first):
    start, accepted, _ = search(lambda t: torch.cosh(0.1 * (t - 7)), first, curvature=curvature)
    assert_wolfe(start, accepted, c2=curvature)


def test_a_first_step_that_fits_is_taken_at_once():
    start, accepted, used = search(lambda t: (t - 1) ** 2)
    assert accepted.step == 1.0
    assert used == 1
    assert_wolfe(start, accepted)


def test_evaluations_are_bounded():
    count = 0

    def evaluate(step):
        nonlocal count
        count += 1
        return Trial(step, -step, -1.0, None)  # falls for ever

    accepted, used = strong_wolfe(evaluate, Trial(0.0, 0.0, -1.0, None), 1.0, largest=9)
    assert used == count == 9
    assert accepted is not None  # the lowest that was seen
    assert accepted.value < 0


def test_no_lower_value_gives_nothing():
    # The slope promises a descent that does not exist.
    accepted, _ = strong_wolfe(
        lambda step: Trial(step, 1.0 + step, -1.0, None), Trial(0.0, 1.0, -1.0, None), 1.0
    )
    assert accepted is None


def test_only_infinities_give_nothing():
    accepted, used = strong_wolfe(
        lambda step: Trial(step, math.inf, math.nan, None), Trial(0.0, 1.0, -1.0, None), 1.0
    )
    assert accepted is None
    assert used <= 25


@pytest.mark.parametrize("first", [1e-3, 1e3])
def test_the_payload_is_that_of_the_accepted_step(first):
    _, accepted, _ = search(lambda t: torch.cosh(t - 2), first)
    assert accepted.payload == accepted.step


# --- several functions ------------------------------------------------------------------------
def several(functions, first=1.0, **options):
    """A search along the sum, with every function watched."""
    parts = [line(f) for f in functions]

    def evaluate(step):
        trials = [part(step) for part in parts]
        return Trial(
            step,
            sum(t.value for t in trials),
            sum(t.slope for t in trials),
            step,
            tuple((t.value, t.slope) for t in trials),
        )

    start = evaluate(0.0)
    if any(not slope < -1e-6 for _, slope in start.others):
        reject()
    accepted, used = strong_wolfe(evaluate, start, first, **options)
    return start, accepted, used


@given(
    st.lists(st.tuples(st.floats(1e-2, 1e2), st.floats(1e-2, 1e2)), min_size=2, max_size=5),
    FIRST,
)
def test_every_parabola_falls(parabolas, first):
    functions = [lambda t, a=a, b=b: a * (t - b) ** 2 for a, b in parabolas]
    start, accepted, used = several(functions, first)
    assert accepted is not None
    assert used < 25
    pairs = list(zip(accepted.others, start.others, strict=True))
    for (value, _), (value_0, slope_0) in pairs:
        assert value <= value_0 + C1 * accepted.step * slope_0
    # Long enough for the sum, or for one of them.
    total = abs(accepted.slope) <= -C2 * start.slope
    assert total or any(slope >= C2 * slope_0 for (_, slope), (_, slope_0) in pairs)


def test_the_narrowest_valley_ends_the_line():
    # The sum alone would go on to about 10.
    functions = [lambda t: (t - 10) ** 2, lambda t: 1e-3 * (t - 0.5) ** 2]
    start, accepted, _ = several(functions, first=8.0)
    assert 0 < accepted.step < 1
    assert accepted.others[1][0] < start.others[1][0]


def test_a_function_without_values_ends_the_line():
    functions = [lambda t: (t - 10) ** 2, lambda t: -torch.log(1 + t) - torch.sqrt(1 - t)]
    start, accepted, _ = several(functions, first=5.0)
    assert 0 < accepted.step <= 1
    assert accepted.others[1][0] < start.others[1][0]


def test_rounding_of_a_value_is_no_rise():
    def evaluate(step):
        constant = 1.0 + (2e-16 if step else 0.0), -1e-30
        return Trial(step, (step - 1) ** 2, 2 * (step - 1), step, (constant,))

    assert strong_wolfe(evaluate, evaluate(0.0), 1.0, rounding=1e-15)[0].step == 1.0
    assert strong_wolfe(evaluate, evaluate(0.0), 1.0)[0] is None
