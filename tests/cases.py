"""Registries of everything that generic tests run over: one line here, and all of them apply.

Problems are made by functions, so that no test can disturb another, and are small: a generic test
evaluates them on a few dozen points.
"""

from collections.abc import Callable, Sequence

import torch
from torch import nn

import pinnlab as pl
from pinnlab.aggregation import Aggregator
from pinnlab.optim import Phase
from pinnlab.problems import Assembly, PointBudget, Problem, assemble
from pinnlab.surrogates.base import ACTIVATIONS, Frame, Network, Specification
from pinnlab.typing import Coordinates
from pinnlab.weighting import Weighting

F64 = torch.float64

# --- surrogates -----------------------------------------------------------------------------
NETWORKS: dict[str, Specification] = {
    "MLP": pl.MLP(width=6, depth=2),
    "ModifiedMLP": pl.ModifiedMLP(width=6, depth=2),
    "FourierFeatures": pl.FourierFeatures(width=6, depth=1, features=3, scales=(0.5, 1.0)),
    "SIREN": pl.SIREN(width=6, depth=2, omega_first=2.0, omega=1.5),
    # A positive nonlinearity, so that the blocks take part from the start.
    "PirateNet": pl.PirateNet(width=6, depth=1, scale=0.5, nonlinearity=0.3),
    "RandomFeatures": pl.RandomFeatures(features=7, scale=1.5),
}
OPTIONS: dict[str, dict] = {
    "plain": {},
    "per_field": {"per_field": True},
    "weight_factorization": {"weight_factorization": True},
    "adaptive_activation": {"adaptive_activation": True},
    "unscaled": {"scale_inputs": False},
}
SMOOTH = tuple(name for name in ACTIVATIONS if name != "relu")
TRAINED = {name: spec for name, spec in NETWORKS.items() if isinstance(spec, Network)}


def build(
    spec: Specification,
    dim: int = 2,
    fields: tuple[str, ...] = ("u", "v"),
    dtype: torch.dtype = F64,
    seed: int = 0,
    **frame: object,
) -> nn.Module:
    """The module of a specification on the box [-1, 2]^dim, with every parameter moved off zero."""
    names = ("x", "y", "z", "t")[:dim]
    module = spec.build(
        Frame(Coordinates(names, (1,) * dim), fields, (-1.0,) * dim, (2.0,) * dim, **frame),
        generator=torch.Generator().manual_seed(seed),
        dtype=dtype,
        device=torch.device("cpu"),
    )
    noise = torch.Generator().manual_seed(seed + 1)
    with torch.no_grad():
        for parameter in module.parameters():
            draw = torch.randn(parameter.shape, generator=noise, dtype=torch.float64)
            parameter.add_(0.1 * draw.to(dtype))
    return module


# --- phases and aggregators -----------------------------------------------------------------
PHASES: dict[str, Callable[[int], Phase]] = {
    "Adam": lambda steps: pl.Adam(steps, lr=1e-2),
    "AdamW": lambda steps: pl.Adam(steps, lr=1e-2, weight_decay=1e-3),
    "SGD": lambda steps: pl.Optimizer("SGD", steps, lr=1e-3, options={"momentum": 0.5}),
    "LBFGS": lambda steps: pl.LBFGS(steps),
    "SOAP": lambda steps: pl.SOAP(steps, lr=1e-2),
}
# Made for the names of the terms.
AGGREGATORS: dict[str, Callable[[Sequence[str]], Aggregator]] = {
    "Sum": lambda names: pl.Sum(),
    "ConFIG": lambda names: pl.ConFIG(),
    "MConFIG": lambda names: pl.MConFIG(),
    "UPGrad": lambda names: pl.UPGrad(),
    "ConflictFree": lambda names: pl.ConflictFree(),
    "DualProj": lambda names: pl.DualProj(),
    "MGDA": lambda names: pl.MGDA(),
    "NashMTL": lambda names: pl.NashMTL(),
    "CAGrad": lambda names: pl.CAGrad(c=0.5),
    "PCGrad": lambda names: pl.PCGrad(),
    "AlignedMTL": lambda names: pl.AlignedMTL(),
    "IMTLG": lambda names: pl.IMTLG(),
    "GradVac": lambda names: pl.GradVac(beta=0.5),
    "GradDrop": lambda names: pl.GradDrop(),
    "Bloop": lambda names: pl.Bloop(main=names[0]),
    "MultiAdam": lambda names: pl.MultiAdam(),
    "SparseTraining": lambda names: pl.SparseTraining(0.6, pl.ConFIG()),
    "TorchJD": lambda names: pl.TorchJD("Random"),
}


