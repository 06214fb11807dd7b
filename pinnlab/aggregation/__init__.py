"""Conflict-free directions, one file each."""

from pinnlab.aggregation.base import Aggregator as Aggregator
from pinnlab.aggregation.base import GramianAggregator as GramianAggregator
from pinnlab.aggregation.con_fig import ConFIG as ConFIG
from pinnlab.aggregation.sum import Sum as Sum

__all__ = ["Aggregator", "ConFIG", "GramianAggregator", "Sum"]
