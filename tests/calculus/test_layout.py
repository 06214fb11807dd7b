import itertools
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pinnlab.calculus.layout import (
    Collapsed,
    Layout,
    closure,
    composition_terms,
    order,
    product_terms,
)

INDEX = st.lists(st.integers(0, 3), min_size=1, max_size=4).map(lambda i: tuple(sorted(i)))
LAPLACE = Collapsed((((0, 0), 1.0), ((1, 1), 2.0)))


def bell(n):
    """Number of partitions of a set of n elements."""
    return 1 if n == 0 else sum(math.comb(n - 1, k) * bell(k) for k in range(n))


@given(st.lists(INDEX, min_size=1, max_size=4))
def test_closure_has_every_sub_index_and_the_lower_orders_first(indices):
    slots = closure(indices)
    assert slots[0] == ()
    assert len(set(slots)) == len(slots)
    assert [order(s) for s in slots] == sorted(order(s) for s in slots)
    for index in indices:
        for size in range(len(index) + 1):
            for sub in itertools.combinations(index, size):
                assert sub in slots
    assert closure(slots) == slots


def test_closure_of_a_sum_needs_first_derivatives_only():
    assert closure([LAPLACE]) == ((), (0,), (1,), LAPLACE)


def test_a_sum_has_order_two():
    assert order(LAPLACE) == 2
    assert order(()) == 0
    assert order((0, 0, 1)) == 3


@given(INDEX)
def test_composition_counts_every_partition_once(index):
    terms = composition_terms(index)
    assert sum(multiplicity for multiplicity, _, _ in terms) == bell(len(index))
    for _, k, factors in terms:
        assert k == len(factors)
        assert tuple(sorted(c for factor in factors for c in factor)) == index


@given(INDEX)
def test_product_counts_every_subset_once(index):
    terms = product_terms(index)
    assert sum(multiplicity for multiplicity, _, _ in terms) == 2 ** len(index)
    for _, left, right in terms:
        assert tuple(sorted(left + right)) == index


def test_composition_of_the_third_derivative():
    # (f(z))''' = f' z''' + 3 f'' z' z'' + f''' z'^3
    found = {(c, k, factors) for c, k, factors in composition_terms((0, 0, 0))}
    assert found == {
        (1.0, 1, ((0, 0, 0),)),
        (3.0, 2, ((0,), (0, 0))),
        (1.0, 3, ((0,), (0,), (0,))),
    }


def test_ranges_cut_the_rows_without_gaps():
    layout = Layout(closure([(0, 0), (0, 1)]), (9, 7, 7, 4, 2))
    assert layout.slots == ((), (0,), (1,), (0, 0), (0, 1))
    rows = [row for part in layout.ranges for row in range(part.start, part.stop)]
    assert rows == list(range(layout.rows))
    assert layout.rows == 9 + 7 + 7 + 4 + 2
    assert layout.n == 9
    assert layout.order == 2
    assert layout.first_order == (0, 1)


def test_bells_and_products_of_a_sum_follow_the_chain_and_product_rules():
    layout = Layout(closure([LAPLACE]), (3, 3, 3, 3))
    # L f(z) = f' L z + f'' (z_x^2 + 2 z_y^2)
    terms = {(b.coefficient, b.k, b.factors) for b in layout.bells[3]}
    assert terms == {(1.0, 1, (3,)), (1.0, 2, (1, 1)), (2.0, 2, (2, 2))}
    # L(ab) = a L b + b L a + 2 (a_x b_x + 2 a_y b_y)
    total = {}
    for coefficient, i, j in layout.products[3]:
        total[i, j] = total.get((i, j), 0.0) + coefficient
    assert total == {(3, 0): 1.0, (0, 3): 1.0, (1, 1): 2.0, (2, 2): 4.0}


@pytest.mark.parametrize("slot", [(), (0,), LAPLACE])
def test_position_finds_each_slot(slot):
    layout = Layout(closure([LAPLACE]), (3, 3, 3, 3))
    assert layout.slots[layout.position[slot]] == slot
