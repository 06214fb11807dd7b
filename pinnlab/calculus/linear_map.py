"""A linear layer on one block of points, forwards and backwards."""

from torch import Tensor

from pinnlab.calculus.calls import Call
from pinnlab.calculus.products import OuterProducts, Product, row_sums


class LinearMap:
    """z = W a + b for the jets of some points, of which the bias moves only the values.

    All arrays stay where they are: features are rows, the slots of all points stand side by side.

    Args:
        a: The argument, ``(in, columns)``.
        z: The result, ``(out, columns)``.
        points: How many columns are values; they come first.
        g: The cotangent of the result, ``(out, columns)``; None if there is no way back.
        pulled: Where that of ``a`` goes, ``(in, columns)``; None if nobody reads it.

    Attributes:
        weights: What the gradient of W is the sum of.
        biases: What that of b is the sum of, as a column.
    """

    def __init__(
        self,
        a: Tensor,
        z: Tensor,
        points: int,
        g: Tensor | None,
        pulled: Tensor | None = None,
    ) -> None:
        self._forward = Product(a, z, points)
        if g is not None:
            self.weights, self.biases = OuterProducts(g, a), row_sums(g[:, :points])
            if pulled is not None:
                self._back = Product(g, pulled)

    def forward(self, weight: Tensor, bias: Tensor | None) -> Call:
        """What writes z."""
        return self._forward.call(weight, bias)

    def backward(self, weight: Tensor) -> Call:
        """What writes the cotangent of ``a``."""
        return self._back.call(weight.T)
