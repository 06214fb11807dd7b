"""The names that stay, their signatures, and their documentation."""

import doctest
import importlib
import inspect
import pkgutil
import re

import pytest

import pinnlab as pl

# Public names promised by the declaration language; they stay.
NAMES = [
    "Problem",
    "Unknown",
    "Equation",
    "Dirichlet",
    "Neumann",
    "Robin",
    "Periodic",
    "Initial",
    "Data",
    "Integral",
    "Interface",
    "GradientEnhanced",
    "Condition",
    "Interval",
    "Box",
    "Disk",
    "Ellipse",
    "Polygon",
    "Ball",
    "Cuboid",
    "HyperBall",
    "Hypercube",
    "RealSpace",
    "Mesh",
    "PointSet",
    "SDF",
    "Time",
    "from_deepxde",
    "MLP",
    "ModifiedMLP",
    "FourierFeatures",
    "SIREN",
    "PirateNet",
    "RandomFeatures",
    "Adam",
    "Optimizer",
    "LBFGS",
    "LeastSquares",
    "Cosine",
    "Exponential",
    "Step",
    "Sum",
    "ConFIG",
    "GradNorm",
    "LRA",
    "NTK",
    "InverseDirichlet",
    "ReLoBRaLo",
    "SoftAdapt",
    "SelfAdaptive",
    "RBA",
    "Causal",
    "solve",
    "load",
    "Solution",
    "Callback",
    "EarlyStop",
    "Evaluate",
    "KeepBest",
    "PlotFields",
    "Resample",
    "RAD",
    "RAR",
    "R3",
    "CausalR3",
    "AAS",
    "Reference",
    "PointBudget",
    "d",
    "grad",
    "div",
    "curl",
    "laplacian",
    "biharmonic",
    "dot",
    "advect",
    "norm",
    "Formula",
    "verify",
    "equations",
    "sin",
    "cos",
    "tan",
    "exp",
    "log",
    "sqrt",
    "abs",
    "tanh",
    "sinh",
    "cosh",
    "erf",
    "pi",
    "where",
    "sign",
    "maximum",
    "minimum",
    "heaviside",
    "PinnlabError",
    "DeclarationError",
    "GeometryError",
    "DataError",
    "ConfigError",
    "CheckpointError",
]

SIGNATURES = {
    pl.Problem: [
        "domain",
        "fields",
        "equations",
        "conditions",
        "parameters",
        "regions",
        "free",
        "reference",
        "name",
    ],
    pl.Unknown: ["initial", "bounds", "transform", "true"],
    pl.Dirichlet: ["on", "hard", "weight", "points", "sampler", "values"],
    pl.Neumann: ["on", "weight", "points", "sampler", "values"],
    pl.Robin: ["on", "alpha", "beta", "weight", "points", "sampler", "values"],
    pl.Periodic: ["fields", "on", "order", "hard", "weight", "points", "sampler"],
    pl.Initial: ["hard", "weight", "points", "sampler", "values"],
    pl.Data: ["source", "columns", "sigma", "weight", "points"],
    pl.Interface: ["on", "equal", "weight", "points", "sampler"],
    pl.Adam: [
        "steps",
        "lr",
        "schedule",
        "betas",
        "eps",
        "weight_decay",
        "unknowns_lr",
        "clip",
        "batch",
        "resample",
    ],
    pl.LBFGS: [
        "steps",
        "memory",
        "tolerance_gradient",
        "tolerance_change",
        "line_search",
        "resample",
    ],
}
SOLVE = ["problem", "surrogate", "points", "gradients", "weights", "phases", "callbacks", "seed",
         "dtype", "device", "budget", "out"]  # fmt: skip


def public():
    return {k: v for k, v in vars(pl).items() if not k.startswith("_") and k in NAMES}


def modules():
    for info in pkgutil.walk_packages(pl.__path__, "pinnlab."):
        yield info.name


@pytest.mark.parametrize("name", NAMES)
def test_the_names_stay(name):
    assert hasattr(pl, name)


