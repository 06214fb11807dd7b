"""Jets of sums over all coordinates in closed form, along every kind of direction."""

import itertools

import pytest
import torch

from pinnlab.calculus import coordinate_sums
from pinnlab.calculus.engine import reference_jet
from pinnlab.calculus.layout import Collapsed, Layout, closure, order
from pinnlab.calculus.slopes import Rows, Slopes, Units
from pinnlab.calculus.taylor import seed

F64 = torch.float64
N, D = 5, 6

FUNCTIONS = {
    "x": lambda x: torch.sum(x, -1),
    "sin": lambda x: torch.sin(x).sum(-1),
    "square": lambda x: torch.sum(x**2, -1),
    "product with itself": lambda x: torch.sum(x * x, -1) + torch.sum((x - 1) * (x - 1), -1),
    "affine in exp": lambda x: torch.sum(torch.exp(2 * x + 1), dim=-1),
    "scaled and shifted by columns": lambda x: torch.sum(
        torch.tanh(x * torch.arange(1.0, D + 1, dtype=F64) - torch.ones(D, dtype=F64)), -1
    ),
    "scaled and shifted at once": lambda x: torch.sum(
        torch.sin(
            torch.addcmul(torch.ones(D, dtype=F64), x, torch.arange(1.0, D + 1, dtype=F64), value=2)
        ),
        -1,
    ),
    "scaled and shifted by numbers": lambda x: torch.sum(
        torch.addcmul(torch.tensor(0.5, dtype=F64), x, torch.tensor(2.0, dtype=F64)) ** 3, -1
    ),
    "shifted by a sum": lambda x: torch.addcmul(
        x.sum(-1), torch.sin(x).sum(-1), torch.tensor(2.0, dtype=F64)
    ),
    "multiplied by a sum": lambda x: torch.addcmul(
        torch.ones(N, dtype=F64), torch.ones((), dtype=F64), torch.sin(x).sum(-1)
    ),
    "cut": lambda x: torch.sum(x[:, 1:4] ** 3, -1),
    "cosine of a negative": lambda x: torch.cos(-x).sum(1),
    "quotient": lambda x: 1.0 / torch.sum(1.0 / (x + 2), -1),
    "norm": lambda x: torch.sqrt(1 + torch.sum((x - 0.3) ** 2, -1)),
    "product of two sums": lambda x: x.sum(-1) * torch.sum(x**3, -1),
    "sum of two sums": lambda x: 2 * torch.sum(torch.sin(x), -1) - x[:, 2],
    # Without a closed form: the sum of what is no function of one column.
    "linear layer": lambda x: torch.sum((x @ torch.ones(D, 3, dtype=F64)) ** 2, -1),
    "product": lambda x: torch.sum(x * torch.sin(x), -1),
    "kept axis": lambda x: torch.sum(x**2, -1, keepdim=True)[:, 0],
}


def units(columns):
    scale = torch.linspace(0.5, 2, len(columns), dtype=F64)
    return Units(torch.tensor(columns), scale)


def rows(count, generator, *n):
    return Rows(torch.randn(count, *n, D, generator=generator, dtype=F64))


KINDS = {
    "columns": lambda g: [Units(torch.tensor([0, 3, 5]), torch.ones(3, dtype=F64))],
    "units": lambda g: [units([4, 1, 4])],
    "dense": lambda g: [rows(3, g)],
    "varying units": lambda g: [
        Units(torch.tensor([4, 1, 4]), torch.randn(3, N, generator=g, dtype=F64))
    ],
    "varying rows": lambda g: [rows(3, g, N)],
    "mixed": lambda g: [units([2]), rows(1, g), rows(1, g, N)],
    "unit and varying unit": lambda g: [
        units([2, 1]),
        Units(torch.tensor([2]), torch.randn(1, N, generator=g, dtype=F64)),
    ],
}
A, B, C = D, D + 1, D + 2  # numbers of three directions beside the columns
POWERS = Collapsed((((A, A), 1.0), ((B, B), 2.0), ((C, C), -0.5)))
CROSSED = Collapsed((((A, B, B), 1.0), ((A, A, C), 2.0)))
FOURTH = Collapsed((((A, A, B, B), 1.5), ((C, C, C, C), 1.0)))


def layout_of(slots, counts=None, *, transparent=False):
    slots = closure(slots)
    return Layout(slots, tuple(counts or [N] * len(slots)), transparent)


def renumbered(slots):
    """The first directions are columns there: the numbers 0, 3 and 5 of the points."""
    number = {A: 0, B: 3, C: 5}

    def of(index):
        return tuple(sorted(number[k] for k in index))

    return [
        Collapsed(tuple((of(i), c) for i, c in s.terms)) if isinstance(s, Collapsed) else of(s)
        for s in slots
    ]


