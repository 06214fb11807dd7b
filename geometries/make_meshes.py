"""Make the meshes of this folder again.

    pip install "pinnlab[mesh]"
    python geometries/make_meshes.py [FOLDER]

Needs gmsh. The result is the same on every run with the same version of gmsh (the files here are
from 4.15); another version may place other nodes. Shapes, names and sizes stay.

All parts are our own drawings. Lengths are in the unit that each function states.
"""

import argparse
import math
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

import gmsh
import numpy as np

Entities = list[tuple[int, int]]


@contextmanager
def model(name: str, size: float, *, curvature: int = 0) -> Iterator[None]:
    """A fresh gmsh model with elements of a size, and so many of them around a full circle."""
    gmsh.initialize(interruptible=False)
    try:
        gmsh.option.setNumber("General.Terminal", 0)
        gmsh.option.setNumber("General.NumThreads", 1)
        gmsh.option.setNumber("Mesh.MeshSizeMax", size)
        gmsh.option.setNumber("Mesh.MeshSizeMin", size / 5)
        gmsh.option.setNumber("Mesh.MeshSizeFromCurvature", curvature)
        gmsh.option.setNumber("Mesh.Algorithm", 6)
        gmsh.model.add(name)
        yield
    finally:
        gmsh.finalize()


def faces(dim: int, chosen: Callable[[np.ndarray, np.ndarray], bool]) -> list[int]:
    """Entities whose bounding box (lowest and highest corner) is chosen."""
    found = []
    for _, tag in gmsh.model.getEntities(dim):
        box = np.array(gmsh.model.getBoundingBox(dim, tag)).reshape(2, 3)
        if chosen(box[0], box[1]):
            found.append(tag)
    return found


def at(axis: int, value: float) -> Callable[[np.ndarray, np.ndarray], bool]:
    """Chooses entities that lie in the plane where one coordinate has a value."""
    return lambda low, high: abs(low[axis] - value) < 1e-4 and abs(high[axis] - value) < 1e-4


def within(low_corner: Iterable[float], high_corner: Iterable[float]):
    """Chooses entities that lie within a box."""
    low_, high_ = np.array(list(low_corner)) - 1e-4, np.array(list(high_corner)) + 1e-4
    return lambda low, high: bool((low >= low_).all() and (high <= high_).all())


def group(dim: int, tags: list[int], name: str) -> None:
    """A physical group, which must not be empty."""
    if not tags:
        raise ValueError(f"nothing is named '{name}'")
    gmsh.model.addPhysicalGroup(dim, tags, name=name)


def write(path: Path, *, binary: bool) -> None:
    gmsh.option.setNumber("Mesh.MshFileVersion", 4.1)
    gmsh.option.setNumber("Mesh.Binary", int(binary))
    gmsh.write(str(path))


def cut_rounded(part: Entities, tools: Entities) -> Entities:
    return gmsh.model.occ.cut(part, tools)[0]


def bracket_2d(folder: Path) -> None:
    """An L-shaped bracket (unit: 10 cm): arms of width 0.4, a rounded inner corner, two holes.

    Pieces: clamped (the end at the top), loaded (the end at the right), hole_top, hole_right, and
    rest. Region: plate.
    """
    occ, w, r = gmsh.model.occ, 0.4, 0.15
    with model("bracket_2d", 0.06, curvature=40):
        corners = [(0, 0), (1.2, 0), (1.2, w), (w + r, w), (w, w + r), (w, 1.2), (0, 1.2)]
        p = [occ.addPoint(x, y, 0) for x, y in corners]
        center = occ.addPoint(w + r, w + r, 0)
        lines = [occ.addLine(p[0], p[1]), occ.addLine(p[1], p[2]), occ.addLine(p[2], p[3])]
        lines.append(occ.addCircleArc(p[3], center, p[4]))
        lines += [occ.addLine(p[4], p[5]), occ.addLine(p[5], p[6]), occ.addLine(p[6], p[0])]
        plate = occ.addPlaneSurface([occ.addCurveLoop(lines)])
        holes = [(2, occ.addDisk(x, y, 0, 0.09, 0.09)) for x, y in ((0.2, 0.95), (0.95, 0.2))]
        occ.cut([(2, plate)], holes)
        occ.synchronize()
        group(1, faces(1, at(1, 1.2)), "clamped")
        group(1, faces(1, at(0, 1.2)), "loaded")
        group(1, faces(1, within((0.1, 0.8, 0), (0.3, 1.1, 0))), "hole_top")
        group(1, faces(1, within((0.8, 0.1, 0), (1.1, 0.3, 0))), "hole_right")
        group(2, faces(2, lambda low, high: True), "plate")
        gmsh.model.mesh.generate(2)
        write(folder / "bracket_2d.msh", binary=False)


