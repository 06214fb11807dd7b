"""Domains from files, and from the plain mappings that YAML files hold.

A specification is one of::

    {kind: Box, x: [0, 2], y: [0, 1], name: outer}    # a primitive: the arguments of its class
    {kind: Interval, x: [-1, 1], time: {t: [0, 1]}}   # ... through time
    {kind: difference, of: [..., ..., ...]}           # the first less all others
    {file: bracket.msh, scale: 1.0e-3}                # a mesh, or another file of this kind

The set operations are ``union``, ``intersection`` and ``difference``. Kinds are the names of the
public classes; case and underscores do not matter. Coordinates are named by their own keys where
the class takes them so (``x: [0, 2]``), else by ``axes`` or ``names``. Paths are relative to the
file they stand in.
"""

import inspect
import math
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from pinnlab.errors import GeometryError, nearest
from pinnlab.geometry.ball import Ball, Sphere
from pinnlab.geometry.base import Geometry
from pinnlab.geometry.box import Box, Cuboid, Interval
from pinnlab.geometry.ellipse import Disk, Ellipse
from pinnlab.geometry.hyperball import HyperBall
from pinnlab.geometry.hypercube import Hypercube
from pinnlab.geometry.mesh import Mesh
from pinnlab.geometry.polygon import Polygon, Triangle
from pinnlab.geometry.real_space import RealSpace
from pinnlab.geometry.time import Time

KINDS: Mapping[str, type[Geometry]] = {
    cls.__name__: cls
    for cls in (
        Interval, Box, Cuboid, Disk, Ellipse, Triangle, Polygon, Ball, Sphere, Hypercube, HyperBall,
        RealSpace, Mesh,
    )
}  # fmt: skip
OPERATIONS: Mapping[str, Callable[[Any, Any], Geometry]] = {
    "union": lambda a, b: a | b,
    "intersection": lambda a, b: a & b,
    "difference": lambda a, b: a - b,
}
_TEXTS = ("name", "names", "axes", "coordinate", "path", "tags")

Number = Callable[[Any], float]


def plain_number(value: Any) -> float:
    """A number as it stands.

    Raises:
        ValueError: If it is no number, or not finite.
    """
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise ValueError("expected a finite number")
    return value


def load_geometry(
    path: str | Path,
    *,
    number: Number = plain_number,
    _within: tuple[Path, ...] = (),
    **options: Any,
) -> Geometry:
    """Read a domain from a file.

    Args:
        path: A YAML file with a specification, or a mesh of any format.
        number: Reads a number that is given as text, such as ``"pi/2"``.
        options: Further arguments of :class:`~pinnlab.geometry.mesh.Mesh`, such as ``scale``.

    Raises:
        GeometryError: If the file is missing or does not describe a domain.

    Example:
        >>> load_geometry("geometries/l_shape.yaml").measure()  # doctest: +SKIP
        3.0
    """
    path = Path(path)
    if path.suffix.lower() not in (".yaml", ".yml"):
        return Mesh(path, **options)
    if options:
        raise GeometryError(
            f"A YAML file takes no option '{next(iter(options))}'",
            expected="options only for mesh files",
            got=path.name,
            do="write it into the file",
        )
    if path.resolve() in _within:
        raise GeometryError(
            f"The domain file '{path}' includes itself",
            expected="files that end in primitives or meshes",
            got=" -> ".join(p.name for p in (*_within, path)),
            do="remove the circle",
        )
    spec = _read_yaml(path)
    return geometry_from_spec(
        spec, path.parent, number=number, where=path.name, _within=(*_within, path.resolve())
    )


def _read_yaml(path: Path) -> Any:
    from ruamel.yaml import YAML  # lazily: pinnlab must import quickly
    from ruamel.yaml.error import YAMLError

    if not path.is_file():
        siblings = [p.name for p in path.parent.glob("*")] if path.parent.is_dir() else []
        raise GeometryError(
            f"There is no domain file '{path}'",
            expected="a YAML file or a mesh",
            got="nothing there" if not path.exists() else "a folder",
            do=nearest(path.name, siblings) or "correct the path",
        )
    try:
        return YAML(typ="safe", pure=True).load(path)
    except (YAMLError, UnicodeDecodeError) as fault:
        raise GeometryError(
            f"The domain file '{path}' is not valid YAML",
            expected="a specification such as {kind: Box, x: [0, 1], y: [0, 1]}",
            got=" ".join(str(fault).split()),
            do="correct the file at that place",
        ) from fault


def geometry_from_spec(
    spec: Any,
    base: str | Path = ".",
    *,
    number: Number = plain_number,
    where: str = "domain",
    _within: tuple[Path, ...] = (),
) -> Geometry:
    """Make a domain from a plain mapping.

    Args:
        spec: The mapping; see :mod:`pinnlab.geometry.files`.
        base: Folder that paths are relative to.
        number: Reads a number that is given as text, such as ``"pi/2"``.
        where: Name of the mapping in messages.

    Raises:
        GeometryError: If a kind, key or value does not fit; the message names the place.

    Example:
        >>> geometry_from_spec({"kind": "disk", "center": [0, 0], "radius": 1, "name": "rim"})
        Disk(center=(0.0, 0.0), radius=1, name='rim')
    """
    if not isinstance(spec, Mapping):
        raise GeometryError(
            f"{where} is no domain",
            expected="a mapping with 'kind' or 'file'",
            got=repr(spec),
            do="write for example {kind: Box, x: [0, 1], y: [0, 1]}",
        )
    spec = dict(spec)
    time = spec.pop("time", None)
    base = Path(base)
    if "file" in spec:
        space = _from_file(spec, base, number, where, _within)
    elif (kind := _kind(spec, where)) in OPERATIONS:
        space = _operation(kind, spec, base, number, where, _within)
    else:
        space = _primitive(KINDS[kind], spec, base, number, where)
    return space if time is None else space * _time(time, number, where)


