"""Kinds of jets over a few points, and the comparison of what is made of them."""

import torch

from pinnlab.calculus import chain
from pinnlab.calculus.layout import Collapsed, Layout, closure

HEAT = Collapsed((((0, 0), -0.3), ((1,), 1.0)))
KORTEWEG = Collapsed((((0, 0, 0), 0.7), ((1,), 1.0), ((0, 1), 2.0)))
TRANSPORT = Collapsed((((0,), 0.7), ((1,), 1.5)))
N = 11
LAPLACE = Collapsed((((0, 0), 1.0), ((1, 1), 2.5)))
MIXED = Collapsed((((0, 0), 1.0), ((0, 1), -0.5)))


def layout(slots, counts=None):
    slots = closure(slots)
    return Layout(slots, counts or (N,) * len(slots))


LAYOUTS = {
    "values": layout([]),
    "first": layout([(0,), (1,)]),
    "second": layout([(0, 0), (0, 1)]),
    "collapsed": layout([LAPLACE]),
    "two_sums": layout([LAPLACE, Collapsed((((1, 1), -1.5),))]),
    "collapsed_mixed": layout([MIXED, (1, 1)]),
    "third": layout([(0, 0, 1)]),
    "fourth": layout([(0, 0, 1, 1)]),
    "orders_one_and_two": layout([HEAT]),
    "orders_one_to_three": layout([KORTEWEG, (0, 0)]),
    "first_collapsed": layout([TRANSPORT]),
    "prefix_of_mixed_orders": layout([HEAT], (N, 8, 6)),
    "prefix": layout([(0, 0), (0, 1)], (N, 9, 6, 6, 2)),
    "prefix_collapsed": layout([LAPLACE], (N, 7, 7, 4)),
    "values_at_more_points": layout([LAPLACE], (N, 8, 8, 8)),
    "mixed_orders_and_prefixes": layout([(0, 0, 0, 0), (1,)], (N, 9, 8, 7, 7, 6)),
    "no_derivatives_at_all_points": layout([LAPLACE], (N, 0, 0, 0)),
}


def cut_into_blocks(monkeypatch, numbers):
    """Have chains take so few numbers at a time that some points are several blocks."""
    monkeypatch.setattr(chain, "BLOCK_NUMBERS", numbers)
    monkeypatch.setattr(chain, "FEWEST_POINTS", 1)


def random(generator, *shape):
    return torch.randn(*shape, generator=generator, dtype=torch.float64)


def agree(found, expected, inputs, weights, tolerance=1e-12):
    """Values and all gradients, twice, because a graph may be kept."""
    torch.testing.assert_close(found, expected, rtol=tolerance, atol=tolerance)
    options = {"retain_graph": True, "allow_unused": True, "materialize_grads": True}
    reference = torch.autograd.grad((expected * weights).sum(), inputs, **options)
    scale = 10 * max(1.0, max(float(g.abs().max()) for g in reference))
    for _ in range(2):
        gradients = torch.autograd.grad((found * weights).sum(), inputs, **options)
        torch.testing.assert_close(gradients, reference, rtol=tolerance, atol=scale * tolerance)
