"""Matrix products by compiled code and by torch, against exact sums of whole numbers."""

import pytest
import torch

from pinnlab.calculus import products
from pinnlab.calculus.products import OuterProducts, Product, outer_products

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
        Product(y, out)(x)
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
                Product(read, out, values)(weight, bias)
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
    Product(whole(0, 2), out)(whole(3, 0))
    assert torch.equal(out, torch.zeros_like(out))
    Product(whole(4, 0), whole(3, 0))(whole(3, 4))
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
        Product(whole(*y), whole(3, 6))(whole(*x))


@pytest.mark.usefixtures("level")
def test_a_bias_of_another_length_is_refused(whole):
    with pytest.raises(RuntimeError, match="size"):
        Product(whole(4, 6), whole(3, 6), 6)(whole(3, 4), whole(2))


@pytest.mark.usefixtures("level")
def test_numbers_of_two_types_are_refused(whole):
    x = whole(3, 4)
    other = x.to(torch.float32 if x.dtype == torch.float64 else torch.float64)
    with pytest.raises(RuntimeError, match=r"type"):
        Product(other.T.contiguous(), whole(3, 3))(x)
    with pytest.raises(RuntimeError, match=r"type"):
        outer_products(x, other)


@pytest.mark.usefixtures("level")
def test_a_product_follows_what_it_reads(whole):
    """Weights that lie elsewhere, transposed, of another shape, and biases that come and go."""
    y, out = whole(4, 40), whole(3, 40)
    own = Product(y, out, 17)
    for weight in (whole(3, 4), whole(3, 4), whole(4, 3).T, whole(6, 4)[::2]):
        for bias in (None, whole(3), whole(6)[::2], None):
            y.copy_(whole(4, 40))
            own(weight, bias)
            expected = exact(weight, y)
            if bias is not None:
                expected[:, :17] += bias[:, None]
            assert torch.equal(out, expected)
    with pytest.raises(RuntimeError, match="cannot be multiplied"):
        own(whole(3, 5))


@pytest.mark.usefixtures("level")
def test_outer_products_follow_what_they_read_and_add_to(whole):
    g, a = whole(3, 40), whole(4, 40)
    own, total = OuterProducts(g, a), None
    expected = torch.zeros(3, 4, dtype=g.dtype)
    for _ in range(3):
        g.copy_(whole(3, 40))
        a.copy_(whole(4, 40))
        expected += exact(g, a.T)
        total = own.added_to(total)
        assert torch.equal(total, expected)
    for other in (whole(4, 3).T, whole(3, 8)[:, ::2]):
        expected = other + exact(g, a.T)
        assert torch.equal(own.added_to(other), expected)
    assert torch.equal(own.added_to(None), exact(g, a.T))
    assert torch.equal(products.row_sums(g).added_to(None), g.sum(1, keepdim=True))


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
    Product(whole(20, 100), whole(20, 100))(whole(20, 20))
    outer_products(whole(20, 100), whole(20, 100))
    outer_products(whole(20, 100), whole(20, 100), whole(20, 20))
    assert kinds == [0, 1, 1]
    wide = products.WIDEST + 1
    Product(whole(20, 100), whole(wide, 100))(whole(wide, 20))
    outer_products(whole(wide, 100), whole(20, 100))
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
