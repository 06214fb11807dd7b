"""Domains from files and mappings: the grammar, its refusals, and every domain of the project."""

import numpy as np
import pytest
from geometry.mesh_cases import GEOMETRIES

from pinnlab.errors import GeometryError
from pinnlab.geometry import (
    Ball,
    Box,
    Disk,
    HyperBall,
    Hypercube,
    Interval,
    Mesh,
    Polygon,
    SpaceTime,
    geometry_from_spec,
    load_geometry,
)

DISC = np.pi * 0.01
AREAS = {  # file -> (measure, pieces)
    "annulus.yaml": (0.75 * np.pi, "outer inner"),
    "backward_step.yaml": (6.0, "walls outlet inlet"),
    "cavity.yaml": (1.0, "left right bottom top"),
    "channel_with_cylinder.yaml": (2.2 * 0.41 - np.pi * 0.0025, "walls outlet inlet cylinder"),
    "l_shape.yaml": (3.0, "walls"),
    "quarter_plate_with_hole.yaml": (4 - np.pi / 16, "symmetry_y loaded free symmetry_x hole"),
    "square_with_four_holes.yaml": (1 - 4 * DISC, "left right bottom top hole1 hole2 hole3 hole4"),
    "square_with_uneven_holes.yaml": (
        4 - DISC * (4 + 16 + 1 + 9), "left right bottom top hole1 hole2 hole3 hole4",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", AREAS)
def test_domains_in_yaml(name, rng):
    area, pieces = AREAS[name]
    domain = load_geometry(GEOMETRIES / name)
    assert domain.pieces == tuple(pieces.split())
    assert domain.measure() == pytest.approx(area, rel=1e-9)
    assert domain.contains(domain.sample(200, rng=rng).x).all()
    for piece in domain.pieces:
        assert domain.on_piece(domain.sample_boundary(20, piece, rng=rng).x, piece).all()


def test_every_file_is_tested():
    meshes = {"bracket_2d.msh", "bracket_3d.msh", "two_materials.msh", "part.stl", "heat_sink.vtu"}
    others = {"README.md", "make_meshes.py"}
    found = {path.name for path in GEOMETRIES.iterdir() if path.is_file()}
    assert found == set(AREAS) | meshes | others
    listed = (GEOMETRIES / "README.md").read_text(encoding="utf-8")
    assert all(f"`{name}`" in listed for name in found - {"README.md"})


def test_the_step_is_where_the_reference_has_it():
    step = load_geometry(GEOMETRIES / "backward_step.yaml")
    assert step.contains(np.array([[1.0, 0.5], [3.0, 1.5]])).all()
    assert not step.contains(np.array([[1.0, 1.5]])).any()


@pytest.mark.parametrize(("spec", "kind", "measure"), [
    ({"kind": "Interval", "x": [-1, 1]}, Interval, 2),
    ({"kind": "interval", "coordinate": "x", "low": 0, "high": 3}, Interval, 3),
    ({"kind": "Box", "x": [0, 2], "y": [0, 1], "z": [0, 1], "name": "room"}, Box, 2),
    ({"kind": "disk", "center": [0, 0], "radius": 1, "axes": ["r", "s"]}, Disk, np.pi),
    ({"kind": "Ball", "center": [0, 0, 0], "radius": 1}, Ball, 4 * np.pi / 3),
    ({"kind": "polygon", "vertices": [[0, 0], [1, 0], [0, 1]], "names": list("abc")}, Polygon, 0.5),
    ({"kind": "hyper_cube", "coordinate": "x", "dim": 100, "low": -1, "high": 0}, Hypercube, 1),
    ({"kind": "HyperBall", "coordinate": "x", "dim": 3}, HyperBall, 4 * np.pi / 3),
    ({"kind": "Interval", "x": [-1, 1], "time": {"t": [0, 2]}}, SpaceTime, 4),
])  # fmt: skip
def test_primitives(spec, kind, measure):
    domain = geometry_from_spec(spec)
    assert type(domain) is kind
    assert domain.measure() == pytest.approx(measure)


def test_specifications_are_left_as_they_were():
    spec = {"kind": "Interval", "x": [-1, 1], "time": {"t": [0, 2]}}
    before = repr(spec)
    geometry_from_spec(spec)
    assert repr(spec) == before


def test_set_operations():
    box = {"kind": "Box", "x": [0, 2], "y": [0, 1], "name": "a"}
    other = {"kind": "Box", "x": [1, 3], "y": [0, 1], "name": "b"}
    for kind, area in (("union", 3), ("Intersection", 1), ("difference", 1)):
        assert geometry_from_spec({"kind": kind, "of": [box, other]}).measure() == pytest.approx(
            area
        )
    nested = {"kind": "difference", "of": [{"kind": "union", "of": [box, other]}, box]}
    nested["of"][1] = {**box, "x": [0, 0.5], "name": "c"}
    assert geometry_from_spec(nested).measure() == pytest.approx(2.5)


def test_numbers_as_texts():
    spec = {"kind": "Box", "x": [0, "2*pi"], "y": [0, 1]}
    domain = geometry_from_spec(spec, number=lambda v: 2 * np.pi if v == "2*pi" else float(v))
    assert domain.measure() == pytest.approx(2 * np.pi)
    with pytest.raises(GeometryError, match=r"domain.x\[1\] must be a number"):
        geometry_from_spec(spec)


def test_files_within_files(tmp_path):
    (tmp_path / "inner").mkdir()
    (tmp_path / "inner" / "hole.yaml").write_text(
        "{kind: Disk, center: [0, 0], radius: 0.5, name: hole}"
    )
    (tmp_path / "plate.yaml").write_text(
        "kind: difference\nof:\n  - {kind: Box, x: [-1, 1], y: [-1, 1]}\n"
        "  - file: inner/hole.yaml\ntime: {t: [0, 1e+1]}\n"
    )
    domain = load_geometry(tmp_path / "plate.yaml")
    assert domain.measure() == pytest.approx(10 * (4 - np.pi / 4))
    (tmp_path / "circle.yaml").write_text("file: circle.yaml\n")
    with pytest.raises(GeometryError, match="includes itself"):
        load_geometry(tmp_path / "circle.yaml")
    mesh = geometry_from_spec({"file": "bracket_3d.msh", "scale": 0.01, "name": "part"}, GEOMETRIES)
    assert isinstance(mesh, Mesh)
    assert mesh.name == "part"
    assert mesh.measure() == pytest.approx(58e-6, rel=0.01)
    named = geometry_from_spec(
        {"kind": "Mesh", "path": "two_materials.msh", "names": ["r", "z"]}, GEOMETRIES
    )
    assert named.coordinates.names == ("r", "z")
    assert load_geometry(GEOMETRIES / "part.stl", scale=0.1).measure() == pytest.approx(
        0.0325, rel=0.01
    )


@pytest.mark.parametrize(("spec", "message"), [
    ([1, 2], "domain is no domain"),
    ({"x": [0, 1]}, "domain has no kind"),
    ({"kind": "Discs", "radius": 1}, r"unknown kind[\s\S]*did you mean 'Disk'"),
    ({"kind": "Disk", "center": [0, 0], "radios": 1},
     r"unknown key 'radios'[\s\S]*did you mean 'radius'"),
    ({"kind": "Disk", "radius": 1}, r"lacks 'center'[\s\S]*add center"),
    ({"kind": "Disk", "center": [0, 0], "radius": "large"}, "domain.radius must be a number"),
    ({"kind": "Disk", "center": [0, True], "radius": 1}, r"domain.center\[1\] must be a number"),
    ({"kind": "Box", "x": 3}, "domain.x must be a pair of ends"),
    ({"kind": "Interval", "x": [0, 1], "y": [0, 1]}, "must name one coordinate"),
    ({"kind": "Interval", "x": [0, 1, 2]}, "domain.x must be a pair"),
    ({"kind": "union", "of": [{"kind": "Box", "x": [0, 1]}]}, "at least two domains"),
    ({"kind": "union", "parts": []}, r"unknown key 'parts'"),
    ({"kind": "union", "of": [{"kind": "Box", "x": [0, 1], "y": [0, 1]}, {"kind": "Boks"}]},
     r"domain.of\[1\] has an unknown kind"),
    ({"kind": "Box", "x": [0, 1], "time": [0, 1]}, "domain.time must name one coordinate"),
    ({"kind": "Box", "x": [0, 1], "time": {"t": 1}}, "domain.time.t must be a pair"),
    ({"file": "missing.msh"}, "no mesh file"),
    ({"file": "missing.yaml"}, "no domain file"),
    ({"file": "cavity.yaml", "scale": 2}, "unknown key 'scale'"),
    ({"file": "two_materials.msh", "scales": 2},
     r"unknown key 'scales'[\s\S]*did you mean 'scale'"),
])  # fmt: skip
def test_refusals(spec, message):
    with pytest.raises(GeometryError, match=message):
        geometry_from_spec(spec, GEOMETRIES)


def test_broken_yaml(tmp_path):
    (tmp_path / "broken.yaml").write_text("kind: [Box\n")
    with pytest.raises(GeometryError, match=r"not valid YAML[\s\S]*line"):
        load_geometry(tmp_path / "broken.yaml")
    (tmp_path / "list.yaml").write_text("- 1\n")
    with pytest.raises(GeometryError, match=r"list\.yaml is no domain"):
        load_geometry(tmp_path / "list.yaml")
    with pytest.raises(GeometryError, match=r"no domain file[\s\S]*did you mean 'broken.yaml'"):
        load_geometry(tmp_path / "brocken.yaml")
    (tmp_path / "box.yaml").write_text("{kind: Box, x: [0, 1], y: [0, 1]}")
    with pytest.raises(GeometryError, match="takes no option 'scale'"):
        load_geometry(tmp_path / "box.yaml", scale=2)


def test_the_meshes_can_be_made_again(tmp_path):
    """Shapes, names and measures stay with any version of gmsh; the nodes may not."""
    pytest.importorskip("gmsh", reason="needs gmsh (pip install pinnlab[mesh])")
    import importlib.util

    found = importlib.util.spec_from_file_location("make_meshes", GEOMETRIES / "make_meshes.py")
    assert found is not None
    assert found.loader is not None
    script = importlib.util.module_from_spec(found)
    found.loader.exec_module(script)
    for name in ("bracket_2d.msh", "two_materials.msh", "heat_sink.vtu"):
        getattr(script, name.split(".")[0])(tmp_path)
        old, new = Mesh(GEOMETRIES / name), Mesh(tmp_path / name)
        assert new.pieces == old.pieces
        assert new.regions == old.regions
        assert new.measure() == pytest.approx(old.measure(), rel=1e-3)
