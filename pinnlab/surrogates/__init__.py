"""What represents the solution: networks and bases, and the engine that yields their jets."""

from pinnlab.surrogates.bases import RandomFeatures as RandomFeatures
from pinnlab.surrogates.networks import MLP as MLP
from pinnlab.surrogates.networks import SIREN as SIREN
from pinnlab.surrogates.networks import FourierFeatures as FourierFeatures
from pinnlab.surrogates.networks import ModifiedMLP as ModifiedMLP
from pinnlab.surrogates.networks import PirateNet as PirateNet
from pinnlab.surrogates.time_marching import TimeMarching as TimeMarching

__all__ = [
    "MLP",
    "SIREN",
    "FourierFeatures",
    "ModifiedMLP",
    "PirateNet",
    "RandomFeatures",
    "TimeMarching",
]
