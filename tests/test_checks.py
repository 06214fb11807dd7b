"""Options that cannot hold."""

import pytest

from pinnlab import checks
from pinnlab.errors import DeclarationError


class Owner:
    pass


def refused(check, *arguments, **options) -> str:
    with pytest.raises(DeclarationError) as caught:
        check(Owner(), *arguments, **options)
    return str(caught.value)


@pytest.mark.parametrize("wrong", [0, -1, 1.0, True, "3"])
def test_counts(wrong):
    checks.check_count(Owner(), steps=3, batch=None)
    assert f"Owner cannot have steps={wrong!r}" in refused(checks.check_count, steps=wrong)
    assert "whole number of at least 1" in refused(checks.check_count, needed=True, steps=None)


@pytest.mark.parametrize("wrong", [0, -1e-9, float("inf"), float("nan"), True, "1"])
def test_positive_numbers(wrong):
    checks.check_positive(Owner(), lr=1e-300, clip=None)
    assert f"Owner cannot have lr={wrong!r}" in refused(checks.check_positive, lr=wrong)
    assert "a positive number" in refused(checks.check_positive, needed=True, lr=None)


@pytest.mark.parametrize("wrong", [-1e-9, float("inf"), float("nan"), True, "0"])
def test_numbers_that_may_be_zero(wrong):
    checks.check_not_negative(Owner(), decay=0, other=None)
    assert f"Owner cannot have decay={wrong!r}" in refused(checks.check_not_negative, decay=wrong)


def test_shares():
    checks.check_share(Owner(), zero=True, one=True, a=0, b=1, c=0.5)
    for value in (0, 1, -0.1, 1.1, float("nan"), True, None):
        assert "a number in (0, 1)" in refused(checks.check_share, a=value)
    assert "[0, 1)" in refused(checks.check_share, zero=True, a=1)
    assert "(0, 1]" in refused(checks.check_share, one=True, a=0)


def test_choices():
    checks.check_choice(Owner(), ("min", "median"), scale="min")
    found = refused(checks.check_choice, ("min", "median"), scale="medium")
    assert "Owner has no scale 'medium'" in found and "did you mean 'median'?" in found


def test_names():
    checks.check_names(Owner(), main=("a", "b"), other=None)
    for wrong in ("a", [], [1], 3, {"a": 1}):
        assert f"Owner cannot have main={wrong!r}" in refused(checks.check_names, main=wrong)
    assert "a list of names" in refused(checks.check_names, needed=True, main=None)
    assert "names 'a' twice in `main`" in refused(checks.check_names, main=["a", "b", "a"])


def test_mappings():
    checks.check_mapping(Owner(), {"data": 1}, leak={}, other={"a": None})
    for wrong in (None, 0.5, ["a"], "a", {1: 2}):
        found = refused(checks.check_mapping, {"data": 1}, leak=wrong)
        assert f"Owner cannot have leak={wrong!r}" in found and "leak={'data': 1}" in found


def test_decay_rates():
    checks.check_decays(Owner(), betas=(0, 0.999), others=[0.5, 0.5])
    for wrong in (None, 0.9, (0.9,), (0.9, 1.0), (-0.1, 0.9), ("0.9", 0.9), (0.9, float("nan"))):
        assert "Owner needs two decay rates" in refused(checks.check_decays, betas=wrong)


def test_terms_that_do_not_exist():
    checks.check_known(Owner(), ["walls"], {"walls": 1})
    found = refused(checks.check_known, ["wall"], ["pde", "walls"])
    assert "does not exist: 'wall'" in found and "did you mean 'walls'?" in found
    assert "use the name of" in refused(checks.check_known, ["x"], ["pde", "walls"])
