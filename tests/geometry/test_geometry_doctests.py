import doctest
import importlib
import pkgutil

import pytest

import pinnlab.geometry
import pinnlab.sampling

MODULES = [
    f"{package.__name__}.{module.name}"
    for package in (pinnlab.geometry, pinnlab.sampling)
    for module in pkgutil.iter_modules(package.__path__)
]


@pytest.mark.parametrize("name", MODULES)
def test_examples_in_docstrings(name):
    module = importlib.import_module(name)
    names = {k: getattr(pinnlab.geometry, k) for k in pinnlab.geometry.__all__}
    assert doctest.testmod(module, extraglobs=names).failed == 0
