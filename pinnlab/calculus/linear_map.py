"""A linear layer on one block of points, forwards and backwards."""

from torch import Tensor

from pinnlab.calculus.products import OuterProducts, Product, row_sums
from pinnlab.calculus.workspace import Slots


class LinearMap:
    """z = W a + b for a jet a, of which the bias moves only the values.

    Args:
        a: The jet.
        z: The result.
        g: The cotangent of the result; None if there is no way back.
        pulled: Where that of ``a`` goes, or None as well.

    Attributes:
        weights: What the gradient of W is the sum of.
        biases: What that of b is the sum of, as a column: of the values alone.
    """

    def __init__(self, a: Slots, z: Slots, g: Slots | None, pulled: Slots | None) -> None:
        points = z.value.shape[1]
        self._forward = Product(a.flat, z.flat, points)
        if g is not None and pulled is not None:
            self._back = Product(g.flat, pulled.flat)
            self.weights = OuterProducts(g.flat, a.flat)
            self.biases = row_sums(g.value)

    def forward(self, weight: Tensor, bias: Tensor | None) -> None:
        """Write z."""
        self._forward(weight, bias)

    def backward(self, weight: Tensor) -> None:
        """Write the cotangent of ``a``."""
        self._back(weight.T)