def _kind(spec: dict[str, Any], where: str) -> str:
    options = {_plain(name): name for name in (*KINDS, *OPERATIONS)}
    given = spec.pop("kind", None)
    if given is None or _plain(given) not in options:
        raise GeometryError(
            f"{where} has an unknown kind" if given is not None else f"{where} has no kind",
            expected=", ".join(options.values()) + ", or 'file' in place of 'kind'",
            got=repr(given)
            if given is not None
            else ", ".join(map(str, spec)) or "an empty mapping",
            do=nearest(str(given), options.values()) or "use one of the kinds above",
        )
    return options[_plain(given)]


def _plain(kind: Any) -> str:
    return str(kind).replace("_", "").replace("-", "").lower()


def _refuse_keys(spec: Mapping[str, Any], known: Sequence[str], where: str) -> None:
    for key in spec:
        if key not in known:
            raise GeometryError(
                f"{where} has an unknown key '{key}'",
                expected=", ".join(known),
                got=repr(key),
                do=nearest(str(key), known) or "leave it out",
            )


def _from_file(
    spec: dict[str, Any], base: Path, number: Number, where: str, within: tuple[Path, ...]
) -> Geometry:
    path = base / str(spec.pop("file"))
    if path.suffix.lower() in (".yaml", ".yml"):
        _refuse_keys(spec, (), where)
        return load_geometry(path, number=number, _within=within)
    return _primitive(Mesh, {"path": path, **spec}, base, number, where)


def _operation(
    kind: str,
    spec: dict[str, Any],
    base: Path,
    number: Number,
    where: str,
    within: tuple[Path, ...],
) -> Geometry:
    _refuse_keys(spec, ("of",), where)
    parts = spec.get("of")
    if not isinstance(parts, Sequence) or isinstance(parts, str) or len(parts) < 2:
        raise GeometryError(
            f"{where} needs a list 'of' of at least two domains",
            expected=f"{{kind: {kind}, of: [{{kind: Box, ...}}, {{kind: Disk, ...}}]}}",
            got=repr(parts),
            do="list the operands",
        )
    domains = [
        geometry_from_spec(part, base, number=number, where=f"{where}.of[{k}]", _within=within)
        for k, part in enumerate(parts)
    ]
    result = domains[0]
    for domain in domains[1:]:
        result = OPERATIONS[kind](result, domain)
    return result


def _time(spec: Any, number: Number, where: str) -> Time:
    if not isinstance(spec, Mapping) or len(spec) != 1:
        raise GeometryError(
            f"{where}.time must name one coordinate",
            expected="{t: [0, 1]}",
            got=repr(spec),
            do="give the name of time and its two ends",
        )
    ((name, ends),) = spec.items()
    start, end = _pair(ends, number, f"{where}.time.{name}")
    return Time(str(name), start, end)


def _primitive(
    cls: type[Geometry], spec: dict[str, Any], base: Path, number: Number, where: str
) -> Geometry:
    """Call a class with the keys as arguments; axes stand by their own names."""
    arguments = {
        key: value
        if key in _TEXTS or isinstance(value, bool)
        else _numbers(value, number, f"{where}.{key}")
        for key, value in spec.items()
    }
    make: Any = cls
    if cls is Mesh and "path" in spec:
        arguments["path"] = base / spec["path"]
    if issubclass(cls, Box):
        for axis in (key for key in spec if key not in ("name", "coordinate", "low", "high")):
            _pair(arguments[axis], plain_number, f"{where}.{axis}")
        if cls is not Interval:
            return make(**arguments)
        if "coordinate" not in spec:
            arguments = _interval(arguments, where)
    parameters = inspect.signature(cls).parameters
    _refuse_keys(arguments, tuple(parameters), where)
    missing = [
        name for name, p in parameters.items() if p.default is p.empty and name not in arguments
    ]
    if missing:
        raise GeometryError(
            f"{where} lacks '{missing[0]}'",
            expected=", ".join(parameters),
            got=", ".join(spec) or "no keys",
            do=f"add {' and '.join(missing)}",
        )
    return make(**arguments)


def _interval(arguments: dict[str, Any], where: str) -> dict[str, Any]:
    axes = [key for key in arguments if key != "name"]
    if len(axes) != 1:
        raise GeometryError(
            f"{where} must name one coordinate",
            expected="{kind: Interval, x: [-1, 1]}",
            got=", ".join(axes) or "none",
            do="give one coordinate with its two ends; use Box for more",
        )
    low, high = arguments[axes[0]]
    rest = {key: value for key, value in arguments.items() if key == "name"}
    return {"coordinate": axes[0], "low": low, "high": high, **rest}


def _pair(value: Any, number: Number, where: str) -> tuple[float, float]:
    if not isinstance(value, Sequence) or isinstance(value, str) or len(value) != 2:
        raise GeometryError(
            f"{where} must be a pair of ends",
            expected="[low, high]",
            got=repr(value),
            do="give two numbers",
        )
    low, high = _numbers(value, number, where)
    return low, high


def _numbers(value: Any, number: Number, where: str) -> Any:
    """Every number in nested lists, read."""
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [_numbers(v, number, f"{where}[{k}]") for k, v in enumerate(value)]
    try:
        read = number(value)
    except (ValueError, TypeError) as fault:
        raise GeometryError(
            f"{where} must be a number",
            expected="a finite number",
            got=repr(value),
            do=str(fault).splitlines()[0] if str(fault) else "give a number",
        ) from fault
    return int(read) if isinstance(value, int) else read
