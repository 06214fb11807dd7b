import pytest
import torch
import torch.nn.functional as F
from torch import nn

from pinnlab.calculus.watching import Differentiable, operations


def derivatives(function, x, order):
    """All derivatives along the first column, one after the other."""
    x = x.clone().requires_grad_()
    with Differentiable():
        out = [function(x).square().sum(-1)]
    for _ in range(order):
        (g,) = torch.autograd.grad(out[-1].sum(), x, create_graph=True)
        out.append(g[:, 0])
    return [d.detach() for d in out]


@pytest.mark.parametrize("affine", [True, False])
@pytest.mark.parametrize("spelling", ["module", "F", "torch"])
def test_a_layer_norm_has_right_derivatives_up_to_order_four(spelling, affine):
    torch.manual_seed(0)
    norm = nn.LayerNorm(6, elementwise_affine=affine).double()
    if affine:
        nn.init.uniform_(norm.weight)
        nn.init.uniform_(norm.bias)
    given = ((6,), norm.weight, norm.bias, norm.eps)
    spelled = {
        "module": norm,
        "F": lambda z: F.layer_norm(z, *given),
        "torch": lambda z: torch.layer_norm(z, *given),
    }[spelling]

    def written(z):
        centred = z - z.mean(-1, keepdim=True)
        z = centred / (centred.pow(2).mean(-1, keepdim=True) + norm.eps).sqrt()
        return z * norm.weight + norm.bias if affine else z

    x = torch.rand(5, 6, dtype=torch.float64)
    found = derivatives(lambda z: spelled(F.mish(z)), x, 4)
    expected = derivatives(lambda z: written(F.mish(z)), x, 4)
    for a, b in zip(found, expected, strict=True):
        torch.testing.assert_close(a, b, rtol=1e-9, atol=1e-9)


def test_attention_is_differentiated_twice():
    torch.manual_seed(0)
    q, k, v = (torch.rand(3, 2, 4, dtype=torch.float64) for _ in range(3))
    plain = torch.softmax(q @ k.mT / 2, -1) @ v
    with Differentiable():
        torch.testing.assert_close(F.scaled_dot_product_attention(q, k, v), plain)

    def attend(x):
        heads = x.unflatten(-1, (2, 4))
        return F.scaled_dot_product_attention(heads, heads, heads).flatten(1)

    assert derivatives(attend, torch.rand(3, 8).double(), 2)[2].abs().max() > 0


def test_only_what_the_points_go_through_is_seen():
    class Module(nn.Module):
        def __init__(self):
            super().__init__()
            self.level = nn.Parameter(torch.ones(2))

        def forward(self, x):
            scale = self.level.abs().ceil()
            return torch.stack([(x * scale).sinh_()[:, 0], x[:, 1] / scale[0]], 1).T.T

    seen = operations(Module(), torch.rand(4, 2))
    assert {"mul", "sinh", "stack"} <= set(seen)
    assert not {"abs", "ceil"} & set(seen)
