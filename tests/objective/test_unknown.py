import math

import pytest
import torch
from hypothesis import assume, given
from hypothesis import strategies as st

from pinnlab.errors import DeclarationError
from pinnlab.objective import Unknown

POSITIVE = st.floats(1e-8, 1e8)
NUMBERS = st.floats(-1e8, 1e8, allow_nan=False).filter(lambda v: v == 0 or abs(v) > 1e-8)


def round_trip(unknown, value):
    return float(unknown.value(torch.tensor(unknown.raw(value), dtype=torch.float64)))


@given(NUMBERS)
def test_identity_gives_back_the_first_guess(value):
    assert round_trip(Unknown(value), value) == pytest.approx(value, rel=1e-14)


@given(POSITIVE)
def test_log_gives_back_the_first_guess(value):
    assert round_trip(Unknown(value, transform="log"), value) == pytest.approx(value, rel=1e-13)


@given(POSITIVE)
def test_softplus_gives_back_the_first_guess(value):
    unknown = Unknown(value, transform="softplus")
    assert round_trip(unknown, value) == pytest.approx(value, rel=1e-12)


@given(NUMBERS, st.floats(1e-3, 1e6), st.floats(0.01, 0.99))
def test_sigmoid_gives_back_the_first_guess(low, width, share):
    value = low + share * width
    assume(low < value < low + width)
    unknown = Unknown(value, bounds=(low, low + width))
    assert unknown.transform == "sigmoid"
    assert round_trip(unknown, value) == pytest.approx(value, abs=1e-9 * (abs(low) + width))


@given(st.floats(1e-6, 1e3), st.floats(1.5, 1e6), st.floats(0.01, 0.99))
def test_bounded_log_gives_back_the_first_guess(low, factor, share):
    value = low * factor**share
    unknown = Unknown(value, bounds=(low, low * factor), transform="log")
    assert round_trip(unknown, value) == pytest.approx(value, rel=1e-9)


@given(st.floats(-1e3, 1e3), st.sampled_from(["sigmoid", "log"]))
def test_bounds_hold_whatever_is_trained(raw, transform):
    unknown = Unknown(0.5, bounds=(0.1, 2.0), transform=transform)
    value = float(unknown.value(torch.tensor(raw, dtype=torch.float64)))
    assert 0.1 - 1e-12 <= value <= 2.0 + 1e-12


@given(st.floats(-700, 700), st.sampled_from(["log", "softplus"]))
def test_positive_transforms_stay_positive(raw, transform):
    assert float(Unknown(3.0, transform=transform).value(torch.tensor(raw).double())) >= 0


@pytest.mark.parametrize(
    "unknown",
    [
        Unknown(-3e5),
        Unknown(7.8e8, transform="log"),
        Unknown(2e-9, transform="softplus"),
        Unknown(0.3, bounds=(0.1, 4)),
        Unknown(0.3, bounds=(0.1, 4), transform="log"),
    ],
    ids=repr,
)
def test_value_has_a_gradient_of_its_own_size(unknown):
    raw = torch.tensor(unknown.raw(unknown.initial), dtype=torch.float64, requires_grad=True)
    (slope,) = torch.autograd.grad(unknown.value(raw), raw)
    # A unit step of the trained number is a step of the order of the value itself.
    assert 1e-2 < abs(float(slope)) / abs(unknown.initial) < 1e2


def test_a_guess_of_zero_can_move():
    unknown = Unknown(0.0)
    assert float(unknown.value(torch.tensor(2.0))) == 2.0


def test_an_unknown_prints_itself():
    assert repr(Unknown(0.05, bounds=(1e-4, 1), transform="log")) == (
        "Unknown(initial=0.05, bounds=(0.0001, 1), transform='log', true=None)"
    )


REFUSED = {
    "no such transform": (dict(initial=1, transform="lgo"), "did you mean 'log'"),
    "empty bounds": (dict(initial=1, bounds=(2, 1)), "bounds of an unknown are empty"),
    "guess outside": (dict(initial=3, bounds=(0, 1)), "outside its bounds"),
    "guess on the bound": (dict(initial=1, bounds=(0, 1)), "outside its bounds"),
    "bounds of identity": (
        dict(initial=0.5, bounds=(0, 1), transform="identity"),
        "cannot keep bounds",
    ),
    "bounds of softplus": (
        dict(initial=0.5, bounds=(0, 1), transform="softplus"),
        "cannot keep bounds",
    ),
    "log of a negative bound": (
        dict(initial=0.5, bounds=(-1, 1), transform="log"),
        "positive bounds",
    ),
    "sigmoid without bounds": (dict(initial=0.5, transform="sigmoid"), "needs bounds"),
    "log of a negative guess": (dict(initial=-1, transform="log"), "must be positive"),
    "softplus of zero": (dict(initial=0, transform="softplus"), "must be positive"),
    "not finite": (dict(initial=math.inf), "not finite"),
    "not a number": (dict(initial=math.nan, bounds=(0, 1)), "first guess"),
    "text": (dict(initial="0.5"), "first guess"),
    "one bound": (dict(initial=0.5, bounds=(0,)), "bounds"),
}


@pytest.mark.parametrize("name", REFUSED, ids=lambda n: n.replace(" ", "_"))
def test_misuse_is_refused(name):
    arguments, words = REFUSED[name]
    with pytest.raises(DeclarationError, match=words) as caught:
        Unknown(**arguments)
    assert "expected" in str(caught.value)
    assert "do:" in str(caught.value)
