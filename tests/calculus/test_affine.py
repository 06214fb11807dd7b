"""Products of slopes and their cotangents, against autograd."""

import pytest
import torch
from jets import LAPLACE, layout

from pinnlab.calculus.affine import SlopeProducts
from pinnlab.calculus.layout import Collapsed

QUARTIC = Collapsed((((0, 0, 0, 0), 1.0), ((0, 0, 1, 1), -0.5), ((1,), 2.0)))
WIDTH = 3

pytestmark = pytest.mark.usefixtures("by")


@pytest.mark.parametrize("slots", [[(0, 1)], [LAPLACE], [(0, 0, 1)], [(0, 0, 1, 1)], [QUARTIC]])
def test_products_of_slopes_and_their_cotangents(slots, generator):
    of = layout(slots)
    slopes = torch.randn(WIDTH, len(of.directions), generator=generator, dtype=torch.float64)
    slopes.requires_grad_()
    expected = [
        sum(c * slopes[:, list(rows)].prod(1) for c, rows in product.terms)
        for product in of.slope_products
    ]
    products = SlopeProducts(of, slopes.detach())
    products.forward(slopes.detach())
    torch.testing.assert_close(products.values, torch.stack(expected).detach())
    weights = torch.randn(2, WIDTH, len(expected), generator=generator, dtype=torch.float64)
    found = [products.backward(g) for g in weights]  # the first outlives the second
    for g, own in zip(weights, found, strict=True):
        total = (g.T * torch.stack(expected)).sum()
        (gradient,) = torch.autograd.grad(total, slopes, retain_graph=True)
        torch.testing.assert_close(own, gradient)
