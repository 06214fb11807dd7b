"""Bases whose functions are linear in the parameters, one file each."""

from pinnlab.surrogates.bases.random_features import RandomFeatures as RandomFeatures

__all__ = ["RandomFeatures"]
