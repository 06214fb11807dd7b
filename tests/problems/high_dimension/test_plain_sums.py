"""The formulas for accelerators are those for processors."""

import pytest
import torch

from pinnlab.problems.high_dimension import three_body, two_body
from pinnlab.problems.high_dimension._tiles import Arenas


@pytest.mark.parametrize(
    "module, kind", [(two_body, two_body.TwoBody), (three_body, three_body.ThreeBody)]
)
@pytest.mark.parametrize("size", [1.0, 0.1])
def test_sums_of_a_tile(module, kind, size):
    generator = torch.Generator().manual_seed(0)
    tile = size * torch.randn(5, 40, generator=generator, dtype=torch.float64)
    c = torch.randn(40 - kind.reach, generator=generator, dtype=torch.float64)
    with Arenas().borrow(tile, module._TEMPORARIES) as arena:
        arena.load(tile)
        expected = arena.view(module._Evaluated, tile.shape).sums(c)
    torch.testing.assert_close(kind(50).plain(tile, c), expected, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("kind", [two_body.TwoBody, three_body.ThreeBody])
def test_sums_on_a_device_have_their_shapes(kind):
    sums = kind(50).sums(torch.empty(7, 50, device="meta"))
    assert all(s.shape == (7,) and s.dtype == torch.float64 for s in sums)
