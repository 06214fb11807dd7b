"""Run files that several tests share, and what is told of faulty ones."""

from collections.abc import Sequence

import pytest

from pinnlab.config import parse_config
from pinnlab.errors import ConfigError

BURGERS = """\
problem:
  name: burgers
  domain: {kind: Interval, x: [-1, 1], time: {t: [0, 1]}}
  fields: [u]
  parameters: {nu: 0.01/pi}
  equations: {burgers: u.t + u*u.x - nu*u.xx}
  conditions:
    ends: {kind: Dirichlet, u: 0, on: [left, right]}
    start: {kind: Initial, u: -sin(pi*x)}
surrogate: {kind: MLP, width: 6, depth: 2}
points: {interior: 40, boundary: 10}
phases:
  - {kind: Adam, steps: 4, lr: 1e-3, schedule: {kind: Cosine}}
  - {kind: LBFGS, steps: 3}
run: {seed: 1, dtype: float64, device: cpu, progress: false}
"""


def the_only_mistake(text: str, words: Sequence[str]):
    """The one finding of a faulty file, whose message holds the words."""
    with pytest.raises(ConfigError) as caught:
        parse_config(text)
    for word in words:
        assert word in str(caught.value)
    (finding,) = caught.value.findings
    return finding