# --- weightings -----------------------------------------------------------------------------
WEIGHTINGS: dict[str, Weighting] = {
    "GradNorm": pl.GradNorm(every=3),
    "LRA": pl.LRA(every=2),
    "NTK": pl.NTK(every=4, points=5),
    "InverseDirichlet": pl.InverseDirichlet(every=2),
    "ReLoBRaLo": pl.ReLoBRaLo(alpha=0.9, rho=0.5),
    "SoftAdapt": pl.SoftAdapt(beta=1.0, order=2),
    "SelfAdaptive": pl.SelfAdaptive(lr=0.1),
    "SelfAdaptive per term": pl.SelfAdaptive(lr=0.1, per="term", mask="logistic"),
    "RBA": pl.RBA(eta=0.1, gamma=0.9),
    "Causal": pl.Causal(epsilons=(0.1, 1.0), bins=4, patience=6),
}


# --- problems -------------------------------------------------------------------------------
def poisson_line() -> Problem:
    """u'' = −π² sin πx with two soft ends."""
    return pl.Problem(
        pl.Interval("x", 0, 1),
        "u",
        {"poisson": "u.xx + pi**2*sin(pi*x)"},
        {"ends": pl.Dirichlet(u=0)},
        name="poisson_line",
    )


def heat_flux() -> Problem:
    """Heat equation whose ends have a flux and a combination, with a variable conductivity."""
    return pl.Problem(
        pl.Interval("x", 0, 1) * pl.Time("t", 0, 0.5),
        "u",
        {"heat": "u.t - k*u.xx - sin(x)*u.x"},
        {
            "flux": pl.Neumann(u="t", on="left"),
            "cooling": pl.Robin(u=1, alpha="2 + t", beta="k", on="right", weight=3.0),
            "start": pl.Initial(u="x**2"),
        },
        parameters={"k": 0.7},
        name="heat_flux",
    )


def cavity() -> Problem:
    """Steady Navier-Stokes equations, one of them with two components, and a mean pressure."""

    def momentum(u, v, p, *, nu):
        return (
            u * u.x + v * u.y + p.x - nu * (u.xx + u.yy),
            u * v.x + v * v.y + p.y - nu * (v.xx + v.yy),
        )

    return pl.Problem(
        pl.Box(x=(0, 1), y=(0, 1)),
        ["u", "v", "p"],
        {"momentum": momentum, "mass": "u.x + v.y"},
        {
            "walls": pl.Dirichlet(u=0, v=0, on=["left", "right", "bottom"]),
            "lid": pl.Dirichlet(u="4*x*(1 - x)", v=0, on="top", weight=2.0),
            "pressure": pl.Integral("p", 0),
        },
        parameters={"nu": 0.1},
        name="cavity",
    )


def wave_periodic() -> Problem:
    """Wave equation on a ring, both initial states given."""
    return pl.Problem(
        pl.Interval("x", 0, 1) * pl.Time("t", 0, 1),
        "u",
        {"wave": "u.tt - 2*u.xx"},
        {
            "ring": pl.Periodic("u", on=("left", "right")),
            "start": pl.Initial(u="sin(2*pi*x)", u_t=0),
        },
        name="wave_periodic",
    )


def inverse() -> Problem:
    """An unknown conductivity in the equation, an unknown level in a boundary condition."""
    x = torch.linspace(0.1, 0.9, 5, dtype=F64).numpy()
    return pl.Problem(
        pl.Interval("x", 0, 1),
        "u",
        {"heat": "k*u.xx + 1"},
        {
            "left": pl.Dirichlet(u="level", on="left"),
            "right": pl.Neumann(u=0, on="right"),
            "sensors": pl.Data({"x": x, "u": x * (2 - x) + 0.5}, sigma=0.1),
        },
        parameters={
            "k": pl.Unknown(2.0, bounds=(0.1, 10.0), transform="log"),
            "level": pl.Unknown(0.0),
        },
        name="inverse",
    )


def hard_heat() -> Problem:
    """Heat equation on a rectangle whose sides and start hold by construction."""
    return pl.Problem(
        pl.Box(x=(0, 1), y=(0, 2)) * pl.Time("t", 0, 1),
        "u",
        {"heat": "u.t - u.xx - u.yy"},
        {
            "sides": pl.Dirichlet(u=0, hard=True),
            "start": pl.Initial(u="sin(pi*x)*sin(pi*y)", hard=True),
        },
        name="hard_heat",
    )


def two_materials() -> Problem:
    """A field a region, coupled by value and flux."""
    return pl.Problem(
        pl.Box(x=(0, 2), y=(0, 1)),
        ["a", "b"],
        {
            "left half": pl.Equation("a.xx + a.yy", region="steel"),
            "right half": pl.Equation("b.xx + b.yy + 1", region="air"),
        },
        {
            "hot": pl.Dirichlet(a=1, on="left"),
            "cold": pl.Dirichlet(b=0, on="right"),
            "contact": pl.Interface(
                on=("steel", "air"), equal=[("a", "b"), ("3*a.n", "b.n")], points=20
            ),
        },
        regions={"steel": pl.Box(x=(0, 1), y=(0, 1)), "air": pl.Box(x=(1, 2), y=(0, 1))},
        free=("top", "bottom"),
        name="two_materials",
    )


