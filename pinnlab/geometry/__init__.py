"""Named regions with named boundary pieces: primitives, set operations, time, clouds, SDFs."""

from pinnlab.geometry.ball import Ball as Ball
from pinnlab.geometry.ball import Sphere as Sphere
from pinnlab.geometry.base import Geometry as Geometry
from pinnlab.geometry.base import Sample as Sample
from pinnlab.geometry.base import Where as Where
from pinnlab.geometry.blending import blend as blend
from pinnlab.geometry.box import Box as Box
from pinnlab.geometry.box import Cuboid as Cuboid
from pinnlab.geometry.box import Interval as Interval
from pinnlab.geometry.cloud import PointSet as PointSet
from pinnlab.geometry.csg import Combination as Combination
from pinnlab.geometry.ellipse import Disk as Disk
from pinnlab.geometry.ellipse import Ellipse as Ellipse
from pinnlab.geometry.files import geometry_from_spec as geometry_from_spec
from pinnlab.geometry.files import load_geometry as load_geometry
from pinnlab.geometry.foreign import from_deepxde as from_deepxde
from pinnlab.geometry.hyperball import HyperBall as HyperBall
from pinnlab.geometry.hypercube import Hypercube as Hypercube
from pinnlab.geometry.mesh import Mesh as Mesh
from pinnlab.geometry.polygon import Polygon as Polygon
from pinnlab.geometry.polygon import Triangle as Triangle
from pinnlab.geometry.real_space import RealSpace as RealSpace
from pinnlab.geometry.sdf import SDF as SDF
from pinnlab.geometry.shape import Shape as Shape
from pinnlab.geometry.time import SpaceTime as SpaceTime
from pinnlab.geometry.time import Time as Time

__all__ = [
    "SDF",
    "Ball",
    "Box",
    "Combination",
    "Cuboid",
    "Disk",
    "Ellipse",
    "Geometry",
    "HyperBall",
    "Hypercube",
    "Interval",
    "Mesh",
    "PointSet",
    "Polygon",
    "RealSpace",
    "Sample",
    "Shape",
    "SpaceTime",
    "Sphere",
    "Time",
    "Triangle",
    "Where",
    "blend",
    "from_deepxde",
    "geometry_from_spec",
    "load_geometry",
]
