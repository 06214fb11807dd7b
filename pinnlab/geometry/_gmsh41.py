"""Reader of gmsh's MSH 4.1 files, text and binary.

meshio reads this format too, but refuses files in which only some entities are in a physical group
and keeps one group per entity. Physical groups are the names of boundary pieces and regions here,
so this reader keeps every membership. All other formats go through meshio.

Format: https://gmsh.info/doc/texinfo/gmsh.html#MSH-file-format
"""

import shlex

import numpy as np

from pinnlab.errors import GeometryError

# element type -> (kind, number of nodes); the first nodes are always the corners
ELEMENTS = {
    1: ("line", 2), 2: ("triangle", 3), 3: ("quad", 4), 4: ("tetra", 4), 5: ("hexahedron", 8),
    6: ("wedge", 6), 7: ("pyramid", 5), 8: ("line3", 3), 9: ("triangle6", 6), 10: ("quad9", 9),
    11: ("tetra10", 10), 12: ("hexahedron27", 27), 13: ("wedge18", 18), 14: ("pyramid14", 14),
    15: ("vertex", 1), 16: ("quad8", 8), 17: ("hexahedron20", 20), 18: ("wedge15", 15),
    19: ("pyramid13", 13), 20: ("triangle9", 9), 21: ("triangle10", 10), 23: ("triangle15", 15),
    26: ("line4", 4), 27: ("line5", 5), 29: ("tetra20", 20), 30: ("tetra35", 35),
    36: ("quad16", 16), 37: ("quad25", 25), 92: ("hexahedron64", 64),
}  # fmt: skip


class _Text:
    """A cursor over the numbers of a text section; integers below 2^53 are exact in float64."""

    def __init__(self, body: bytes) -> None:
        self.numbers = np.fromstring(body.decode("ascii"), dtype=np.float64, sep=" ")
        self.at = 0

    def _take(self, count: int) -> np.ndarray:
        part = self.numbers[self.at : self.at + count]
        if len(part) < count:
            raise EOFError
        self.at += count
        return part

    def ints(self, count: int) -> np.ndarray:
        return self._take(count).astype(np.int64)

    sizes = ints

    def reals(self, count: int) -> np.ndarray:
        return self._take(count)


class _Binary:
    """A cursor over the bytes of a binary section."""

    def __init__(self, body: bytes, order: str, size_bytes: int) -> None:
        self.body, self.order, self.size_bytes, self.at = body, order, size_bytes, 0

    def _take(self, kind: str, width: int, count: int) -> np.ndarray:
        if self.at + width * count > len(self.body):
            raise EOFError
        part = np.frombuffer(self.body, f"{self.order}{kind}{width}", int(count), self.at)
        self.at += width * int(count)
        return part

    def ints(self, count: int) -> np.ndarray:
        return self._take("i", 4, count).astype(np.int64)

    def sizes(self, count: int) -> np.ndarray:
        return self._take("u", self.size_bytes, count).astype(np.int64)

    def reals(self, count: int) -> np.ndarray:
        return self._take("f", 8, count).astype(np.float64)


def version(content: bytes) -> str | None:
    """The format version that an MSH file states, or None if it is no MSH file."""
    at = content.find(b"$MeshFormat")
    if at < 0:
        return None
    words = content[at + len(b"$MeshFormat") : at + 80].split()
    return words[0].decode("ascii", "replace") if words else None


def physical_names(content: bytes) -> dict[tuple[int, int], str]:
    """``{(dimension, tag): name}`` from the ``$PhysicalNames`` section of any MSH version."""
    start, end = content.find(b"$PhysicalNames"), content.find(b"$EndPhysicalNames")
    if start < 0 or end < 0:
        return {}
    names = {}
    for line in content[start:end].decode("utf-8", "replace").splitlines()[2:]:
        words = shlex.split(line)
        if len(words) >= 3:
            names[int(words[0]), int(words[1])] = words[2]
    return names


