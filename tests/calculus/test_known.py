"""Expressions that are known before any field is, and the factors of diffusions made of them."""

import math

import numpy as np
import pytest
import torch

import pinnlab as pl
from pinnlab.calculus.factor import factor_of
from pinnlab.calculus.functionals import (
    DirectionalDerivative,
    GradientRows,
    Laplacian,
    SquaredGradient,
)
from pinnlab.calculus.jet import coordinate_jets, field_jets
from pinnlab.calculus.jet.known import known
from pinnlab.calculus.jet.leaves import Contraction
from pinnlab.calculus.known import Contents, content
from pinnlab.calculus.operators import normal_jets
from pinnlab.calculus.recording import RandomSource
from pinnlab.calculus.slopes import Rows, Units
from pinnlab.calculus.sources import reader
from pinnlab.errors import DeclarationError
from pinnlab.typing import Coordinates

F64 = torch.float64
HYPER = Coordinates(("x", "t"), (4, 1), time="t")


class At:
    """Jets of coordinates and fields at random points."""

    def __init__(self, n=6, seed=0, normals=False):
        self.source = RandomSource(HYPER, n, seed=seed, normals=normals)
        jets = coordinate_jets(self.source)
        self.x, self.t = jets["x"], jets["t"]
        self.u, self.v = (field_jets(self.source, "uv")[name] for name in "uv")


@pytest.fixture
def at():
    return At()


EXPRESSIONS = {
    "coordinate": (lambda x, t: x, lambda x, t: x),
    "functions": (lambda x, t: pl.sin(x) * t - 2, lambda x, t: x.sin() * t[:, None] - 2),
    "product": (lambda x, t: pl.dot(x, x) * x, lambda x, t: (x**2).sum(1, keepdim=True) * x),
    "component": (lambda x, t: x * x[1], lambda x, t: x * x[:, 1:2]),
    "branches": (
        lambda x, t: pl.where(x > 0.5, x, t) + pl.maximum(x, 0.3),
        lambda x, t: torch.where(x > 0.5, x, t[:, None]) + x.clamp(min=0.3),
    ),
    "row of numbers": (
        lambda x, t: x * torch.arange(4.0, dtype=F64),
        lambda x, t: x * torch.arange(4.0, dtype=F64),
    ),
    "scalar": (lambda x, t: 1 / (1 + t) ** 2, lambda x, t: 1 / (1 + t) ** 2),
    "gradient": (lambda x, t: pl.grad(pl.dot(x, x) * t), lambda x, t: 2 * x * t[:, None]),
    "unit vector": (
        lambda x, t: pl.grad(x[2]),
        lambda x, t: torch.eye(4, dtype=F64)[2].expand(len(x), 4),
    ),
}


@pytest.mark.parametrize("name", EXPRESSIONS, ids=lambda n: n.replace(" ", "_"))
def test_it_is_evaluated_at_other_points(name):
    jet_of, tensor_of = EXPRESSIONS[name]
    here, there = At(6), At(9, seed=1)
    found = known(jet_of(here.x, here.t))
    x, t = there.x.value, there.t.value
    torch.testing.assert_close(found({"x": x, "t": t}), tensor_of(x, t))


@pytest.mark.parametrize("name", EXPRESSIONS, ids=lambda n: n.replace(" ", "_"))
def test_written_alike_is_equal(name):
    """An equation builds its expressions anew in every step."""
    jet_of, _ = EXPRESSIONS[name]
    one, two = (known(jet_of(at.x, at.t)) for at in (At(6), At(9, seed=1)))
    assert one == two
    assert hash(one) == hash(two)
    assert str(one) == str(two)


def test_written_differently_is_different(at):
    x, t, row = at.x, at.t, torch.arange(4.0)
    written = [x, 2 * x, x * t, x - t, x**2, pl.sin(x), x * x[0], x * x[1], row * x, (row + 1) * x]
    written += [pl.grad(x[0]), pl.grad(x[1]), row.double() * x, x + 1, 1 - x]
    found = [known(jet) for jet in written]
    for i, one in enumerate(found):
        for j, other in enumerate(found):
            assert (one == other) == (i == j), (str(one), str(other))
    assert known(x) != 3


def test_what_is_not_known(at):
    unknown = torch.tensor(2.0, dtype=F64)
    per_point = torch.rand(6, 4, dtype=F64)
    for jet in (
        at.u * at.x,
        pl.grad(at.u),
        unknown * at.x,  # trained numbers are tensors without axes
        unknown.clone().requires_grad_() * at.x,
        per_point * at.x,
        torch.rand(6, dtype=F64) * at.t,
        torch.cumsum(at.x, -1),  # a foreign function, evaluated at once
    ):
        assert known(jet) is None, str(jet)


