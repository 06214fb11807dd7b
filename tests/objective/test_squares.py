"""Mean squares of several residuals as one operation."""

import torch

from pinnlab.objective.squares import mean_squares


def blocks():
    generator = torch.Generator().manual_seed(0)
    shapes = [(7, 1), (5, 3), (1, 2)]
    return [
        torch.randn(*shape, generator=generator, dtype=torch.float64, requires_grad=True)
        for shape in shapes
    ]


def test_they_are_means_over_the_points():
    given = blocks()
    expected = torch.stack([r.square().sum(1).mean() for r in given])
    torch.testing.assert_close(mean_squares(given), expected)


def test_the_gradient_is_that_of_plain_operations():
    given, weights = blocks(), torch.tensor([1.0, -2.0, 0.5], dtype=torch.float64)
    found = torch.autograd.grad(mean_squares(given) @ weights, given)
    plain = torch.stack([r.square().sum(1).mean() for r in given]) @ weights
    for a, b in zip(found, torch.autograd.grad(plain, given), strict=True):
        torch.testing.assert_close(a, b)


def test_blocks_without_a_graph_may_be_among_them():
    given = [r.detach() if k else r for k, r in enumerate(blocks())]
    (found,) = torch.autograd.grad(mean_squares(given).sum(), given[:1])
    torch.testing.assert_close(found, 2 * given[0].detach() / 7)
