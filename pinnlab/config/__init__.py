"""YAML to objects and back: the constructor signatures are the schema.

:func:`load_config` reads a file into a problem and the arguments of :func:`pinnlab.solve`, or
raises one :class:`~pinnlab.errors.ConfigError` with every finding; :func:`to_config` is the
inverse.
"""

from pinnlab.config.describe import describe_object as describe_object
from pinnlab.config.describe import to_config as to_config
from pinnlab.config.describe import to_yaml as to_yaml
from pinnlab.config.findings import Finding as Finding
from pinnlab.config.run_config import RunConfig as RunConfig
from pinnlab.config.run_config import load_config as load_config
from pinnlab.config.run_config import parse_config as parse_config

__all__ = [
    "Finding",
    "RunConfig",
    "describe_object",
    "load_config",
    "parse_config",
    "to_config",
    "to_yaml",
]
