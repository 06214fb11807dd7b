import numpy as np
import pytest
import torch

from pinnlab.errors import DeclarationError, GeometryError
from pinnlab.geometry import Box, Disk, Hypercube, Interval, PointSet, Time
from pinnlab.sampling import Points, draw, joined
from pinnlab.typing import Coordinates


def rng():
    return np.random.default_rng(0)


XY = Coordinates(("x", "y"), (1, 1))


def test_points_refuse_shapes_that_do_not_fit():
    with pytest.raises(DeclarationError, match=r"wrong shape"):
        Points(torch.zeros(3, 3), XY)
    with pytest.raises(DeclarationError, match=r"weights .* wrong length"):
        Points(torch.zeros(3, 2), XY, weights=torch.zeros(2))
    with pytest.raises(DeclarationError, match=r"normals .* wrong length"):
        Points(torch.zeros(3, 2), XY, normals=torch.zeros(2, 2))


def test_points_move_and_are_taken_with_all_that_belongs_to_them():
    p = Points(torch.rand(4, 2), XY, torch.rand(4, 2), torch.rand(4), "wall")
    moved = p.to(dtype=torch.float64)
    assert {moved.x.dtype, moved.normals.dtype, moved.weights.dtype} == {torch.float64}
    part = p.take(torch.tensor([True, False, True, False]))
    assert len(part) == 2
    assert torch.equal(part.normals, p.normals[[0, 2]])
    assert part.tag == "wall"
    assert torch.equal(p.columns["y"], p.x[:, 1])


def test_draw_interior_boundary_and_predicate():
    plate = Box(x=(0, 2), y=(0, 1)) - Disk(center=(1, 0.5), radius=0.2, name="hole")
    inside = draw(plate, 50, generator=rng())
    assert (inside.tag, len(inside), inside.normals) == ("interior", 50, None)
    hole = draw(plate, 30, on="hole", generator=rng(), dtype=torch.float32)
    assert hole.tag == "hole"
    assert {hole.x.dtype, hole.normals.dtype, hole.weights.dtype} == {torch.float32}
    assert float(hole.weights.sum()) == pytest.approx(0.4 * np.pi, rel=1e-6)
    both = draw(plate, 30, on=["left", "hole"], generator=rng())
    assert both.tag == "left+hole"
    some = draw(plate, 30, on=lambda x: x > 1.9, generator=rng())
    assert bool((some.x[:, 0] > 1.9).all())
    assert some.tag


def test_draw_gives_new_points_every_time():
    generator = rng()
    a, b = (draw(Interval("x", 0, 1), 8, generator=generator) for _ in range(2))
    assert not torch.isin(a.x, b.x).any()
    assert torch.equal(a.x, draw(Interval("x", 0, 1), 8, generator=rng()).x)


def test_draw_vector_coordinate_and_region():
    p = draw(Hypercube("x", dim=5) * Time("t", 0, 1), 8, generator=rng())
    assert p.columns["x"].shape == (8, 5)
    assert p.columns["t"].shape == (8,)
    cloud = PointSet([[0.0, 0.0], [1.0, 1.0]], regions={"core": [1]})
    assert draw(cloud, 1, region="core", generator=rng()).tag == "core"


def test_draw_refuses_a_boundary_in_a_region():
    with pytest.raises(GeometryError, match="either on the boundary or in a region"):
        draw(Interval("x", 0, 1), 8, on="left", region="core", generator=rng())


def test_draw_refuses_an_empty_result(monkeypatch):
    from pinnlab.geometry.base import Sample

    line = Interval("x", 0, 1)
    empty = Sample(np.empty((0, 1)), np.empty(0))
    monkeypatch.setattr(line, "sample_boundary", lambda *a, **k: empty)
    with pytest.raises(GeometryError, match="'left' got 0 points"):
        draw(line, 8, on="left", generator=rng())


def test_windows_of_one_array_are_joined_without_a_copy():
    whole = torch.rand(7, 2)
    assert joined([whole]) is whole
    again = joined([whole[1:3], whole[3:4], whole[4:7]])
    assert again.data_ptr() == whole[1:].data_ptr()
    assert torch.equal(again, whole[1:])
    for parts in (
        [whole[3:], whole[:3]],  # not in order
        [whole[:3], whole[4:]],  # a gap
        [whole[:3], torch.rand(2, 2)],
        [whole[:, :1], whole[:, 1:]],
        [whole[:3], whole[3:].double()],
    ):
        copied = joined(parts)
        assert torch.equal(copied, torch.cat(parts))
        assert copied.untyped_storage().data_ptr() != whole.untyped_storage().data_ptr()


def test_points_held_in_another_array():
    p = Points(torch.rand(3, 2), XY, lambda: torch.ones(3, 2), torch.rand(3), "wall")
    held = p.held_in(p.x.clone())
    assert torch.equal(held.x, p.x)
    assert held.x is not p.x
    assert (held.weights is p.weights, held.tag) == (True, "wall")
    assert torch.equal(held.normals, torch.ones(3, 2))
