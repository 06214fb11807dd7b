"""The product of jets with many directions at once gives what Leibniz' rule gives slot by slot."""

import pytest
import torch

from pinnlab.calculus.layout import Collapsed, Layout, SquareSum, closure
from pinnlab.calculus.product import Product
from pinnlab.calculus.taylor import TaylorTensor

F64 = torch.float64
EQUAL = Collapsed(tuple(((k, k), 2.5) for k in range(4)))
WEIGHTED = Collapsed(tuple(((k, k), float(k - 1)) for k in range(4)))
REPEATED = Collapsed((((0, 0), 1.0), ((1, 1), 2.0), ((0, 0), 3.0)))
N = 3


def layout_of(slots, counts=None, **options):
    slots = closure(slots)
    return Layout(slots, tuple(counts or [N] * len(slots)), **options)


FAST = {
    "equal": (layout_of([EQUAL]), [(2.5,) * 4]),
    "weighted": (layout_of([WEIGHTED]), [(-1.0, 0.0, 1.0, 2.0)]),
    "a direction beside the sum": (layout_of([EQUAL, (7,)]), [(2.5,) * 4 + (0.0,)]),
    "one coordinate twice": (layout_of([REPEATED]), [(4.0, 2.0)]),
    "two sums": (layout_of([EQUAL, WEIGHTED]), [(-1.0, 0.0, 1.0, 2.0), (2.5,) * 4]),
}
SLOW = {
    "values": layout_of([]),
    "gradient": layout_of([(0,), (1,)]),
    "fewer points": layout_of([EQUAL], (4, 3, 3, 3, 3, 3)),
    "mixed": layout_of([Collapsed((((0, 1), 1.0), ((2, 2), 1.0)))]),
    "second beside sum": layout_of([EQUAL, (0, 0)]),
    "fourth order": layout_of([Collapsed((((0,) * 4, 1.0), ((1,) * 4, 1.0)))]),
}


@pytest.mark.parametrize("name", FAST, ids=lambda n: n.replace(" ", "_"))
def test_which_jets_are_arrays_with_an_axis_of_directions(name):
    layout, expected = FAST[name]
    sums = layout.square_sums
    assert sums is not None
    assert [s.coefficients for s in sums] == expected
    assert [s.slot for s in sums] == [len(layout.slots) - len(sums) + k for k in range(len(sums))]


def test_which_sums_are_multiples_of_plain_ones():
    def common(*coefficients):
        return SquareSum(1, coefficients).common

    assert common(2.5, 2.5, 0.0) == (slice(0, 2), 2.5)
    assert common(0.0, -1.0) == (slice(1, 2), -1.0)
    assert common(1.0, 0.0, 1.0) is None
    assert common(1.0, 2.0) is None
    assert common(0.0) is None


@pytest.mark.parametrize("name", SLOW, ids=lambda n: n.replace(" ", "_"))
def test_which_are_not(name):
    assert SLOW[name].square_sums is None


def leibniz(a, b, layout):
    """The product, term by term."""
    left, right = ([t[rows] for rows in layout.ranges] for t in (a, b))
    return torch.cat(
        [sum(c * left[i] * right[j] for c, i, j in terms) for terms in layout.products]
    )


@pytest.mark.parametrize("name", FAST, ids=lambda n: n.replace(" ", "_"))
@pytest.mark.parametrize("columns", [(), (2,), (2, 3), "transposed"], ids=str)
def test_it_agrees_with_leibniz_rule(name, columns, generator):
    layout, _ = FAST[name]
    transposed = columns == "transposed"  # column by column in memory
    shape = (3, layout.rows) if transposed else (layout.rows, *columns)
    draws = [torch.randn(shape, generator=generator, dtype=F64) for _ in range(2)]
    a, b = ((t.T if transposed else t).requires_grad_() for t in draws)
    fast = Product.apply(a, b, layout)
    plain = Layout(layout.slots, layout.counts, transparent=True)
    transparent = (TaylorTensor(plain, a) * TaylorTensor(plain, b)).data
    slow = leibniz(a, b, layout)
    weights = torch.randn(fast.shape, generator=generator, dtype=F64)
    expected = torch.autograd.grad((slow * weights).sum(), (a, b))
    for found in (fast, transparent):
        torch.testing.assert_close(found, slow)
        gradients = torch.autograd.grad((found * weights).sum(), (a, b))
        torch.testing.assert_close(gradients, expected)


@pytest.mark.parametrize("name", FAST, ids=lambda n: n.replace(" ", "_"))
def test_only_one_factor_may_be_trained(name, generator):
    layout, _ = FAST[name]
    a, b = (torch.randn(layout.rows, 2, generator=generator, dtype=F64) for _ in range(2))
    assert torch.autograd.gradcheck(lambda a: Product.apply(a, b, layout), (a.requires_grad_(),))
    a = a.detach()
    assert torch.autograd.gradcheck(lambda b: Product.apply(a, b, layout), (b.requires_grad_(),))