LAYOUTS = {
    "first": [(A,), (B,), (C,)],
    "mixed second": [(A, A), (A, B), (C,)],
    "collapsed": [POWERS],
    "third": [(A, A, A), (B, B), (C,)],
    "collapsed third": [CROSSED],
    "collapsed fourth": [FOURTH],
}


@pytest.mark.parametrize("function", FUNCTIONS, ids=lambda n: n.replace(" ", "_"))
@pytest.mark.parametrize("kind", KINDS, ids=lambda n: n.replace(" ", "_"))
def test_sums_agree_with_nested_differentiation(kind, function, generator):
    x = torch.rand(N, D, generator=generator, dtype=F64)
    parts = KINDS[kind](generator)
    of = FUNCTIONS[function]
    for name, wanted in LAYOUTS.items():
        slots = renumbered(wanted) if kind == "columns" else wanted
        for transparent in (False, True):
            layout = layout_of(slots, transparent=transparent)
            directions = Slopes(parts, D)
            assert len(directions) == len(layout.first_order), name
            start = seed(x, layout, directions)
            found = of(start).stacked()
            expected = reference_jet(lambda p: of(p)[:, None], x, layout, start).data[:, 0]
            torch.testing.assert_close(
                found.data, expected.detach(), rtol=1e-11, atol=1e-11, msg=f"{name} {transparent}"
            )


@pytest.mark.parametrize("kind", KINDS, ids=lambda n: n.replace(" ", "_"))
def test_slots_cover_their_leading_points(kind, generator):
    """Fewer points for the derivatives than for the values, as beside boundary conditions."""
    x = torch.rand(N, D, generator=generator, dtype=F64)
    slots = renumbered([CROSSED, POWERS]) if kind == "columns" else [CROSSED, POWERS]
    full = layout_of(slots)
    counts = [N] + [max(2, 4 - order(slot)) for slot in full.slots[1:]]
    counts[1 : 1 + len(full.first_order)] = [4] * len(full.first_order)
    cut = Layout(full.slots, tuple(counts))
    directions = Slopes(KINDS[kind](generator), D)
    for function in (FUNCTIONS["square"], FUNCTIONS["affine in exp"], FUNCTIONS["norm"]):
        whole, part = (function(seed(x, of, directions)) for of in (full, cut))
        for slot, count in zip(full.slots, counts, strict=True):
            torch.testing.assert_close(part.slot(slot), whole.slot(slot)[:count])


def test_many_columns_are_summed_in_blocks(generator, monkeypatch):
    x = torch.rand(N, D, generator=generator, dtype=F64)
    layout = layout_of([FOURTH])
    start = Slopes([rows(3, generator)], D)
    whole = [f(seed(x, layout, start)).stacked().data for f in FUNCTIONS.values()]
    monkeypatch.setattr(coordinate_sums, "SUM_COLUMNS", 4)
    for function, expected in zip(FUNCTIONS.values(), whole, strict=True):
        found = function(seed(x, layout, start)).stacked().data
        torch.testing.assert_close(found, expected, rtol=1e-13, atol=1e-13)


@pytest.mark.parametrize("square", [lambda x: x**2, lambda x: x * x])
def test_no_array_of_directions_times_coordinates(square, generator):
    """16 unit vectors among 100 000 columns: the largest array made is that of the points."""
    d, k = 100_000, 16
    x = torch.rand(2, d, generator=generator, dtype=F64)
    numbers = range(d, d + k)
    layout = Layout(closure([Collapsed(tuple(((j, j), 1.0) for j in numbers))]), (2,) * (k + 2))
    part = Units(torch.arange(0, d, d // k)[:k], torch.ones(k, dtype=F64))
    largest = 0

    class Watch(torch.overrides.TorchFunctionMode):
        def __torch_function__(self, func, types, args=(), kwargs=None):
            nonlocal largest
            out = func(*args, **(kwargs or {}))
            if isinstance(out, torch.Tensor):
                largest = max(largest, out.numel())
            return out

    with Watch():
        norm = torch.sum(square(seed(x, layout, Slopes([part], d))), -1)
    assert largest <= x.numel()
    torch.testing.assert_close(norm.slot(layout.slots[-1]), torch.full((2,), 2.0 * k, dtype=F64))
    for number, column in zip(numbers, part.columns.tolist(), strict=True):
        torch.testing.assert_close(norm.slot((number,)), 2 * x[:, column])


def test_columns_of_the_points_are_cut_with_their_directions(generator):
    x = torch.rand(N, D, generator=generator, dtype=F64)
    layout = layout_of([(A, B), (C,)])
    for kind, key in itertools.product(KINDS, (2, -1, slice(1, 4), slice(None, 2), slice(3, None))):
        if kind == "columns":
            continue
        start = seed(x, layout, Slopes(KINDS[kind](generator), D))
        cut, whole = start[:, key], start.stacked().data[:, key]
        torch.testing.assert_close(cut.value, x[:, key])
        torch.testing.assert_close(cut.stacked().data, whole)