def read(content: bytes) -> tuple[np.ndarray, list[tuple[str, np.ndarray, int, tuple[int, ...]]]]:
    """Read nodes and element blocks.

    Args:
        content: The whole file.

    Returns:
        Points ``(n, 3)`` and blocks ``(kind, nodes (m, k), dimension, physical tags)``, node
        numbers counted from 0, in gmsh's node order.

    Raises:
        GeometryError: If a section is missing, is cut off, or holds an unknown element type, or if
            the mesh is partitioned.
    """
    if b"$PartitionedEntities" in content:
        raise GeometryError(
            "The mesh file is partitioned",
            expected="an unpartitioned mesh",
            got="a $PartitionedEntities section",
            do="unpartition it in gmsh (Mesh > Delete > Partitions) and save it again",
        )
    section = _sections(content)
    try:
        nodes, entities, elements = section("Nodes"), section("Entities"), section("Elements")
        if nodes is None or elements is None:
            raise EOFError
        points, row = _nodes(nodes)
        groups = _entities(entities) if entities else {}
        return points, _elements(elements, row, groups)
    except EOFError:
        raise GeometryError(
            "The mesh file is cut off",
            expected="complete sections $Nodes and $Elements",
            got="the end of a section too early",
            do="write the mesh again, or copy the whole file",
        ) from None


def _sections(content: bytes):
    """A function from a section's name to a cursor over it, or None if it is not complete."""
    header = content[content.index(b"$MeshFormat") :].split(b"\n", 3)
    _, binary, size_bytes = header[1].split()[:3]
    is_text = binary == b"0"
    order = "<" if is_text or header[2][:4] == b"\x01\x00\x00\x00" else ">"
    if is_text:
        content = content.replace(b"\r\n", b"\n")

    def section(name: str) -> _Text | _Binary | None:
        opening = f"${name}\n".encode()
        start = content.find(opening)
        end = content.find(f"$End{name}".encode(), start)
        if start < 0 or end < 0:
            return None
        body = content[start + len(opening) : end]
        return _Text(body) if is_text else _Binary(body, order, int(size_bytes))

    return section


def _entities(cursor: _Text | _Binary | None) -> dict[tuple[int, int], tuple[int, ...]]:
    """Physical tags of each entity ``(dimension, tag)``; a negative one only flips orientation."""
    if cursor is None:
        return {}
    groups = {}
    for dimension, count in enumerate(cursor.sizes(4)):
        for _ in range(count):
            (tag,) = cursor.ints(1)
            cursor.reals(3 if dimension == 0 else 6)
            tags = cursor.ints(int(cursor.sizes(1)[0]))
            groups[dimension, int(tag)] = tuple(abs(int(t)) for t in tags)
            if dimension > 0:
                cursor.ints(int(cursor.sizes(1)[0]))
    return groups


def _nodes(cursor: _Text | _Binary) -> tuple[np.ndarray, np.ndarray]:
    """Points ``(n, 3)`` and the row of each node tag (tags may have gaps)."""
    blocks, total, _, highest = cursor.sizes(4)
    points, tags, at = np.empty((total, 3)), np.empty(total, dtype=np.int64), 0
    for _ in range(blocks):
        dimension, _, parametric = cursor.ints(3)
        count = int(cursor.sizes(1)[0])
        width = 3 + (int(dimension) if parametric else 0)
        tags[at : at + count] = cursor.sizes(count)
        points[at : at + count] = cursor.reals(count * width).reshape(count, width)[:, :3]
        at += count
    row = np.full(int(highest) + 1, -1, dtype=np.int64)
    row[tags] = np.arange(total)
    return points, row


def _elements(
    cursor: _Text | _Binary, row: np.ndarray, groups: dict[tuple[int, int], tuple[int, ...]]
) -> list[tuple[str, np.ndarray, int, tuple[int, ...]]]:
    found = []
    for _ in range(int(cursor.sizes(4)[0])):
        dimension, entity, kind = (int(k) for k in cursor.ints(3))
        count = int(cursor.sizes(1)[0])
        if kind not in ELEMENTS:
            raise GeometryError(
                f"Gmsh element type {kind} is not supported",
                expected="lines, triangles, quads, tets, hexes, wedges or pyramids up to order 3",
                got=f"{count} elements of type {kind}",
                do="mesh with order 1 or 2",
            )
        name, width = ELEMENTS[kind]
        nodes = cursor.sizes(count * (1 + width)).reshape(count, 1 + width)[:, 1:]
        found.append((name, row[nodes], dimension, groups.get((dimension, entity), ())))
    return found
