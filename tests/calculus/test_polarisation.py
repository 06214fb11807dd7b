"""Sums of partial derivatives as sums of powers of directional derivatives."""

import itertools
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pinnlab.calculus.directions import Directions, Fixed
from pinnlab.calculus.functionals import Biharmonic
from pinnlab.calculus.layout import Collapsed, closure
from pinnlab.calculus.polarisation import cheapest, polarised
from pinnlab.typing import Coordinates


def polynomial(terms, xi):
    """Σ c_α ξ^α, the symbol of the operator."""
    return sum(c * math.prod(xi[k] for k in index) for index, c in terms.items())


def powers(lines, m, xi):
    """Σ w (v·ξ)^m."""
    return sum(w * sum(x * xi[k] for k, x in line) ** m for line, w in lines.items())


def terms_of(m):
    indices = st.lists(st.integers(0, 3), min_size=m, max_size=m).map(lambda i: tuple(sorted(i)))
    return st.dictionaries(indices, st.floats(-3, 3).filter(lambda c: abs(c) > 1e-3), min_size=1)


@given(st.integers(2, 5).flatmap(terms_of), st.integers(0, 10**6))
def test_the_symbol_is_the_same_polynomial(terms, seed):
    m = len(next(iter(terms)))
    xi = np.random.default_rng(seed).standard_normal(4)
    scale = sum(abs(c) for c in terms.values()) * max(1.0, float(np.abs(xi).sum())) ** m
    lines = polarised(terms)
    assert powers(lines, m, xi) == pytest.approx(polynomial(terms, xi), abs=1e-11 * scale)


def test_known_identities():
    # ξη = ((ξ+η)² - (ξ-η)²)/4, by the eigenvectors (1, ±1)/√2 of its matrix.
    lines = polarised({(0, 1): 1.0})
    assert sorted(lines.values()) == pytest.approx([-0.5, 0.5])
    for line in lines:
        assert [abs(x) for _, x in line] == pytest.approx([0.5**0.5] * 2)
    # A power of one derivative is one line.
    assert polarised({(2, 2, 2): 5.0}) == {((2, 1.0),): pytest.approx(5.0)}
    # 12 ξ²η² = (ξ+η)^4 + (ξ-η)^4 - 2ξ^4 - 2η^4
    lines = polarised({(0, 0, 1, 1): 12.0})
    assert lines == {
        ((0, 1.0), (1, 1.0)): pytest.approx(1.0),
        ((0, 1.0), (1, -1.0)): pytest.approx(1.0),
        ((0, 1.0),): pytest.approx(-2.0),
        ((1, 1.0),): pytest.approx(-2.0),
    }


def test_of_second_order_there_are_as_many_lines_as_the_rank():
    assert len(polarised({(0, 0): 1.0, (0, 1): 2.0, (1, 1): 1.0})) == 1  # (ξ+η)²
    assert len(polarised({(0, 1): 1.0, (2, 3): 1.0})) == 4
    assert len(polarised({(0, 0): 1.0, (1, 1): -1.0})) == 2


def test_lines_that_cancel_are_dropped():
    """ξ^4 - η^4 needs two lines, whatever the polarisation of each term is."""
    assert len(polarised({(0, 0, 0, 0): 1.0, (1, 1, 1, 1): -1.0})) == 2


def chosen(terms, others=(), dim=2):
    directions = Directions(Coordinates(tuple("xyztuvw"[:dim]), (1,) * dim))
    found = cheapest("x", terms, [(), *others], directions)
    families = [f for f in directions._ranges if isinstance(f, Fixed)]
    return found, families


def biharmonic_terms(dim):
    pairs = itertools.combinations_with_replacement(range(dim), 2)
    return {(i, i, j, j): 1.0 if i == j else 2.0 for i, j in pairs}


def test_a_full_square_of_one_line_is_carried_along_it():
    found, (family,) = chosen({(0, 0): 1.0, (0, 1): 2.0, (1, 1): 1.0})
    assert len(closure([found])) == 3  # value, first derivative, sum
    assert family.count == 1


def test_if_the_lower_derivatives_are_read_anyway_columns_are_cheaper():
    terms = {(0, 0): 1.0, (0, 1): 2.0, (1, 1): 1.0}
    found, families = chosen(terms, others=[(0,), (1,)])
    assert found == Collapsed(tuple(sorted(terms.items())))
    assert not families


def test_a_laplacian_has_its_columns_for_lines():
    found, families = chosen({(0, 0): 1.0, (1, 1): 3.0})
    assert found.directions == {0, 1}
    assert not families


@pytest.mark.parametrize("dim", [2, 3, 6, 12, 14])
def test_the_biharmonic_operator_carries_the_fewest_slots(dim):
    """Plain: every sub-index of order 3 and less. Lines: three orders along d² of them."""
    terms = biharmonic_terms(dim)
    plain = len(closure([(), Collapsed(tuple(terms.items()))]))
    # Sub-indices: 1, i, ii ij, iij (i ≠ j allowed, all of the form iij), and the sum.
    assert plain == 1 + dim + dim * (dim + 1) // 2 + dim * dim + 1
    lines = len(polarised(terms))
    assert lines == dim * dim  # e_i ± e_j, and e_i
    assert plain < 3 * lines + 2
    found = cheapest("x", terms, [()], Directions(Coordinates(("x",), (dim,))))
    carried = len(closure([(), found]))
    assert carried == plain


def test_the_biharmonic_of_a_vector_coordinate_uses_that_choice():
    for dim in (2, 6, 12, 14):
        directions = Directions(Coordinates(("x",), (dim,)))
        (slot,) = Biharmonic("x").exact(directions).slots
        assert slot == cheapest(
            "x", biharmonic_terms(dim), [()], Directions(Coordinates(("x",), (dim,)))
        )
