"""Matrix products by compiled code and by torch, against exact sums of whole numbers."""

import pytest
import torch

from pinnlab.calculus import products
from pinnlab.calculus.calls import carry_out
from pinnlab.calculus.products import OuterProducts, Product, outer_products, row_sums

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
    (131, 257, 35),
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
        carry_out([Product(y, out).call(x)])
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
                carry_out([Product(read, out, values).call(weight, bias)])
                assert torch.equal(out, expected)


@pytest.mark.parametrize("m, points, n", OUTER_SIZES)
@pytest.mark.usefixtures("level")
def test_outer_products(m, points, n, whole):
    for g in (whole(m, points), whole(m, points + 3)[:, 2:-1], whole(points, m).T):
        for a in (whole(n, points), whole(n, points + 1)[:, 1:], whole(points, n).T):
            assert torch.equal(outer_products(g, a), exact(g, a.T))
            for total in (whole(m, n), whole(n, m).T, whole(m, n + 1)[:, :-1]):
                expected = total + exact(g, a.T)
                assert outer_products(g, a, total) is total
                assert torch.equal(total, expected)


@pytest.mark.usefixtures("level")
def test_no_columns_give_nothing_and_no_terms_give_zero(whole):
    out = whole(3, 2)
    carry_out([Product(whole(0, 2), out).call(whole(3, 0))])
    assert torch.equal(out, torch.zeros_like(out))
    carry_out([Product(whole(4, 0), whole(3, 0)).call(whole(3, 4))])
    assert torch.equal(outer_products(whole(3, 0), whole(2, 0)), torch.zeros_like(out))


@pytest.mark.usefixtures("level")
@pytest.mark.parametrize(
    "x, y",
    [((3, 4), (5, 6)), ((2, 4), (4, 6)), ((3, 4), (4, 5))],
    ids=["factors", "rows", "columns"],
)
@pytest.mark.filterwarnings("error:An output with one or more elements was resized")
def test_what_does_not_match_is_refused(x, y, whole):
    with pytest.raises((RuntimeError, UserWarning), match=r"cannot be multiplied|was resized"):
        carry_out([Product(whole(*y), whole(3, 6)).call(whole(*x))])


@pytest.mark.usefixtures("level")
def test_a_bias_of_another_length_is_refused(whole):
    with pytest.raises(RuntimeError, match="size"):
        carry_out([Product(whole(4, 6), whole(3, 6), 6).call(whole(3, 4), whole(2))])


@pytest.mark.usefixtures("level")
def test_numbers_of_two_types_are_refused(whole):
    x = whole(3, 4)
    other = x.to(torch.float32 if x.dtype == torch.float64 else torch.float64)
    with pytest.raises(RuntimeError, match=r"type"):
        carry_out([Product(other.T.contiguous(), whole(3, 3)).call(x)])
    with pytest.raises(RuntimeError, match=r"type"):
        outer_products(x, other)


@pytest.mark.usefixtures("level")
def test_calls_read_their_arrays_anew(whole):
    weight, bias, y, out = whole(3, 4), whole(3), whole(4, 40), whole(3, 40)
    g, a, total = whole(3, 40), whole(4, 40), whole(3, 4)
    calls = [Product(y, out, 17).call(weight, bias), OuterProducts(g, a).call(total)]
    for _ in range(2):
        for array in (weight, bias, y, g, a):
            array.copy_(whole(*array.shape))
        expected, sums = exact(weight, y), total + exact(g, a.T)
        expected[:, :17] += bias[:, None]
        carry_out(calls)
        assert torch.equal(out, expected)
        assert torch.equal(total, sums)
    carry_out([OuterProducts(g, a).call(total, add=False)])
    assert torch.equal(total, exact(g, a.T))


@pytest.mark.usefixtures("level")
def test_calls_keep_the_memory_that_they_read(whole):
    weight, bias, y, g = whole(30, 40), whole(30), whole(40, 500), whole(30, 500)
    out, total = torch.empty_like(g), torch.zeros_like(weight)
    expected, sums = exact(weight, y) + bias[:, None], exact(g, y.T)
    calls = [
        Product(y.clone(), out, 500).call(weight.clone(), bias.clone()),
        OuterProducts(g.clone(), y.clone()).call(total),
        row_sums(g.clone()).call(torch.zeros_like(bias)[:, None]),
    ]
    others = [torch.full_like(x, 1e9) for x in (weight, bias, y, g, y, g) * 3]
    carry_out(calls)
    assert torch.equal(out, expected)
    assert torch.equal(total, sums)
    assert all((x == 1e9).all() for x in others)


@pytest.mark.usefixtures("level")
def test_row_sums(whole):
    for rows, columns in ((1, 1), (3, 40), (20, 1000)):
        g, total = whole(rows, columns), whole(rows, 1)
        expected = total + g.sum(1, keepdim=True)
        carry_out([row_sums(g).call(total)])
        assert torch.equal(total, expected)


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
    carry_out([Product(whole(20, 100), whole(20, 100)).call(whole(20, 20))])
    outer_products(whole(20, 100), whole(20, 100))
    outer_products(whole(20, 100), whole(20, 100), whole(20, 20))
    assert kinds == [0, 1, 1]
    kinds.clear()
    wide = products.WIDEST + 1
    points = whole(100, wide)  # of so many coordinates
    carry_out([Product(points.T, whole(20, 100), 100).call(whole(20, wide), whole(20))])
    outer_products(whole(20, 100), points.T)
    assert kinds == [1, 0]
    carry_out([Product(whole(20, 100), whole(wide, 100)).call(whole(wide, 20))])
    outer_products(whole(wide, 100), whole(20, 100))
    assert kinds == [1, 0]


@needs_compiled
def test_products_that_compiled_code_does_not_know_are_refused():
    call = products._products.product
    with pytest.raises(TypeError, match="expected 20 numbers and their owner, got 2"):
        call(0, 0)
    for level, kind, size in ((-1, 0, 4), (9, 0, 4), (0, 2, 4), (0, 0, 2)):
        with pytest.raises(ValueError, match="no product of level"):
            call(level, kind, size, *[0] * 17, None)
    with pytest.raises(TypeError, match="integer"):
        call(0, 0, 4, *["0"] * 17, None)
