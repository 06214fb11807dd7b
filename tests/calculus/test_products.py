"""Matrix products by compiled code and by torch, against exact sums of whole numbers."""

import pytest
import torch

from pinnlab.calculus import products
from pinnlab.calculus.products import add_outer_products, linear, outer_products, product

COMPILED = products.compiled()
needs_compiled = pytest.mark.skipif(
    not COMPILED, reason="pinnlab was installed without a compiler or for another processor"
)

# Below, at and beyond tiles, panels, and what is taken at once of rows, terms and columns.
SIZES = [
    (1, 1, 1),
    (3, 1, 40),
    (1, 20, 33),
    (7, 6, 31),
    (10, 50, 64),
    (23, 130, 97),
    (121, 257, 35),
]
OUTER_SIZES = [
    (1, 1, 1),
    (1, 40, 7),
    (2, 15, 2),
    (4, 31, 3),
    (20, 100, 21),
    (13, 4100, 6),
    (5, 9000, 5),
]


@pytest.fixture(params=range(products._products.LEVELS + 1) if COMPILED else [0])
def level(request, monkeypatch):
    """Code for wider and wider vector registers; 0 is torch."""
    if request.param == 0:
        monkeypatch.setattr(products, "_products", None)
    else:
        monkeypatch.setattr(products._products, "LEVELS", request.param)
    return request.param


@pytest.fixture(params=[torch.float32, torch.float64])
def whole(request, generator):
    """Whole numbers, whose sums are exact."""

    def draw(*shape):
        return torch.randint(-9, 10, shape, generator=generator).to(request.param)

    return draw


def exact(x, y):
    """Products in whole numbers."""
    return (x.long() @ y.long()).to(x.dtype)


@pytest.mark.parametrize("m, inner, n", SIZES)
@pytest.mark.usefixtures("level")
def test_products(m, inner, n, whole):
    for x in (whole(m, inner), whole(inner, m).T, whole(m, 2 * inner)[:, ::2]):
        y, room = whole(inner, n + 3)[:, 1 : n + 1], whole(m + 2, n + 2)
        before, out = room.clone(), room[1:-1, 1:-1]
        product(x, y, out)
        assert torch.equal(out, exact(x, y))
        before[1:-1, 1:-1] = out
        assert torch.equal(room, before)  # nothing beside it is written


@pytest.mark.parametrize("m, inner, n", SIZES)
@pytest.mark.usefixtures("level")
def test_linear_maps(m, inner, n, whole):
    weight, a = whole(m, inner), whole(inner, n)
    for values in (0, 1, n // 2, n):
        for bias in (whole(m), whole(m, 3)[:, 1], None):
            expected = exact(weight, a)
            if bias is not None:
                expected[:, :values] += bias[:, None]
            for read in (a, a.T.contiguous().T):
                out = whole(m, n)
                linear(weight, bias, read, out, values)
                assert torch.equal(out, expected)


@pytest.mark.parametrize("m, points, n", OUTER_SIZES)
@pytest.mark.usefixtures("level")
def test_outer_products(m, points, n, whole):
    for g in (whole(m, points), whole(m, points + 3)[:, 2:-1], whole(points, m).T):
        for a in (whole(n, points).T, whole(n, points + 1)[:, 1:].T, whole(points, n)):
            assert torch.equal(outer_products(g, a), exact(g, a))
            for total in (whole(m, n), whole(n, m).T, whole(m, n + 1)[:, :-1]):
                expected = total + exact(g, a)
                assert add_outer_products(total, g, a) is total
                assert torch.equal(total, expected)


@pytest.mark.usefixtures("level")
def test_no_columns_give_nothing_and_no_terms_give_zero(whole):
    out = whole(3, 2)
    product(whole(3, 0), whole(0, 2), out)
    assert torch.equal(out, torch.zeros_like(out))
    product(whole(3, 4), whole(4, 0), whole(3, 0))
    assert torch.equal(outer_products(whole(3, 0), whole(2, 0).T), torch.zeros_like(out))


@pytest.mark.usefixtures("level")
@pytest.mark.parametrize(
    "x, y",
    [((3, 4), (5, 6)), ((2, 4), (4, 6)), ((3, 4), (4, 5))],
    ids=["factors", "rows", "columns"],
)
@pytest.mark.filterwarnings("error:An output with one or more elements was resized")
def test_what_does_not_match_is_refused(x, y, whole):
    with pytest.raises((RuntimeError, UserWarning), match=r"cannot be multiplied|was resized"):
        product(whole(*x), whole(*y), whole(3, 6))


@pytest.mark.usefixtures("level")
def test_a_bias_of_another_length_is_refused(whole):
    with pytest.raises(RuntimeError, match="size"):
        linear(whole(3, 4), whole(2), whole(4, 6), whole(3, 6), 6)


@pytest.mark.usefixtures("level")
def test_numbers_of_two_types_are_refused(whole):
    x = whole(3, 4)
    other = x.to(torch.float32 if x.dtype == torch.float64 else torch.float64)
    with pytest.raises(RuntimeError, match=r"type"):
        product(x, other.T.contiguous(), whole(3, 3))
    with pytest.raises(RuntimeError, match=r"type"):
        outer_products(x, other.T)


@needs_compiled
def test_narrow_products_are_done_by_compiled_code(monkeypatch, whole):
    kinds = []
    run = products._products.product

    class Counted:
        LEVELS = products._products.LEVELS

        @staticmethod
        def product(level, kind, *rest):
            kinds.append(kind)
            run(level, kind, *rest)

    monkeypatch.setattr(products, "_products", Counted)
    product(whole(20, 20), whole(20, 100), whole(20, 100))
    outer_products(whole(20, 100), whole(20, 100).T)
    add_outer_products(whole(20, 20), whole(20, 100), whole(20, 100).T)
    assert kinds == [0, 1, 1]
    wide = products.WIDEST + 1
    product(whole(wide, 20), whole(20, 100), whole(wide, 100))
    outer_products(whole(wide, 100), whole(20, 100).T)
    assert kinds == [0, 1, 1]


@needs_compiled
def test_products_that_compiled_code_does_not_know_are_refused():
    call = products._products.product
    with pytest.raises(TypeError, match="expected 20 numbers, got 2"):
        call(0, 0)
    for level, kind, size in ((-1, 0, 4), (9, 0, 4), (0, 2, 4), (0, 0, 2)):
        with pytest.raises(ValueError, match="no product of level"):
            call(level, kind, size, *[0] * 17)
    with pytest.raises(TypeError, match="integer"):
        call(0, 0, 4, *["0"] * 17)