def obstacle() -> Problem:
    """A membrane that must stay above an obstacle: an inequality."""
    return pl.Problem(
        pl.Interval("x", -1, 1),
        "u",
        {"membrane": "u.xx + 1"},
        {
            "ends": pl.Dirichlet(u=0),
            "above": pl.Condition("u - 0.2 + x**2", how="inequality"),
        },
        name="obstacle",
    )


def beam() -> Problem:
    """Fourth order, with two conditions at each end."""
    return pl.Problem(
        pl.Interval("x", 0, 1),
        "w",
        {"beam": "w.xxxx - 1"},
        {
            "clamped": pl.Dirichlet(w=0, on="left"),
            "straight": pl.Condition("w.x", on="left"),
            "moment": pl.Condition("w.xx", on="right"),
            "shear": pl.Condition("w.xxx", on="right"),
        },
        name="beam",
    )


def many_dimensions() -> Problem:
    """Poisson's equation over one vector coordinate."""

    def poisson(u, x):
        return pl.laplacian(u) + 2.0 * pl.dot(x, x)

    return pl.Problem(
        pl.Hypercube("x", dim=5),
        "u",
        {"poisson": poisson},
        {"faces": pl.Dirichlet(u=0)},
        name="many_dimensions",
    )


def all_of_space() -> Problem:
    """Diffusion without a wall, over one vector coordinate and time."""
    return pl.Problem(
        pl.RealSpace("x", dim=4) * pl.Time("t", 0, 0.5),
        "u",
        {"heat": "u.t - laplacian(u)"},
        {"start": pl.Initial(u=lambda x: pl.exp(-0.5 * pl.dot(x, x)))},
        name="all_of_space",
    )


def ring_advection() -> Problem:
    """Advection on a ring that is periodic by construction."""
    return pl.Problem(
        pl.Interval("x", 0, 2) * pl.Time("t", 0, 1),
        "u",
        {"advection": "u.t + u.x"},
        {
            "ring": pl.Periodic(on=("left", "right"), hard=True),
            "start": pl.Initial(u="sin(pi*x)"),
        },
        name="ring_advection",
    )


def soliton_gradient(**sampled: object) -> Problem:
    """A third-order equation and its gradient; the start holds by construction."""
    return pl.Problem(
        pl.Box(x=(-1, 1), y=(0, 1)) * pl.Time("t", 0, 1),
        "u",
        {"kdv": "u.t + 6*u*u.x + u.xxx - c*u.yy - x*sin(y*t)"},
        {
            "start": pl.Initial(u="x*exp(y)", hard=True),
            "gradient": pl.GradientEnhanced("kdv", **sampled),
        },
        parameters={"c": "1 + x**2"},
        name="soliton_gradient",
    )


def sampled_gradient() -> Problem:
    """The same along two random directions."""
    return soliton_gradient(samples=2)


def unit_ball() -> Problem:
    """A problem of the catalogue, with a right side in closed form and a wall that is built in."""
    return pl.high_dimension.allen_cahn(4)


def brownian_paths() -> Problem:
    """A problem of the catalogue in time, on points that come together at its end."""
    return pl.high_dimension.semilinear_heat(4)


PROBLEMS: dict[str, Callable[[], Problem]] = {
    f.__name__: f
    for f in (
        poisson_line,
        heat_flux,
        cavity,
        wave_periodic,
        inverse,
        hard_heat,
        two_materials,
        obstacle,
        beam,
        many_dimensions,
        all_of_space,
        ring_advection,
        soliton_gradient,
    )
}
# Whose directions of differentiation every step draws anew.
RANDOM: dict[str, Callable[[], Problem]] = {"sampled_gradient": sampled_gradient}
SMALL = PointBudget(interior=16, boundary=6)


def assembly(
    problem: Problem,
    surrogate: Specification | nn.Module | None = None,
    budget: PointBudget = SMALL,
    dtype: torch.dtype = F64,
    **options: object,
) -> Assembly:
    """A small objective of a problem, in float64."""
    surrogate = surrogate or pl.MLP(width=5, depth=2)
    return assemble(problem, surrogate, budget=budget, dtype=dtype, **options)


# --- conditions -----------------------------------------------------------------------------
CONDITIONS = {
    "Dirichlet": pl.Dirichlet(u="x"),
    "Neumann": pl.Neumann(u=0, on="left"),
    "Robin": pl.Robin(u=1, alpha=2, beta=3, on="right"),
    "Initial": pl.Initial(u="sin(x)"),
    "Periodic": pl.Periodic("u"),
    "Data": pl.Data({"x": [0.5], "t": [0.5], "u": [1.0]}),
    "Integral": pl.Integral("u", 1),
    "GradientEnhanced": pl.GradientEnhanced("equation"),
    "Interface": pl.Interface(on=("first", "second"), equal=[("u", 1)]),
    "Condition": pl.Condition("u.x - u"),
}
