"""Named regions with named boundary pieces: primitives, set operations, time, clouds, SDFs."""

from pinnlab.geometry.base import Geometry as Geometry
from pinnlab.geometry.base import Sample as Sample
from pinnlab.geometry.base import Where as Where
from pinnlab.geometry.box import Box as Box
from pinnlab.geometry.box import Cuboid as Cuboid
from pinnlab.geometry.box import Interval as Interval
from pinnlab.geometry.time import SpaceTime as SpaceTime
from pinnlab.geometry.time import Time as Time

__all__ = ["Box", "Cuboid", "Geometry", "Interval", "Sample", "SpaceTime", "Time", "Where"]