def test_normals_are_known_where_there_are_any():
    at = At(normals=True)
    n, columns = normal_jets(at.source), reader(at.source).places
    torch.testing.assert_close(known(n)(columns), at.source.normal())
    found = known(at.x * n * at.t)
    torch.testing.assert_close(found(columns), at.x.value * n.value * at.t.value[:, None])
    assert found == known(at.x * normal_jets(at.source) * at.t)
    assert known(n) not in (known(at.x), known(2 * n))
    jet = pl.dot(2 * n, pl.grad(at.u))
    assert read(jet) == DirectionalDerivative("x", direction=known(2 * n))
    torch.testing.assert_close(jet.value, 2 * (n.value * pl.grad(at.u).value).sum(1))
    assert read(at.u.n) == DirectionalDerivative("x", direction=known(n))
    with pytest.raises(DeclarationError, match="normal is read where there is none"):
        At().u.n.value  # noqa: B018


# --- contractions ---------------------------------------------------------------------------
def read(jet):
    assert isinstance(jet, Contraction)
    return jet.what


def test_gradients_are_contracted_where_that_is_cheaper(at):
    slope, x = pl.grad(at.u), at.x
    assert read(pl.dot(slope, slope)) == SquaredGradient("x")
    assert read((slope**2).sum(-1)) == SquaredGradient("x")
    assert read(pl.dot(x, slope)) == read((slope * x).sum(-1))
    assert read(pl.dot(x, slope)) == DirectionalDerivative("x", direction=known(x))
    assert read(pl.dot(slope, pl.sin(x))) == DirectionalDerivative("x", direction=known(pl.sin(x)))
    row = torch.arange(4.0, dtype=F64)
    assert read(pl.dot(row, slope)) == read(pl.dot(slope, row.clone()))
    assert read(pl.laplacian(at.u)) == Laplacian("x")
    assert read(slope) == GradientRows("x")


def test_other_products_of_gradients_read_their_rows(at):
    for jet in (
        pl.dot(pl.grad(at.u), pl.grad(at.v)),
        pl.dot(at.u * at.x, pl.grad(at.u)),
        (pl.grad(at.u) ** 3).sum(-1),
        pl.grad(at.u).sum(-1),
    ):
        assert not isinstance(jet, Contraction), str(jet)


def test_their_values_are_those_of_the_rows(at):
    slope = pl.grad(at.u)
    rows, x = slope.value, at.x.value
    torch.testing.assert_close(pl.dot(slope, slope).value, (rows**2).sum(1))
    torch.testing.assert_close(pl.dot(pl.sin(at.x), slope).value, (x.sin() * rows).sum(1))
    torch.testing.assert_close(pl.dot(-at.x, slope).value, -(x * rows).sum(1))
    row = torch.arange(4.0, dtype=F64)
    torch.testing.assert_close(pl.dot(row, slope).value, (row * rows).sum(1))


# --- factors --------------------------------------------------------------------------------
def factor(value):
    """Tried at five points."""
    at = At(5)
    return factor_of(value, {"x": at.x.value, "t": at.t.value}, "x")


MATRIX = torch.tensor([[1.0, 0.5, 0.0], [0.2, -1.0, 0.3], [0, 0, 2], [1, 1, 1]], dtype=F64)


def turning(x, t):
    """A full factor that depends on the point."""
    return x[:, :, None] * MATRIX + t[:, None, None]


def half(x):
    return x[:, :, None] * MATRIX


def on(matrix):
    """A constant factor at all points."""
    return lambda x, t: torch.as_tensor(matrix).to(x).expand(len(x), 4, -1)


VECTOR, COLUMN = torch.arange(1.0, 5.0, dtype=F64), [[1.0], [0.0], [2.0], [0.5]]
FACTORS = {
    "vector": (lambda at: VECTOR, on(VECTOR.diag())),
    "matrix": (lambda at: MATRIX, on(MATRIX)),
    "list": (lambda at: COLUMN, on(COLUMN)),
    "expression": (
        lambda at: known(1 + at.x * at.t),
        lambda x, t: torch.diag_embed(1 + x * t[:, None]),
    ),
    "scalar expression": (
        lambda at: known(1 + at.t),
        lambda x, t: (1 + t)[:, None, None] * torch.eye(4, dtype=F64),
    ),
    "function": (lambda at: turning, turning),
    "function of space": (lambda at: half, lambda x, t: half(x)),
}