@pytest.mark.parametrize("thing", SIGNATURES, ids=lambda t: t.__name__)
def test_signatures_stay(thing):
    found = list(inspect.signature(thing).parameters)
    # Further parameters may come, at the end or in between; none may go or change its order.
    assert [name for name in found if name in SIGNATURES[thing]] == SIGNATURES[thing]


def test_the_call_that_solves_stays():
    parameters = inspect.signature(pl.solve).parameters
    assert set(SOLVE) <= set(parameters)
    keyword_only = [k for k, p in parameters.items() if p.kind is p.KEYWORD_ONLY]
    assert "points" in keyword_only
    assert "seed" in keyword_only


@pytest.mark.parametrize("name", [n for n in NAMES if callable(getattr(pl, n, None))])
def test_everything_public_is_documented(name):
    thing = getattr(pl, name)
    text = inspect.getdoc(thing)
    assert text
    assert len(text.splitlines()[0]) <= 100
    if inspect.isclass(thing) and dataclass_fields(thing):
        words = text + "".join(inspect.getdoc(base) or "" for base in thing.__mro__[1:-1])
        for field in dataclass_fields(thing):
            documented = re.search(rf"(^|\s|\*){re.escape(field)}(:|\s*\()", words)
            assert documented, f"{name}.{field}"


def dataclass_fields(thing):
    fields = getattr(thing, "__dataclass_fields__", {})
    init = set(inspect.signature(thing).parameters)
    return [f for f in fields if f in init]


@pytest.mark.parametrize(
    "make",
    [
        lambda: pl.MLP(),
        lambda: pl.Adam(5),
        lambda: pl.LBFGS(5),
        lambda: pl.Cosine(),
        lambda: pl.ConFIG(),
        lambda: pl.Causal(),
        lambda: pl.Unknown(1.0),
        lambda: pl.Dirichlet(u=0),
        lambda: pl.Equation("u"),
        lambda: pl.PointBudget(),
    ],
)
def test_what_is_declared_is_a_frozen_printable_value(make):
    thing = make()
    assert type(thing).__name__ in repr(thing)
    assert " at 0x" not in repr(thing)
    (first, *_) = [*type(thing).__dataclass_fields__, "anything"]
    with pytest.raises((AttributeError, TypeError)):
        setattr(thing, first, 3)


def test_every_module_says_what_it_is():
    for name in modules():
        module = importlib.import_module(name)
        assert (module.__doc__ or "").strip(), name


@pytest.mark.parametrize(
    "package",
    [
        "aggregation",
        "calculus",
        "conditions",
        "objective",
        "optim",
        "problems",
        "surrogates",
        "training",
        "sampling",
        "weighting",
        "linalg",
    ],
)
def test_what_a_package_lists_is_there(package):
    module = importlib.import_module(f"pinnlab.{package}")
    names = getattr(module, "__all__", [])
    assert list(names) == sorted(
        names, key=lambda n: (not n.isupper(), not n[0].isupper(), n)
    ) or len(set(names)) == len(names)
    for name in names:
        assert hasattr(module, name), f"{package}.{name}"


OWN = ("aggregation", "calculus", "conditions", "objective", "optim", "problems", "surrogates",
       "training", "sampling", "weighting", "linalg", "errors", "typing", "verify",
       "_api")  # fmt: skip


@pytest.mark.parametrize("name", ["pinnlab", *(n for n in modules() if n.split(".")[1] in OWN)])
def test_examples_in_docstrings_run(name):
    module = importlib.import_module(name)
    result = doctest.testmod(module, optionflags=doctest.NORMALIZE_WHITESPACE)
    assert result.failed == 0


def test_no_global_state_hides_in_the_package():
    """No registry, cache or switch that one run could change for another."""
    allowed = (str, bytes, int, float, tuple, frozenset, type(None), type, type(re))
    suspicious = []
    for name in modules():
        module = importlib.import_module(name)
        for key, value in vars(module).items():
            if key.startswith("__") or not key.islower() or isinstance(value, allowed):
                continue
            if isinstance(value, (list, dict, set)) and getattr(value, "__module__", None) is None:
                suspicious.append(f"{name}.{key}")
    assert not suspicious, suspicious
