"""What every way to evaluate a chain of layers is tried on."""

from dataclasses import replace

import pytest
from jets import LAYOUTS, cut_into_blocks

from pinnlab.calculus import chain, products, strips
from pinnlab.calculus.workspace import Workspace


@pytest.fixture(params=LAYOUTS)
def of(request):
    return replace(LAYOUTS[request.param], workspace=Workspace())


@pytest.fixture(
    params=[(1, 0), (20, 0), (20, 10), (10**6, 0), (10**6, 10**6)],
    ids=["points", "blocks", "filled_blocks", "whole", "filled"],
)
def block_numbers(request, monkeypatch):
    numbers, spare = request.param
    cut_into_blocks(monkeypatch, numbers)
    monkeypatch.setattr(chain, "SPARE_NUMBERS", spare)


@pytest.fixture(params=[2, 3])
def shares(request, monkeypatch, torch_threads):
    """Threads that share even the smallest blocks."""
    monkeypatch.setattr(chain, "SHARE_NUMBERS", 1)
    torch_threads(request.param)
    return request.param


@pytest.fixture(params=["compiled", "torch"])
def by(request, monkeypatch):
    """Who carries out the pointwise operations and the matrix products of a chain."""
    if request.param == "torch":
        monkeypatch.setattr(strips, "_strips", None)
        monkeypatch.setattr(products, "_products", None)
    elif not strips.compiled():
        pytest.skip("pinnlab was installed without a compiler")
    return request.param
