import pytest

from pinnlab.calculus.blocks import LINE, cut, shared_out
from pinnlab.calculus.layout import Collapsed, Layout, closure, order

LAPLACE = Collapsed((((0, 0), 1.0), ((1, 1), 1.0)))
COUNTS = [(9, 7, 7, 3), (9, 9, 9, 9), (9, 7, 7, 7), (9, 0, 0, 0), (9, 5, 4, 3)]


def layout(counts):
    return Layout(closure([LAPLACE]), counts)


@pytest.mark.parametrize("points", [1, 2, 3, 100])
@pytest.mark.parametrize("spare", [0, 3, 100])
@pytest.mark.parametrize("shares", [1, 2, 5])
@pytest.mark.parametrize("counts", COUNTS)
def test_blocks_cover_every_row_once(counts, points, spare, shares):
    of = layout(counts)
    rows, at = [], 0
    for block in cut(of, points, spare, shares):
        assert block.start == at
        assert 0 < block.inner <= block.points
        assert block.layout.counts == (block.inner,) * len(block.numbers)
        assert [of.slots[k] for k in block.numbers] == list(block.layout.slots)
        assert block.size == block.points + (len(block.numbers) - 1) * block.inner
        rows += [row for part in block.rows for row in range(part.start, part.stop)]
        at = block.stop
    assert at == of.n
    assert sorted(rows) == list(range(of.rows))


@pytest.mark.parametrize("counts", COUNTS)
def test_without_spare_numbers_every_point_has_its_own_slots(counts):
    of = layout(counts)
    for block in cut(of, 3):
        inside = slice(block.start, block.start + block.inner)
        for point in range(inside.start, inside.stop):
            assert block.numbers == tuple(k for k, c in enumerate(of.counts) if c > point)
        assert all(c <= inside.stop for c in of.counts[1:] if block.points > block.inner)


@pytest.mark.parametrize("shares", [2, 3, 8])
@pytest.mark.parametrize("counts", [(1000,) * 4, (1000, 900, 900, 900), (1000, 600, 600, 600)])
def test_blocks_are_shared_out_evenly(counts, shares):
    of = layout(counts)
    blocks = cut(of, 300, 0, shares)
    parts = shared_out(blocks, shares)
    assert sorted((b for part in parts for b in part), key=lambda b: b.start) == list(blocks)
    assert all(part == sorted(part, key=lambda b: b.start) for part in parts)
    sizes = [sum(block.size for block in part) for part in parts]
    assert len(sizes) == shares
    assert max(sizes) < 1.35 * of.rows / shares
    assert all(block.inner <= 1.5 * 300 for block in blocks)
    whole = [block for block in blocks if block.stop not in of.counts]
    assert all(block.inner % LINE == 0 for block in whole)


def test_no_more_parts_than_blocks():
    blocks = cut(layout((2, 2, 2, 2)), 100, 0, 5)
    assert [len(part) for part in shared_out(blocks, 5)] == [1, 1]
    assert shared_out([], 2) == [[]]


def test_values_at_the_end_join_the_block_before_them():
    (block,) = cut(layout((9, 7, 7, 7)), 8)
    assert (block.inner, block.points) == (7, 9)
    first, second = cut(layout((9, 7, 7, 7)), 4)
    assert (first.points, second.inner, second.points) == (4, 3, 5)
    assert len(cut(layout((20, 7, 7, 7)), 8)) == 3


def test_a_few_missing_slots_are_filled_up():
    of = layout((9, 8, 8, 7))
    assert len(cut(of, 100)) == 2
    (block,) = cut(of, 100, spare=1)
    assert (block.inner, block.points) == (8, 9)
    assert [part.stop - part.start for part in block.rows] == [9, 8, 8, 7]


def test_orders_of_a_block_are_its_derivatives_side_by_side():
    (block,) = cut(Layout(closure([LAPLACE, (0, 0, 1)]), (3,) * 7), 3)
    derivatives = block.layout.slots[1:]
    assert [(k, [order(s) for s in derivatives[span]]) for k, span in block.orders] == [
        (1, [1, 1]),
        (2, [2, 2, 2]),
        (3, [3]),
    ]


def test_no_points_give_no_blocks():
    assert cut(layout((0, 0, 0, 0)), 5) == ()
