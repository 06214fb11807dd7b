"""What every way to evaluate a chain of layers is tried on."""

from dataclasses import replace

import pytest
from jets import LAYOUTS

from pinnlab.calculus import chain


@pytest.fixture(params=LAYOUTS)
def of(request):
    return replace(LAYOUTS[request.param])


@pytest.fixture(
    params=[(1, 0), (20, 0), (20, 10), (10**6, 0), (10**6, 10**6)],
    ids=["points", "blocks", "filled_blocks", "whole", "filled"],
)
def block_numbers(request, monkeypatch):
    numbers, spare = request.param
    monkeypatch.setattr(chain, "BLOCK_NUMBERS", numbers)
    monkeypatch.setattr(chain, "SPARE_NUMBERS", spare)