@pytest.mark.parametrize("name", FACTORS, ids=lambda n: n.replace(" ", "_"))
def test_a_factor_times_directions(name, at, generator):
    given, dense = FACTORS[name]
    found = factor(given(at))
    columns = {"x": at.x.value, "t": at.t.value}
    sigma = dense(**columns)  # (n, 4, r)
    assert found.rank == sigma.shape[2]
    units = Units(torch.tensor([2, 0, 2]), torch.tensor([1.0, -2.0, 0.5], dtype=F64))
    units = Units(units.columns % found.rank, units.scale)
    rows = Rows(torch.randn(3, found.rank, generator=generator, dtype=F64))
    for part in (units, rows):
        expected = torch.einsum("ndr,kr->knd", sigma, part.dense(found.rank))
        block = found.apply(part, columns).dense(4)
        block = block if block.ndim == 3 else block[:, None].expand_as(expected)
        torch.testing.assert_close(block, expected)
    wave = torch.randn(4, 5, generator=generator, dtype=F64)
    expected = torch.einsum("ndr,dk->nrk", sigma, wave).square().sum(1)
    torch.testing.assert_close(found.wave_square(wave, columns).expand(6, 5), expected)


def test_unit_vectors_stay_unit_vectors_under_a_diagonal(at):
    """Otherwise a million coordinates would meet a matrix of mostly zeros."""
    units = Units(torch.tensor([1, 3]), torch.ones(2, dtype=F64))
    columns = {"x": at.x.value, "t": at.t.value}
    for name in ("vector", "expression", "scalar expression"):
        found = factor(FACTORS[name][0](at)).apply(units, columns)
        assert isinstance(found, Units), name
        assert found.columns.tolist() == [1, 3]


def test_equal_factors_are_one(at):
    assert factor(MATRIX) == factor(MATRIX.clone())
    assert factor(MATRIX) != factor(MATRIX + 1)
    assert factor(MATRIX.float()) != factor(MATRIX)
    assert factor(known(at.x)) == factor(known(At(9).x))
    assert factor(half) == factor(half)
    assert factor(half) != factor(turning)


def made(scale, matrix=MATRIX):
    return lambda x: scale * x[:, :, None] * matrix


def test_a_function_made_anew_is_the_same_if_it_catches_the_same():
    assert factor(made(2.0)) == factor(made(2.0))
    assert factor(made(2.0)) == factor(made(2.0, MATRIX.clone()))
    assert factor(made(2.0)) != factor(made(3.0))
    assert factor(made(2.0)) != factor(made(2.0, MATRIX + 1))


@pytest.mark.parametrize(
    "sigma",
    [
        torch.ones(3),
        torch.ones(3, 4),
        torch.ones(()),
        torch.ones(2, 4, 4),
        lambda x: x,
        lambda x: x[:, :3, None],
        torch.ones(4, 0),
        lambda x: x[:, :, None] * torch.ones(0),
        [1.0, 2.0],
        math.pi,
    ],
    ids=["short", "transposed", "number", "batch", "diagonal function", "short function",
         "no columns", "function without columns", "list", "float"],
)  # fmt: skip
def test_factors_of_the_wrong_shape(sigma):
    with pytest.raises(DeclarationError, match="wrong shape") as caught:
        factor(sigma)
    assert "(n, 4, r)" in str(caught.value)


def test_a_function_says_which_coordinates_it_wants():
    with pytest.raises(DeclarationError, match="asks for 'z', which is no coordinate") as caught:
        factor(lambda z: z)
    assert "x, t" in str(caught.value)


def test_a_function_that_fails_shows_why():
    with pytest.raises(DeclarationError, match="a function that fails") as caught:
        factor(lambda x: torch.linalg.cholesky(-torch.eye(4)))
    assert "positive-definite" in str(caught.value)


def test_a_function_gives_the_precision_of_the_points():
    columns = {"x": torch.rand(3, 4), "t": torch.rand(3)}
    assert factor_of(half, columns, "x").at(columns).dtype == torch.float32


def test_numpy_arrays_are_factors():
    assert factor(np.eye(4)).rank == 4


class Counting(Contents):
    """Counts how often it reads, and reads what lies nowhere."""

    count = 0

    def read(self, tensor):
        self.count += 1
        return (tensor._version,)


def test_tensors_on_a_device_are_read_once_a_version():
    contents, tensor = Counting(), torch.empty(3, device="meta")
    assert contents(tensor) == contents(tensor)
    assert contents.count == 1
    before = contents(tensor)
    tensor.zero_()
    assert contents(tensor) != before
    assert contents.count == 2
    del tensor
    assert not contents._known


def test_tensors_on_a_processor_are_read_anew():
    array = np.zeros(3)
    tensor = torch.from_numpy(array)
    before = content(tensor)
    array[0] = 1.0  # no new version of the tensor
    assert content(tensor) != before
    assert content(tensor) == content(torch.tensor([1.0, 0.0, 0.0], dtype=F64))