def two_materials(folder: Path) -> None:
    """The unit square with a round inclusion of radius 1/4 in its middle.

    Regions: matrix, inclusion. Interface: interface, normals from the matrix to the inclusion.
    Pieces: left, right, bottom, top.
    """
    occ = gmsh.model.occ
    with model("two_materials", 0.06, curvature=48):
        square, disk = occ.addRectangle(0, 0, 0, 1, 1), occ.addDisk(0.5, 0.5, 0, 0.25, 0.25)
        occ.fragment([(2, square)], [(2, disk)])
        occ.synchronize()
        inside = within((0.2, 0.2, 0), (0.8, 0.8, 0))
        group(2, faces(2, lambda low, high: not inside(low, high)), "matrix")
        group(2, faces(2, inside), "inclusion")
        group(1, faces(1, inside), "interface")
        for axis, value, name in ((0, 0, "left"), (0, 1, "right"), (1, 0, "bottom"), (1, 1, "top")):
            group(1, faces(1, at(axis, value)), name)
        gmsh.model.mesh.generate(2)
        write(folder / "two_materials.msh", binary=False)


def bracket_3d(folder: Path) -> None:
    """A flanged bearing bracket (unit: 1 cm).

    A base plate 8 x 6 x 0.8 with rounded edges and four bolt holes carries a wall with a bored
    boss, held by a rib; the wall meets the plate in a fillet. Pieces: base (the underside),
    bolt_holes, bore, and rest. Region: steel.
    """
    occ = gmsh.model.occ
    with model("bracket_3d", 0.62, curvature=12):
        plate = occ.addBox(-4, -3, 0, 8, 6, 0.8)
        occ.synchronize()
        upright = [
            tag for _, tag in gmsh.model.getEntities(1)
            if np.ptp(np.array(gmsh.model.getBoundingBox(1, tag)).reshape(2, 3)[:, 2]) > 0.5
        ]  # fmt: skip
        part = occ.fillet([plate], upright, [0.8])
        wall = occ.addBox(-2, -0.5, 0, 4, 1, 4)
        crown = occ.addCylinder(0, -0.5, 4, 0, 1, 0, 2)
        part, _ = occ.fuse(part, [(3, wall), (3, crown)])
        occ.synchronize()
        foot = faces(1, lambda low, high: at(2, 0.8)(low, high)
                     and within((-2, -0.5, 0.7), (2, 0.5, 0.9))(low, high))  # fmt: skip
        part = occ.fillet([part[0][1]], foot, [0.4])
        rib = occ.extrude([(2, _triangle([(0, 0.4, 0.4), (0, 2.6, 0.4), (0, 0.4, 3)]))], 0.6, 0, 0)
        rib = [entity for entity in rib if entity[0] == 3]
        occ.translate(rib, -0.3, 0, 0)
        boss = occ.addCylinder(0, -1, 4, 0, 2, 0, 1.4)
        part, _ = occ.fuse(part, [*rib, (3, boss)])
        holes = [(3, occ.addCylinder(x, y, -1, 0, 0, 3, 0.4)) for x in (-3, 3) for y in (-2, 2)]
        occ.cut(part, [*holes, (3, occ.addCylinder(0, -2, 4, 0, 4, 0, 0.9))])
        occ.synchronize()
        bolts = [
            tag
            for x in (-3, 3)
            for y in (-2, 2)
            for tag in faces(2, within((x - 0.4, y - 0.4, 0), (x + 0.4, y + 0.4, 0.8)))
        ]
        group(2, faces(2, at(2, 0)), "base")
        group(2, bolts, "bolt_holes")
        group(2, faces(2, within((-0.9, -1, 3.1), (0.9, 1, 4.9))), "bore")
        group(3, faces(3, lambda low, high: True), "steel")
        gmsh.model.mesh.generate(3)
        gmsh.model.mesh.optimize("Netgen")
        write(folder / "bracket_3d.msh", binary=True)


