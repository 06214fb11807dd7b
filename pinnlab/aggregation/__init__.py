"""Conflict-free directions, one file each.

==================  =============================================================================
aggregator          what it promises to first order
==================  =============================================================================
``ConflictFree``    the default: terms that share points are one, and none of them increases
``Sum``             the sum of the terms decreases
``ConFIG``          no term increases; independent ones decrease at equal rates
``MConFIG``         the same of momenta, one term a step: the cheapest
``UPGrad``          no term increases; a term counts by its size
``DualProj``        no term increases; closest to the sum
``MGDA``            no term increases; small gradients count most
``NashMTL``         no term increases; sizes of the gradients do not matter
``CAGrad``          the sum decreases; the slowest term falls faster than along the sum
``PCGrad``          of two terms none increases
``AlignedMTL``      the sum decreases, from gradients made orthogonal
``IMTLG``           equal rates, of either sign
``GradVac``         nothing; like ``PCGrad`` with cosines that terms are used to
``GradDrop``        in the mean, the direction of the sum
``Bloop``           auxiliary terms leave the main ones alone
``MultiAdam``       sizes of groups of terms do not matter
``SparseTraining``  what another aggregator promises, for a part of the parameters
``TorchJD``         whatever else the library has, by name
==================  =============================================================================

The small problems behind most of them are solved here, exactly and in tens of microseconds. Those
of TorchJD need further packages for ``UPGrad``, ``DualProj``, ``CAGrad`` and ``NashMTL``, and take
4 to 70 times as long on three gradients; ``AlignedMTL`` and ``TorchJD`` compute with that library.
"""

from pinnlab.aggregation.aligned_mtl import AlignedMTL as AlignedMTL
from pinnlab.aggregation.base import Aggregator as Aggregator
from pinnlab.aggregation.base import GramianAggregator as GramianAggregator
from pinnlab.aggregation.bloop import Bloop as Bloop
from pinnlab.aggregation.ca_grad import CAGrad as CAGrad
from pinnlab.aggregation.con_fig import ConFIG as ConFIG
from pinnlab.aggregation.conflict_free import ConflictFree as ConflictFree
from pinnlab.aggregation.dual_proj import DualProj as DualProj
from pinnlab.aggregation.grad_drop import GradDrop as GradDrop
from pinnlab.aggregation.grad_vac import GradVac as GradVac
from pinnlab.aggregation.imtl_g import IMTLG as IMTLG
from pinnlab.aggregation.m_con_fig import MConFIG as MConFIG
from pinnlab.aggregation.mgda import MGDA as MGDA
from pinnlab.aggregation.multi_adam import MultiAdam as MultiAdam
from pinnlab.aggregation.nash_mtl import NashMTL as NashMTL
from pinnlab.aggregation.pc_grad import PCGrad as PCGrad
from pinnlab.aggregation.sparse_training import SparseTraining as SparseTraining
from pinnlab.aggregation.sum import Sum as Sum
from pinnlab.aggregation.torch_jd import TorchJD as TorchJD
from pinnlab.aggregation.up_grad import UPGrad as UPGrad

__all__ = [
    "IMTLG",
    "MGDA",
    "Aggregator",
    "AlignedMTL",
    "Bloop",
    "CAGrad",
    "ConFIG",
    "ConflictFree",
    "DualProj",
    "GradDrop",
    "GradVac",
    "GramianAggregator",
    "MConFIG",
    "MultiAdam",
    "NashMTL",
    "PCGrad",
    "SparseTraining",
    "Sum",
    "TorchJD",
    "UPGrad",
]
