"""Neural networks, one file each."""

from pinnlab.surrogates.networks.fourier_features import FourierFeatures as FourierFeatures
from pinnlab.surrogates.networks.mlp import MLP as MLP
from pinnlab.surrogates.networks.modified_mlp import ModifiedMLP as ModifiedMLP
from pinnlab.surrogates.networks.pirate_net import PirateNet as PirateNet
from pinnlab.surrogates.networks.siren import SIREN as SIREN

__all__ = ["MLP", "SIREN", "FourierFeatures", "ModifiedMLP", "PirateNet"]