def _triangle(corners: list[tuple[float, float, float]]) -> int:
    occ = gmsh.model.occ
    p = [occ.addPoint(*corner) for corner in corners]
    loop = occ.addCurveLoop([occ.addLine(p[k], p[(k + 1) % 3]) for k in range(3)])
    return occ.addPlaneSurface([loop])


def part(folder: Path) -> None:
    """The surface of a pipe elbow (unit: 1 cm): a bend of 90 degrees with a flange at each end.

    Bore 2, wall 0.4, flanges of diameter 5 and thickness 0.6 with four bolt holes each.
    """
    occ, bend = gmsh.model.occ, 3.0
    with model("part", 0.6, curvature=32):
        solids, holes = [], []
        for radius, parts in ((1.4, solids), (1.0, holes)):
            disk = occ.addDisk(0, 0, 0, radius, radius)
            swept = occ.revolve([(2, disk)], bend, 0, 0, 0, 1, 0, math.pi / 2)
            parts += [entity for entity in swept if entity[0] == 3]
        solids.append((3, occ.addCylinder(0, 0, -0.6, 0, 0, 0.6, 2.5)))
        solids.append((3, occ.addCylinder(bend, 0, bend, 0.6, 0, 0, 2.5)))
        holes.append((3, occ.addCylinder(0, 0, -1, 0, 0, 1, 1.0)))
        holes.append((3, occ.addCylinder(bend, 0, bend, 1, 0, 0, 1.0)))
        for k in range(4):
            a = math.pi * (k + 0.5) / 2
            y, z = 1.95 * math.sin(a), 1.95 * math.cos(a)
            holes.append((3, occ.addCylinder(z, y, -1, 0, 0, 1, 0.3)))
            holes.append((3, occ.addCylinder(bend, y, bend + z, 1, 0, 0, 0.3)))
        fused, _ = occ.fuse(solids[:1], solids[1:])
        occ.cut(fused, holes)
        occ.synchronize()
        gmsh.model.mesh.generate(2)
        gmsh.option.setNumber("Mesh.Binary", 1)
        gmsh.write(str(folder / "part.stl"))


def heat_sink(folder: Path) -> None:
    """The cross-section of a heat sink (unit: 1 cm) in quadrilaterals, without groups.

    A foot 4.4 x 0.6 with six fins of width 0.4, 2.4 high and 0.8 apart.
    """
    import meshio

    size = 0.1
    columns, feet, height = 44, 6, 30
    solid = np.zeros((columns, height), dtype=bool)
    solid[:, :feet] = True
    for fin in range(0, columns, 8):
        solid[fin : fin + 4] = True
    i, j = np.nonzero(solid)
    corners = np.stack([i * 31 + j, (i + 1) * 31 + j, (i + 1) * 31 + j + 1, i * 31 + j + 1], axis=1)
    used, cells = np.unique(corners, return_inverse=True)
    points = np.column_stack([used // 31, used % 31, np.zeros(len(used))]) * size
    meshio.write_points_cells(
        folder / "heat_sink.vtu", points, [("quad", cells.reshape(-1, 4))], binary=True
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", nargs="?", type=Path, default=Path(__file__).parent)
    folder = parser.parse_args().folder
    folder.mkdir(parents=True, exist_ok=True)
    for make in (bracket_2d, two_materials, bracket_3d, part, heat_sink):
        make(folder)
        print(f"{make.__name__}: done")


if __name__ == "__main__":
    main()
