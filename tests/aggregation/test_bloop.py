"""Auxiliary terms that leave the main ones alone."""

import pytest
import torch
from hypothesis import given
from term_gradients import jacobians, matrix

from pinnlab.aggregation import Bloop
from pinnlab.aggregation.base import Setup, gramian_of
from pinnlab.errors import DeclarationError

NAMES = ["data", "pde", "walls"]


@given(jacobians())
def test_the_main_term_decreases_as_without_the_others(jacobian):
    main, d = jacobian[0], Bloop("data")(jacobian)
    size = float(torch.linalg.vector_norm(jacobian, dim=1).sum() * main.norm())
    assert float(main @ d) == pytest.approx(float(main @ main), abs=1e-12 * size)


def test_the_mean_follows_and_is_what_others_are_orthogonal_to():
    combiner, rho = Bloop(["walls", "data"], rho=0.2).start(Setup(NAMES)), 0.2
    mean = None
    for step in range(5):
        rows = matrix(3, 7, step)
        g, a = rows[0] + rows[2], rows[1]
        mean = g if mean is None else mean
        expected = g + a - (a @ mean) / (mean @ mean) * mean
        torch.testing.assert_close(combiner(rows, gramian_of(rows)), expected)
        mean = (1 - rho) * mean + rho * g


def test_a_mean_that_follows_at_once_is_the_gradient_before():
    combiner = Bloop("data", rho=1.0).start(Setup(NAMES))
    first, second = matrix(3, 7, 0), matrix(3, 7, 1)
    combiner(first, gramian_of(first))
    d = combiner(second, gramian_of(second))
    assert float((d - second[0]) @ first[0]) == pytest.approx(0, abs=1e-12)


def test_without_a_main_gradient_the_others_are_kept():
    rows = matrix(3, 7)
    rows[0] = 0
    torch.testing.assert_close(Bloop("data")(rows), rows[1] + rows[2])


def test_single_precision():
    combiner = Bloop("data").start(Setup(NAMES))
    rows = matrix(3, 5000, dtype=torch.float32)
    d = combiner(rows, gramian_of(rows)).double()
    main = rows[0].double()
    # Both parts are rounded to single precision, entry by entry.
    assert float(main @ (d - main)) == pytest.approx(0, abs=1e-5 * float(main @ main))


def test_names():
    with pytest.raises(
        DeclarationError, match=r"in `main` that does not exist: 'dat'[\s\S]*did you mean 'data'"
    ):
        Bloop("dat").start(Setup(NAMES))
    with pytest.raises(DeclarationError, match="all terms are main terms"):
        Bloop(NAMES).start(Setup(NAMES))
    with pytest.raises(DeclarationError, match="'data' twice"):
        Bloop(["data", "data"])
    with pytest.raises(DeclarationError, match="Bloop cannot have main"):
        Bloop([])
    for wrong in (None, 3):
        with pytest.raises(DeclarationError, match=f"Bloop cannot have main={wrong}"):
            Bloop(wrong)
    with pytest.raises(DeclarationError, match=r"Bloop cannot have rho[\s\S]*\(0, 1\]"):
        Bloop("data", rho=0)
    assert Bloop("data") == Bloop(["data"])
