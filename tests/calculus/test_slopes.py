"""Directions kept as unit vectors give what the dense matrix of them gives."""

import pytest
import torch

from pinnlab.calculus.slopes import Rows, Slopes, Units

F64 = torch.float64
D, N = 6, 4


def part_of(name, generator):
    def normal(*shape):
        return torch.randn(*shape, generator=generator, dtype=F64)

    columns = torch.tensor([5, 0, 3, 0])
    return {
        "units": lambda: Units(columns, normal(4)),
        "varying units": lambda: Units(columns, normal(4, N)),
        "rows": lambda: Rows(normal(3, D)),
        "varying rows": lambda: Rows(normal(2, N, D)),
    }[name]()


PARTS = ("units", "varying units", "rows", "varying rows")
MIXED = (
    *([name] for name in PARTS),
    ["units", "units"],
    ["units", "rows"],
    ["rows", "units", "rows"],
    ["units", "varying units"],
    ["varying rows", "units", "varying units", "rows"],
)


def everywhere(part):
    """The directions at each point, ``(k, n, d)``, written out by hand."""
    if isinstance(part, Units):
        scale = part.scale if part.varying else part.scale[:, None].expand(-1, N)
        eye = torch.eye(D, dtype=F64)
        return scale[..., None] * eye[part.columns][:, None]
    return part.rows if part.varying else part.rows[:, None].expand(-1, N, -1)


@pytest.mark.parametrize("name", PARTS, ids=lambda n: n.replace(" ", "_"))
def test_parts(name, generator):
    part = part_of(name, generator)
    dense = everywhere(part)

    def spread(block):
        return block if part.varying else block[:, None].expand(-1, N, -1)

    torch.testing.assert_close(spread(part.dense(D)), dense)
    weight = torch.randn(3, D, generator=generator, dtype=F64)
    torch.testing.assert_close(spread(part.linear(weight)), dense @ weight.T)
    factor = torch.randn(D, generator=generator, dtype=F64)
    for times in (2.5, torch.tensor(2.5, dtype=F64), factor):
        torch.testing.assert_close(spread(part.times(times).dense(D)), dense * times)
    for start, stop in ((0, 3), (3, 4), (2, 6), (0, D)):
        cut = part.cut(start, stop)
        torch.testing.assert_close(spread(cut.dense(stop - start)), dense[..., start:stop])
    assert len(part) == len(dense)


@pytest.mark.parametrize("names", MIXED, ids="+".join)
def test_slopes_of_several_parts(names, generator):
    parts = [part_of(name, generator) for name in names]
    slopes = Slopes(parts, D)
    dense = torch.cat([everywhere(part) for part in parts])
    counts = [(4, 2, 3)[k % 3] for k in range(len(dense))]
    weight = torch.randn(3, D, generator=generator, dtype=F64)
    assert len(slopes) == len(dense)
    assert slopes.varying == any(part.varying for part in parts)
    each, mapped = slopes.each(counts), slopes.each(counts, weight)
    for k, count in enumerate(counts):
        torch.testing.assert_close(each[k], dense[k, :count])
        torch.testing.assert_close(mapped[k], dense[k, :count] @ weight.T)
    cut = slopes.cut(1, 5)
    assert cut.width == 4
    for k, row in enumerate(cut.each(counts)):
        torch.testing.assert_close(row, dense[k, : counts[k], 1:5])
    if not slopes.varying:
        torch.testing.assert_close(slopes.dense(), dense[:, 0])
        torch.testing.assert_close(slopes.linear(weight), dense[:, 0] @ weight.T)


def test_units_stay_units_when_they_are_joined(generator):
    units = part_of("units", generator)
    both = Slopes([units, units], D)
    assert both.units is not None
    assert len(both.units) == 8
    empty = Units(torch.tensor([], dtype=torch.long), torch.ones(0, dtype=F64))
    assert Slopes([empty, units], D).units is units
    assert len(Slopes([empty], D)) == 0
    for names in (["units", "rows"], ["varying units"], ["rows"]):
        assert Slopes([part_of(n, generator) for n in names], D).units is None


def test_the_gradient_reaches_the_gathered_columns_of_the_weights(generator):
    """W v_k reads single columns; what is not read has no gradient."""
    units = Units(torch.tensor([1, 1, 4]), torch.tensor([1.0, 2.0, -1.0], dtype=F64))
    weight = torch.randn(3, D, generator=generator, dtype=F64, requires_grad=True)
    Slopes([units], D).linear(weight).sum().backward()
    expected = torch.zeros(3, D, dtype=F64)
    expected[:, 1], expected[:, 4] = 3.0, -1.0
    torch.testing.assert_close(weight.grad, expected)
