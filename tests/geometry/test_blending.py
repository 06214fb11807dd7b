import pytest
import torch

from pinnlab.errors import DeclarationError
from pinnlab.geometry import Box, blend


def columns(x, y):
    return {"x": torch.tensor(x, dtype=torch.float64), "y": torch.tensor(y, dtype=torch.float64)}


def test_each_value_is_taken_on_its_piece():
    box = Box(x=(0, 2), y=(0, 1))
    pieces = ["left", "right", "top"]
    for k, (x, y) in enumerate(
        [([0.0, 0.0], [0.3, 0.6]), ([2.0], [0.5]), ([0.4, 1.9], [1.0, 1.0])]
    ):
        c = columns(x, y)
        values = [c["x"] + 1, c["y"] * 3, c["x"] * c["y"]]
        mixed = blend([box.distance(c, [p]) for p in pieces], values)
        assert torch.equal(mixed, values[k])


def test_the_formula():
    phi = [torch.tensor([0.2]), torch.tensor([0.5]), torch.tensor([0.1])]
    expected = (7 / 0.2 + 5 / 0.5 + 3 / 0.1) / (1 / 0.2 + 1 / 0.5 + 1 / 0.1)
    assert blend(phi, [7.0, 5.0, 3.0]).item() == pytest.approx(expected)


def test_constants_are_reproduced():
    phi = [torch.rand(50, dtype=torch.float64) for _ in range(4)]
    assert torch.allclose(blend(phi, [2.5] * 4), torch.full((50,), 2.5, dtype=torch.float64))


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_a_corner_takes_the_mean_of_the_pieces_that_meet(dtype):
    zero, far = torch.zeros(1, dtype=dtype), torch.full((1,), 0.7, dtype=dtype)
    assert blend([zero, zero], [2.0, 4.0]).item() == pytest.approx(3)
    assert blend([zero, zero, far], [2.0, 4.0, 100.0]).item() == pytest.approx(3)


def test_one_piece_keeps_the_shape():
    assert blend([torch.rand(3)], [2.0]).tolist() == [2.0, 2.0, 2.0]


def test_derivatives_are_finite_inside():
    x = torch.rand(100, 2, dtype=torch.float64, requires_grad=True)
    box = Box(x=(0, 1), y=(0, 1))
    c = {"x": x[:, 0], "y": x[:, 1]}
    g = blend([box.distance(c, [p]) for p in box.pieces], [1.0, 2.0, c["x"], c["y"]])
    (first,) = torch.autograd.grad(g.sum(), x, create_graph=True)
    (second,) = torch.autograd.grad(first.sum(), x)
    assert torch.isfinite(second).all()


@pytest.mark.parametrize("distances, values", [([], []), ([torch.zeros(1)], [1.0, 2.0])])
def test_pairs_are_required(distances, values):
    with pytest.raises(DeclarationError, match="one value for each distance"):
        blend(distances, values)
