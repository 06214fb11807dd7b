import math

import pytest

import pinnlab as pl
from pinnlab.errors import DeclarationError
from pinnlab.optim.schedules import Constant


def test_constant():
    assert [Constant().factor(k, 10) for k in (0, 5, 10)] == [1.0, 1.0, 1.0]


def test_cosine_falls_from_one_to_the_end():
    schedule = pl.Cosine(final=0.1)
    assert schedule.factor(0, 100) == 1.0
    assert schedule.factor(50, 100) == pytest.approx(0.55)
    assert schedule.factor(100, 100) == pytest.approx(0.1)
    assert schedule.factor(25, 100) == pytest.approx(0.1 + 0.9 * (1 + math.cos(math.pi / 4)) / 2)


@pytest.mark.parametrize("schedule", [pl.Cosine(warmup=4), pl.Exponential(warmup=4)], ids=repr)
def test_warm_up_rises_linearly(schedule):
    assert [schedule.factor(k, 100) for k in range(4)] == [0.25, 0.5, 0.75, 1.0]
    assert schedule.factor(4, 100) == 1.0
    assert schedule.factor(50, 100) < 1.0


def test_exponential_is_continuous():
    schedule = pl.Exponential(rate=0.5, every=100)
    assert schedule.factor(0, 1) == 1.0
    assert schedule.factor(100, 1) == 0.5
    assert schedule.factor(50, 1) == pytest.approx(0.5**0.5)
    assert schedule.factor(300, 1) == 0.125


def test_step_falls_at_the_given_steps():
    schedule = pl.Step((10, 20), rate=0.1)
    factors = [schedule.factor(k, 30) for k in (0, 9, 10, 19, 20, 29)]
    assert factors == pytest.approx([1, 1, 0.1, 0.1, 0.01, 0.01])


@pytest.mark.parametrize(
    "make",
    [
        lambda: pl.Exponential(rate=0),
        lambda: pl.Exponential(every=0),
        lambda: pl.Exponential(warmup=-1),
        lambda: pl.Cosine(final=-0.1),
        lambda: pl.Cosine(warmup=2.5),
        lambda: pl.Step((5,), rate=-1),
        lambda: pl.Step((5, -1)),
        lambda: pl.Step(5.5),
        lambda: pl.Step(None),  # type: ignore[arg-type]
    ],
)
def test_numbers_that_make_no_sense_are_refused(make):
    with pytest.raises(DeclarationError, match="cannot have"):
        make()
