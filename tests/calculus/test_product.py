import pytest
import torch

from pinnlab.calculus.layout import Collapsed, Layout, closure
from pinnlab.calculus.product import Product

LAPLACE = Collapsed((((0, 0), 1.0), ((1, 1), 2.5)))
SLOTS = {
    "values": ([], (4,)),
    "first": ([(0,), (1,)], (4, 4, 4)),
    "second": ([(0, 0), (0, 1)], (4, 4, 4, 4, 4)),
    "prefix_collapsed": ([LAPLACE], (4, 3, 3, 2)),
    "mixed_orders": ([Collapsed((((0, 0), 0.5), ((1,), 2.0)))], (4, 3, 3)),
    "third": ([(0, 0, 1)], (4, 3, 3, 3, 2, 1)),
}


@pytest.mark.parametrize("name", SLOTS)
@pytest.mark.parametrize("columns_first", [False, True])
def test_product_has_the_gradient_of_its_values(name, columns_first, generator):
    slots, counts = SLOTS[name]
    of = Layout(closure(slots), counts)
    shape = (2, of.rows) if columns_first else (of.rows, 2)
    a, b = (
        torch.randn(*shape, generator=generator, dtype=torch.float64).requires_grad_()
        for _ in range(2)
    )

    def product(a, b):
        return Product.apply(*((a.T, b.T) if columns_first else (a, b)), of)

    assert torch.autograd.gradcheck(product, (a, b))


def test_product_with_itself_is_the_square(generator):
    of = Layout(closure([(0, 0)]), (4, 4, 4))
    u = torch.randn(of.rows, generator=generator, dtype=torch.float64)
    value, first, second = u.split(4)
    expected = torch.cat([value**2, 2 * value * first, 2 * (first**2 + value * second)])
    torch.testing.assert_close(Product.apply(u, u, of), expected)
