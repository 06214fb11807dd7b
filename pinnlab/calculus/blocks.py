"""Points cut into blocks, which go through a chain of layers while they are in the cache."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise

from pinnlab.calculus.layout import Layout, order

# Numbers of single precision in a line of the cache; of double precision they take two lines.
# Vector registers are read fast from the beginning of one.
LINE = 16


@dataclass(frozen=True)
class Block:
    """The points ``start:stop`` of a jet, the first ``inner`` of which carry derivatives.

    Args:
        layout: The slots, each for all points with derivatives.
        numbers: Which slots of the whole jet these are.
        rows: Where each of them lies among the rows of the whole jet; a slot that the whole jet
            lacks at the last points is shorter than the block.
        start: First point.
        stop: One after the last point.
        inner: Number of points with derivatives.
    """

    layout: Layout
    numbers: tuple[int, ...]
    rows: tuple[slice, ...]
    start: int
    stop: int
    inner: int

    @property
    def points(self) -> int:
        """Number of points."""
        return self.stop - self.start

    @property
    def size(self) -> int:
        """Numbers per feature."""
        return self.points + (len(self.numbers) - 1) * self.inner

    @cached_property
    def orders(self) -> tuple[tuple[int, slice], ...]:
        """Orders of differentiation from 1, and the derivatives of each, which stand together."""
        orders = [order(slot) for slot in self.layout.slots[1:]]
        return tuple(
            (k, slice(orders.index(k), orders.index(k) + orders.count(k)))
            for k in sorted(set(orders))
        )


def cut(layout: Layout, points: int, spare: int = 0, shares: int = 1) -> tuple[Block, ...]:
    """All points in blocks of about ``points``.

    A few points more or less cost less than a block of their own. So points with values only join
    the block before them, and so do points that lack some slots, if filling these up takes no more
    than ``spare`` numbers per feature.

    Args:
        layout: Slots and points.
        points: About how many points with derivatives a block has, at most half as many more.
        spare: Numbers that may be computed though nobody reads them; 0 where they may be singular.
        shares: How many of equal size it shall be possible to make of the blocks.
    """
    sections = list(_sections(layout, spare))
    tail = 0
    if len(sections) > 1 and sections[-1][2] == 1 and _length(sections[-1]) <= points:
        tail = _length(sections.pop())
    blocks = []
    for section in sections:
        # Of the few points of a small section more blocks would be too small.
        large = _length(section) * section[2] * 2 * shares >= layout.rows
        blocks += _pieces(layout, section, points, shares if large else 1)
    if tail:
        blocks.append(_lengthened(layout, blocks.pop(), tail))
    return tuple(blocks)


def shared_out(blocks: Sequence[Block], shares: int) -> list[list[Block]]:
    """The blocks in at most so many parts of about equal size, each in the order of its points."""
    parts: list[list[Block]] = [[] for _ in range(max(min(shares, len(blocks)), 1))]
    for block in sorted(blocks, key=lambda block: -block.size):
        min(parts, key=lambda part: sum(own.size for own in part)).append(block)
    return [sorted(part, key=lambda block: block.start) for part in parts]


# First point, one after the last, number of slots.
Section = tuple[int, int, int]


def _length(section: Section) -> int:
    return section[1] - section[0]


def _sections(layout: Layout, spare: int) -> Iterator[Section]:
    """Points with the same slots, those of the most slots first."""
    ends = sorted({count for count in layout.counts if count})
    begin, slots, missing = 0, 0, 0
    for position, end in enumerate(ends):
        slots = slots or sum(count >= end for count in layout.counts)
        if position + 1 < len(ends):
            following = ends[position + 1]
            fewer = sum(count >= following for count in layout.counts)
            missing += (slots - fewer) * (following - end)
            if fewer > 1 and missing <= spare:
                continue
        yield begin, end, slots
        begin, slots, missing = end, 0, 0


def _numbers(layout: Layout, start: int) -> tuple[int, ...]:
    """The slots that a point carries."""
    return tuple(k for k, count in enumerate(layout.counts) if count > start)


def _pieces(layout: Layout, section: Section, points: int, shares: int) -> Iterator[Block]:
    """A section in blocks of about ``points``, a multiple of ``shares``, in whole lines."""
    begin, end, _ = section
    numbers = _numbers(layout, begin)
    count = end - begin
    pieces = min(max(round(count / (points * shares)), 1) * shares, count)
    lines = LINE if count >= 2 * LINE * pieces else 1
    cuts = [begin + round(count * k / (pieces * lines)) * lines for k in range(pieces)]
    for start, stop in pairwise((*cuts, end)):
        yield _block(layout, numbers, start, stop)


def _block(layout: Layout, numbers: tuple[int, ...], start: int, stop: int) -> Block:
    rows = []
    for k in numbers:
        offset, count = layout.offsets[k], layout.counts[k]
        rows.append(slice(offset + min(start, count), offset + min(stop, count)))
    inner = stop - start
    slots = tuple(layout.slots[k] for k in numbers)
    own = Layout(slots, (inner,) * len(slots))
    return Block(own, numbers, tuple(rows), start, stop, inner)


def _lengthened(layout: Layout, block: Block, more: int) -> Block:
    """The block with so many points more, which carry values only."""
    stop = block.stop + more
    rows = (slice(block.start, stop), *block.rows[1:])
    return Block(block.layout, block.numbers, rows, block.start, stop, block.inner)
