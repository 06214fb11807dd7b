"""Every equation against SymPy, and against exact solutions.

The table writes each equation out once more, from its printed form, in SymPy. On a smooth
manufactured solution, which solves nothing, the library's residual must equal SymPy's at every
point; a wrong sign, factor or derivative would show. Exact solutions then test both at once.
"""

import inspect
from dataclasses import dataclass, field

import pytest
import sympy as sp
import torch

from pinnlab import equations
from pinnlab.calculus import (
    Formula,
    PointSource,
    RandomSource,
    SubstitutedSource,
    components,
    coordinate_jets,
    environment,
    linear,
    record,
)
from pinnlab.errors import DeclarationError
from pinnlab.typing import Coordinates


@dataclass(frozen=True)
class Case:
    """One equation, a manufactured solution, and its residual written out by hand."""

    coordinates: str
    fields: dict[str, str]
    residual: object  # names -> SymPy expressions
    coefficients: dict[str, object] = field(default_factory=dict)
    linear: bool = True
    at: tuple[float, float] = (0.1, 0.9)


WAVE = "sin(2*x + 1)*exp(-t) + 0.3*x*t**2"
WAVE_2D = "sin(2*x + y)*exp(-t) + x*y**2*t"
OTHER_2D = "cos(x - 2*y + t) + 0.2*x**3*y"
THIRD_2D = "exp(x/2)*sin(y + 2*t)"
WAVE_3D = "sin(2*x + y - z)*exp(-t) + x*y**2*z"
OTHER_3D = "cos(x - 2*y + z + t) + 0.2*x**3*y"
THIRD_3D = "exp(x/2)*sin(y + 2*t)*z**2"
FOURTH_3D = "x*y*z + cos(z - t)*x"
STATIC_2D = {"u": "sin(2*x + y) + x*y**2", "v": "cos(x - 2*y) + 0.2*x**3*y", "p": "exp(x/2)*sin(y)"}
STATIC_3D = {
    "u": "sin(2*x + y - z) + x*y**2*z",
    "v": "cos(x - 2*y + z) + 0.2*x**3*y",
    "w": "exp(x/2)*sin(y)*z**2",
    "p": "x*y*z + cos(z)*x",
}


def lap(u, *by):
    return sum(sp.diff(u, c, 2) for c in by)


def momentum(s, u, c, f, velocity, by, steady, p="p"):
    inertia = sum(w * sp.diff(u, b) for w, b in zip(velocity, by, strict=True))
    pressure = sp.diff(s[p], c) / s["rho"]
    time = 0 if steady else sp.diff(u, s["t"])
    return time + inertia + pressure - s["nu"] * lap(u, *by) - f


def flow(s, names, steady):
    by = [s[c] for c in "xyz"[: len(names)]]
    velocity = [s[n] for n in names]
    out = [
        momentum(s, u, c, s[f"f{k}"], velocity, by, steady)
        for k, (u, c) in enumerate(zip(velocity, by, strict=True))
    ]
    return [*out, sum(sp.diff(u, c) for u, c in zip(velocity, by, strict=True))]


def creeping(s, names):
    by = [s[c] for c in "xyz"[: len(names)]]
    out = [
        -s["mu"] * lap(s[n], *by) + sp.diff(s["p"], c) - s[f"f{k}"]
        for k, (n, c) in enumerate(zip(names, by, strict=True))
    ]
    return [*out, sum(sp.diff(s[n], c) for n, c in zip(names, by, strict=True))]


def navier(s, names, lame):
    """-∇·σ = f from the stress tensor, component by component."""
    by = [s[c] for c in "xyz"[: len(names)]]
    a = [s[n] for n in names]
    G = s["E"] / (2 * (1 + s["nu"]))
    strain = [
        [(sp.diff(a[i], by[j]) + sp.diff(a[j], by[i])) / 2 for j in range(len(a))]
        for i in range(len(a))
    ]
    trace = sum(strain[i][i] for i in range(len(a)))
    sigma = [
        [2 * G * strain[i][j] + (lame * trace if i == j else 0) for j in range(len(a))]
        for i in range(len(a))
    ]
    return [
        -sum(sp.diff(sigma[i][j], by[j]) for j in range(len(a))) - s[f"f{i}"] for i in range(len(a))
    ]


def lame_of(s):
    return s["E"] * s["nu"] / ((1 + s["nu"]) * (1 - 2 * s["nu"]))


def schrodinger(s):
    """From the complex form, split by SymPy."""
    u, v = s["u"], s["v"]
    psi = u + sp.I * v
    left = sp.I * sp.diff(psi, s["t"]) + lap(psi, s["x"]) / 2 - s["V"] * psi
    left = sp.expand(left + s["g"] * (u**2 + v**2) * psi)
    return [left.coeff(sp.I, 0), left.coeff(sp.I, 1)]


d = sp.diff
U1 = {"u": WAVE}
U2 = {"u": WAVE_2D}
F2, F3 = ["sin(x)*y", "x - y**2"], ["sin(x)*y", "x - y**2", "z*x"]

CASES: dict[str, Case] = {
    "advection": Case(
        "x y t",
        U2,
        lambda s: (
            d(s["u"], s["t"]) + s["c0"] * d(s["u"], s["x"]) + s["c1"] * d(s["u"], s["y"]) - s["f"]
        ),
        {"c": ["1 + y", "-x"], "f": "x*t"},
    ),
    "advection_diffusion": Case(
        "x t",
        U1,
        lambda s: (
            d(s["u"], s["t"]) + s["c"] * d(s["u"], s["x"]) - s["D"] * lap(s["u"], s["x"]) - s["f"]
        ),
        {"c": 0.7, "D": 0.3, "f": "x*t"},
    ),
    "allen_cahn": Case(
        "x t",
        U1,
        lambda s: (
            d(s["u"], s["t"]) - s["D"] * lap(s["u"], s["x"]) - s["R"] * (s["u"] - s["u"] ** 3)
        ),
        {"D": 0.1, "R": 5.0},
        linear=False,
    ),
    "black_scholes": Case(
        "S t",
        {"V": "S**2*exp(-t) + sin(S)*t"},
        lambda s: (
            d(s["V"], s["t"])
            + s["sigma"] ** 2 * s["S"] ** 2 * d(s["V"], s["S"], 2) / 2
            + s["r"] * s["S"] * d(s["V"], s["S"])
            - s["r"] * s["V"]
        ),
        {"r": 0.05, "sigma": 0.4},
    ),
    "burgers": Case(
        "x t",
        U1,
        lambda s: d(s["u"], s["t"]) + s["u"] * d(s["u"], s["x"]) - s["nu"] * d(s["u"], s["x"], 2),
        {"nu": 0.05},
        linear=False,
    ),
    "burgers_2d": Case(
        "x y t",
        {"u": WAVE_2D, "v": OTHER_2D},
        lambda s: [
            d(w, s["t"])
            + s["u"] * d(w, s["x"])
            + s["v"] * d(w, s["y"])
            - s["nu"] * lap(w, s["x"], s["y"])
            for w in (s["u"], s["v"])
        ],
        {"nu": 0.05},
        linear=False,
    ),
    "cahn_hilliard": Case(
        "x y t",
        U2,
        lambda s: (
            d(s["u"], s["t"])
            - s["D"]
            * lap(s["u"] ** 3 - s["u"] - s["gamma"] * lap(s["u"], s["x"], s["y"]), s["x"], s["y"])
        ),
        {"D": 0.5, "gamma": 0.02},
        linear=False,
    ),
    "cahn_hilliard_mixed": Case(
        "x t",
        {"u": WAVE, "mu": "cos(x*t)"},
        lambda s: [
            d(s["u"], s["t"]) - s["D"] * lap(s["mu"], s["x"]),
            s["mu"] - s["u"] ** 3 + s["u"] + s["gamma"] * lap(s["u"], s["x"]),
        ],
        {"D": 0.5, "gamma": 0.02},
        linear=False,
    ),
    "conduction": Case(
        "x y t",
        U2,
        lambda s: (
            s["rho_c"] * d(s["u"], s["t"])
            - d(s["k"] * d(s["u"], s["x"]), s["x"])
            - d(s["k"] * d(s["u"], s["y"]), s["y"])
            - s["f"]
        ),
        {"k": "1 + x**2*y", "rho_c": 2.0, "f": "x*t"},
    ),
    "darcy": Case(
        "x y",
        {"u": "sin(2*x + y) + x*y**2"},
        lambda s: (
            -d(s["k"] * d(s["u"], s["x"]), s["x"]) - d(s["k"] * d(s["u"], s["y"]), s["y"]) - s["f"]
        ),
        {"k": "exp(x*y)", "f": "x + y"},
    ),
    "eikonal": Case(
        "x y",
        {"u": "sin(2*x + y) + x*y**2"},
        lambda s: d(s["u"], s["x"]) ** 2 + d(s["u"], s["y"]) ** 2 - 1 / s["c"] ** 2,
        {"c": "1 + x*y"},
        linear=False,
    ),
    "elasticity_3d": Case(
        "x y z",
        {n: STATIC_3D[n] for n in "uvw"},
        lambda s: navier(s, "uvw", lame_of(s)),
        {"E": "2 + x*y", "nu": 0.3, "f": F3},
    ),
    "elasticity_plane_strain": Case(
        "x y",
        {n: STATIC_2D[n] for n in "uv"},
        lambda s: navier(s, "uv", lame_of(s)),
        {"E": 2.0, "nu": "0.2 + x/10", "f": F2},
    ),
    "elasticity_plane_stress": Case(
        "x y",
        {n: STATIC_2D[n] for n in "uv"},
        lambda s: navier(s, "uv", s["E"] * s["nu"] / (1 - s["nu"] ** 2)),
        {"E": 2.0, "nu": 0.3, "f": F2},
    ),
    "euler_bernoulli": Case(
        "x",
        {"w": "sin(3*x) + x**5"},
        lambda s: d(s["EI"] * d(s["w"], s["x"], 2), s["x"], 2) - s["q"],
        {"EI": "1 + x**2", "q": "exp(x)"},
    ),
    "euler_bernoulli_dynamic": Case(
        "x t",
        {"w": "sin(3*x)*cos(2*t) + x**5"},
        lambda s: (
            s["m"] * d(s["w"], s["t"], 2) + d(s["EI"] * d(s["w"], s["x"], 2), s["x"], 2) - s["q"]
        ),
        {"EI": 1.5, "m": 0.7, "q": "exp(x)*t"},
    ),
    "fisher_kpp": Case(
        "x t",
        U1,
        lambda s: d(s["u"], s["t"]) - s["D"] * lap(s["u"], s["x"]) - s["r"] * s["u"] * (1 - s["u"]),
        {"D": 0.3, "r": 2.0},
        linear=False,
    ),
    "fokker_planck": Case(
        "x y t",
        {"p": WAVE_2D},
        lambda s: (
            d(s["p"], s["t"])
            + d(s["b0"] * s["p"], s["x"])
            + d(s["b1"] * s["p"], s["y"])
            - lap(s["D"] * s["p"], s["x"], s["y"])
        ),
        {"b": ["-x + y", "x*y"], "D": "1 + x**2"},
    ),
    "gray_scott": Case(
        "x y t",
        {"u": WAVE_2D, "v": OTHER_2D},
        lambda s: [
            d(s["u"], s["t"])
            - s["D_u"] * lap(s["u"], s["x"], s["y"])
            + s["u"] * s["v"] ** 2
            - s["F"] * (1 - s["u"]),
            d(s["v"], s["t"])
            - s["D_v"] * lap(s["v"], s["x"], s["y"])
            - s["u"] * s["v"] ** 2
            + (s["F"] + s["k"]) * s["v"],
        ],
        {"D_u": 0.2, "D_v": 0.1, "F": 0.04, "k": 0.06},
        linear=False,
    ),
    "heat": Case(
        "x y t",
        U2,
        lambda s: d(s["u"], s["t"]) - s["alpha"] * lap(s["u"], s["x"], s["y"]) - s["f"],
        {"alpha": 0.3, "f": "x*t"},
    ),
    "helmholtz": Case(
        "x y",
        {"u": "sin(2*x + y) + x*y**2"},
        lambda s: lap(s["u"], s["x"], s["y"]) + s["k"] ** 2 * s["u"] - s["f"],
        {"k": "2 + x", "f": "x*y"},
    ),
    "kdv": Case(
        "x t",
        U1,
        lambda s: (
            d(s["u"], s["t"]) + s["a"] * s["u"] * d(s["u"], s["x"]) + s["b"] * d(s["u"], s["x"], 3)
        ),
        {"a": 5.0, "b": 0.7},
        linear=False,
    ),
    "kirchhoff_plate": Case(
        "x y",
        {"w": "sin(2*x + y) + x**2*y**4"},
        lambda s: s["D"] * lap(lap(s["w"], s["x"], s["y"]), s["x"], s["y"]) - s["q"],
        {"D": 1.5, "q": "x*y"},
    ),
    "klein_gordon": Case(
        "x t",
        U1,
        lambda s: (
            d(s["u"], s["t"], 2)
            - s["c"] ** 2 * lap(s["u"], s["x"])
            + s["m"] ** 2 * s["u"]
            + s["g"] * s["u"] ** 3
            - s["f"]
        ),
        {"c": 1.3, "m": 0.8, "g": 0.5, "f": "x*t"},
        linear=False,
    ),
    "kuramoto_sivashinsky": Case(
        "x t",
        U1,
        lambda s: (
            d(s["u"], s["t"])
            + s["alpha"] * s["u"] * d(s["u"], s["x"])
            + s["beta"] * d(s["u"], s["x"], 2)
            + s["gamma"] * d(s["u"], s["x"], 4)
        ),
        {"alpha": 1.2, "beta": 0.8, "gamma": 0.6},
        linear=False,
    ),
    "laplace": Case("x y z", {"u": STATIC_3D["u"]}, lambda s: lap(s["u"], s["x"], s["y"], s["z"])),
    "lorenz": Case(
        "t",
        {"x": "sin(t)", "y": "exp(-t)", "z": "t**2"},
        lambda s: [
            d(s["x"], s["t"]) - s["sigma"] * (s["y"] - s["x"]),
            d(s["y"], s["t"]) - s["x"] * (s["rho"] - s["z"]) + s["y"],
            d(s["z"], s["t"]) - s["x"] * s["y"] + s["beta"] * s["z"],
        ],
        {"sigma": 9.0, "rho": 27.0, "beta": 2.5},
        linear=False,
    ),
    "lotka_volterra": Case(
        "t",
        {"x": "sin(t) + 2", "y": "exp(-t)"},
        lambda s: [
            d(s["x"], s["t"]) - s["alpha"] * s["x"] + s["beta"] * s["x"] * s["y"],
            d(s["y"], s["t"]) - s["delta"] * s["x"] * s["y"] + s["gamma"] * s["y"],
        ],
        {"alpha": 1.1, "beta": 0.4, "gamma": 0.6, "delta": 0.2},
        linear=False,
    ),
    "maxwell_te": Case(
        "x y t",
        {"E_x": WAVE_2D, "E_y": OTHER_2D, "H_z": THIRD_2D},
        lambda s: [
            s["eps"] * d(s["E_x"], s["t"]) + s["sigma"] * s["E_x"] - d(s["H_z"], s["y"]) + s["J0"],
            s["eps"] * d(s["E_y"], s["t"]) + s["sigma"] * s["E_y"] + d(s["H_z"], s["x"]) + s["J1"],
            # Faraday: μ ∂t H = -curl E, whose z component is -(∂x E_y - ∂y E_x)
            s["mu"] * d(s["H_z"], s["t"]) + d(s["E_y"], s["x"]) - d(s["E_x"], s["y"]),
        ],
        {"eps": "1 + x", "mu": 1.2, "sigma": 0.3, "J": F2},
    ),
    "maxwell_tm": Case(
        "x y t",
        {"E_z": WAVE_2D, "H_x": OTHER_2D, "H_y": THIRD_2D},
        lambda s: [
            s["eps"] * d(s["E_z"], s["t"])
            + s["sigma"] * s["E_z"]
            - (d(s["H_y"], s["x"]) - d(s["H_x"], s["y"]))
            + s["J"],
            s["mu"] * d(s["H_x"], s["t"]) + d(s["E_z"], s["y"]),
            s["mu"] * d(s["H_y"], s["t"]) - d(s["E_z"], s["x"]),
        ],
        {"eps": 1.4, "mu": 1.2, "sigma": 0.3, "J": "x*y"},
    ),
    "navier_stokes_2d": Case(
        "x y t",
        {"u": WAVE_2D, "v": OTHER_2D, "p": THIRD_2D},
        lambda s: flow(s, "uv", steady=False),
        {"nu": 0.1, "rho": 1.3, "f": F2},
        linear=False,
    ),
    "navier_stokes_3d": Case(
        "x y z t",
        {"u": WAVE_3D, "v": OTHER_3D, "w": THIRD_3D, "p": FOURTH_3D},
        lambda s: flow(s, "uvw", steady=False),
        {"nu": 0.1, "rho": 1.3, "f": F3},
        linear=False,
    ),
    "navier_stokes_2d_steady": Case(
        "x y",
        STATIC_2D,
        lambda s: flow(s, "uv", steady=True),
        {"nu": 0.1, "rho": 1.3, "f": F2},
        linear=False,
    ),
    "navier_stokes_3d_steady": Case(
        "x y z",
        STATIC_3D,
        lambda s: flow(s, "uvw", steady=True),
        {"nu": 0.1, "rho": 1.3, "f": F3},
        linear=False,
    ),
    "pendulum": Case(
        "t",
        {"theta": "sin(2*t) + t"},
        lambda s: (
            d(s["theta"], s["t"], 2)
            + s["damping"] * d(s["theta"], s["t"])
            + s["g"] / s["length"] * sp.sin(s["theta"])
        ),
        {"g": 9.8, "length": 0.7, "damping": 0.1},
        linear=False,
    ),
    "poisson": Case(
        "x y z",
        {"u": STATIC_3D["u"]},
        lambda s: -lap(s["u"], s["x"], s["y"], s["z"]) - s["f"],
        {"f": "x*y*z"},
    ),
    "reaction_diffusion": Case(
        "x t",
        U1,
        lambda s: d(s["u"], s["t"]) - s["D"] * lap(s["u"], s["x"]) - s["R"],
        {"D": 0.3, "R": "u**2 - x*u"},
        linear=False,
    ),
    "schrodinger": Case(
        "x t",
        {"u": WAVE, "v": "cos(x*t)"},
        schrodinger,
        {"V": "x**2/2", "g": 0.6},
        linear=False,
    ),
    "sine_gordon": Case(
        "x t",
        U1,
        lambda s: (
            d(s["u"], s["t"], 2) - s["c"] ** 2 * lap(s["u"], s["x"]) + s["m"] ** 2 * sp.sin(s["u"])
        ),
        {"c": 1.3, "m": 0.8},
        linear=False,
    ),
    "stokes": Case("x y", STATIC_2D, lambda s: creeping(s, "uv"), {"mu": 0.7, "f": F2}),
    "stokes_3d": Case("x y z", STATIC_3D, lambda s: creeping(s, "uvw"), {"mu": 0.7, "f": F3}),
    "wave": Case(
        "x y t",
        U2,
        lambda s: d(s["u"], s["t"], 2) - s["c"] ** 2 * lap(s["u"], s["x"], s["y"]) - s["f"],
        {"c": "1 + x", "f": "x*t"},
    ),
}


def space_time(text):
    names = tuple(text.split())
    return Coordinates(names, (1,) * len(names), time="t" if "t" in names else None)


def as_formula(value):
    """A coefficient as a problem hands it over: vectors of texts are texts of vectors."""
    if isinstance(value, list):
        return Formula("[" + ", ".join(value) + "]")
    return Formula(value) if isinstance(value, str) else value


def by_library(name, coordinates, x, fields, coefficients):
    """The residual components (k, n) of the library on closed-form fields."""
    base = PointSource(coordinates, x)
    jets = {n: Formula(text)(coordinate_jets(base)) for n, text in fields.items()}
    extra = {n: as_formula(value) for n, value in coefficients.items()}
    env = environment(SubstitutedSource(base, jets), list(fields), extra)
    formula = Formula(equations.equation(name))
    return torch.stack(components(formula(env), len(x)))


def by_sympy(case, coordinates, x):
    """The residual components (k, n) of the table."""
    symbols = {n: sp.Symbol(n) for n in coordinates.names}
    named = dict(symbols)
    for texts in (case.fields, case.coefficients):
        for n, value in texts.items():
            for key, text in (
                [(f"{n}{k}", entry) for k, entry in enumerate(value)]
                if isinstance(value, list)
                else [(n, value)]
            ):
                named[key] = sp.sympify(text, locals=dict(named)) if isinstance(text, str) else text
    # A field may be called like a SymPy function or a coordinate, so that names are given.
    residual = case.residual(named)
    parts = residual if isinstance(residual, list) else [residual]
    values = [sp.lambdify(list(symbols.values()), part, "numpy")(*x.T.numpy()) for part in parts]
    ones = torch.ones(len(x), dtype=torch.float64)
    return torch.stack([ones * torch.as_tensor(value) for value in values])


def points(case, coordinates, n=9):
    generator = torch.Generator().manual_seed(1)
    low, high = case.at
    draw = torch.rand(n, coordinates.dim, generator=generator, dtype=torch.float64)
    return low + (high - low) * draw


@pytest.mark.parametrize("name", CASES)
def test_the_residual_is_the_printed_equation(name):
    case = CASES[name]
    coordinates = space_time(case.coordinates)
    x = points(case, coordinates)
    expected = by_sympy(case, coordinates, x)
    got = by_library(name, coordinates, x, case.fields, case.coefficients)
    # Rounding only: up to fourth derivatives of numbers of order one to 1e3.
    torch.testing.assert_close(got, expected, rtol=1e-10, atol=1e-10)
    assert (expected.abs().amax(1) > 1e-3).all(), "a residual that vanishes would test nothing"


@pytest.mark.parametrize("name", CASES)
def test_every_coefficient_counts(name):
    case = CASES[name]
    coordinates = space_time(case.coordinates)
    x = points(case, coordinates)
    exact = by_library(name, coordinates, x, case.fields, case.coefficients)
    parameters = inspect.signature(equations.equation(name)).parameters.values()
    keywords = [p.name for p in parameters if p.kind is p.KEYWORD_ONLY]
    assert keywords == list(case.coefficients), "the table must set every coefficient"
    for keyword in keywords:
        value = case.coefficients[keyword]
        entries = value if isinstance(value, list) else [value]
        for k in range(len(entries)):
            changed = [f"1.1*({e}) + 0.01" if j == k else e for j, e in enumerate(entries)]
            perturbed = changed if isinstance(value, list) else changed[0]
            other = by_library(
                name, coordinates, x, case.fields, case.coefficients | {keyword: perturbed}
            )
            assert (other - exact).abs().max() > 1e-4, keyword


@pytest.mark.parametrize("name", CASES)
def test_the_plan_and_the_linearity_are_right(name):
    case = CASES[name]
    coordinates = space_time(case.coordinates)
    extra = {n: as_formula(value) for n, value in case.coefficients.items()}
    formula = Formula(equations.equation(name))
    plan, count = record(formula, coordinates, list(case.fields), extra)
    assert count == len(by_sympy(case, coordinates, points(case, coordinates)))
    assert set(plan.fields) == set(case.fields)
    assert linear(formula, coordinates, list(case.fields), extra) is case.linear


@pytest.mark.parametrize("name", equations.names())
def test_every_equation_is_in_the_table_and_documented(name):
    function = equations.equation(name)
    assert name in CASES
    assert getattr(equations, name) is function
    text = inspect.getdoc(function) or ""
    assert ".. math::" in text
    assert "References:" in text
    assert "left minus right side" in text
    for parameter in inspect.signature(function).parameters:
        assert f"    {parameter}: " in text, parameter


def test_names_are_found_however_they_are_written():
    for spelling in ("navier_stokes_2d", "NavierStokes2D", "NAVIER-STOKES-2D", "navier stokes 2d"):
        assert equations.equation(spelling) is equations.navier_stokes_2d
    with pytest.raises(DeclarationError, match=r"'burger'(.|\n)*mean 'burgers'"):
        equations.equation("burger")
    assert list(equations.names()) == sorted(equations.names())


# -- exact solutions ----------------------------------------------------------------------------

GAUSS = "(1 + erf(({})/sqrt(2)))/2"
D1 = "(log(S) + (0.05 + 0.4**2/2)*(1 - t))/(0.4*sqrt(1 - t))"
D2 = f"({D1} - 0.4*sqrt(1 - t))"
KOVASZNAY = "(1/(2*nu) - sqrt(1/(4*nu**2) + 4*pi**2))".replace("nu", "0.05")
BELTRAMI_DECAY = "exp(-0.1*t)"  # ν d² with d = 1, ν = 0.1

# name: coordinates, fields, coefficients, (a coefficient to change, its wrong value)
EXACT = {
    "advection: a travelling wave": (
        "advection", "x t", {"u": "sin(3*(x - 0.7*t))"}, {"c": 0.7}, ("c", 0.8),
    ),
    "advection_diffusion: a decaying wave": (
        "advection_diffusion", "x t", {"u": "exp(-0.2*9*t)*sin(3*(x - 0.7*t))"},
        {"c": 0.7, "D": 0.2}, ("D", 0.21),
    ),
    "allen_cahn: a standing front": (
        "allen_cahn", "x t", {"u": "tanh(x/sqrt(2*0.1/5))"}, {"D": 0.1, "R": 5.0}, ("R", 4.0),
    ),
    "black_scholes: a call": (
        "black_scholes", "S t",
        {"V": f"S*{GAUSS.format(D1)} - exp(-0.05*(1 - t))*{GAUSS.format(D2)}"},
        {"r": 0.05, "sigma": 0.4}, ("sigma", 0.41),
    ),
    "burgers: a viscous shock": (
        "burgers", "x t", {"u": "0.5 - 0.4*tanh(0.4*(x - 0.5*t)/(2*0.1))"}, {"nu": 0.1},
        ("nu", 0.11),
    ),
    "burgers_2d: Fletcher's solution": (
        "burgers_2d", "x y t",
        {
            "u": "3/4 - 1/(4*(1 + exp((-4*x + 4*y - t)/(32*0.1))))",
            "v": "3/4 + 1/(4*(1 + exp((-4*x + 4*y - t)/(32*0.1))))",
        },
        {"nu": 0.1}, ("nu", 0.2),
    ),
    "cahn_hilliard: a standing interface": (
        "cahn_hilliard", "x t", {"u": "tanh(x/sqrt(2*0.04))"}, {"D": 0.7, "gamma": 0.04},
        ("gamma", 0.05),
    ),
    "cahn_hilliard_mixed: a standing interface": (
        "cahn_hilliard_mixed", "x t", {"u": "tanh(x/sqrt(2*0.04))", "mu": "0"},
        {"D": 0.7, "gamma": 0.04}, ("gamma", 0.05),
    ),
    "conduction: a conductivity that varies": (
        "conduction", "x t", {"u": "log(x + 1) - 0*t"}, {"k": "1 + x"}, ("k", "1 + x**2"),
    ),
    "darcy: constant flux": (
        "darcy", "x y", {"u": "log(x + 1)"}, {"k": "1 + x"}, ("k", "1 + x**2"),
    ),
    "eikonal: the distance to a point": (
        "eikonal", "x y", {"u": "sqrt(x**2 + y**2)/2"}, {"c": 2.0}, ("c", 2.1),
    ),
    "elasticity_plane_strain: pressure along x": (
        # σ_xx = (λ + 2μ) u_x with u = x²/2, so that f = -(λ + 2μ)
        "elasticity_plane_strain", "x y", {"u": "x**2/2", "v": "0*x"},
        {"E": 2.0, "nu": 0.25, "f": ["-2.4", "0"]}, ("nu", 0.26),
    ),
    "elasticity_plane_stress: pressure along x": (
        "elasticity_plane_stress", "x y", {"u": "x**2/2", "v": "0*x"},
        {"E": 1.5, "nu": 0.5, "f": ["-2", "0"]}, ("E", 1.6),
    ),
    "elasticity_3d: simple shear of a loaded block": (
        "elasticity_3d", "x y z", {"u": "z**2", "v": "0*x", "w": "0*x"},
        {"E": 2.5, "nu": 0.25, "f": ["-2", "0", "0"]}, ("E", 2.0),
    ),
    "euler_bernoulli: a clamped beam": (
        "euler_bernoulli", "x", {"w": "x**2*(1 - x)**2/24"}, {"EI": 1.0, "q": 1.0}, ("EI", 1.1),
    ),
    "euler_bernoulli_dynamic: a standing wave": (
        "euler_bernoulli_dynamic", "x t", {"w": "sin(2*x)*cos(8*t)"}, {"EI": 2.0, "m": 0.5},
        ("m", 0.6),
    ),
    "fisher_kpp: Ablowitz and Zeppetella's front": (
        "fisher_kpp", "x t", {"u": "(1 + exp((x - 5*t/sqrt(6))/sqrt(6)))**-2"},
        {"D": 1.0, "r": 1.0}, ("r", 1.1),
    ),
    "fokker_planck: the Ornstein-Uhlenbeck equilibrium": (
        "fokker_planck", "x t", {"p": "exp(-x**2/(2*0.3))"}, {"b": "-x", "D": 0.3}, ("D", 0.31),
    ),
    "gray_scott: the bare state": (
        "gray_scott", "x t", {"u": "1 + exp(-(0.04 + 0.2*4)*t)*sin(2*x)", "v": "0*x"},
        {"D_u": 0.2, "D_v": 0.1, "F": 0.04, "k": 0.06}, ("D_u", 0.3),
    ),
    "heat: a decaying mode": (
        "heat", "x y t", {"u": "exp(-0.3*13*t)*sin(2*x)*sin(3*y)"}, {"alpha": 0.3},
        ("alpha", 0.31),
    ),
    "helmholtz: a plane wave": (
        "helmholtz", "x y", {"u": "cos(3*x + 4*y)"}, {"k": 5.0}, ("k", 5.1),
    ),
    "kdv: a soliton": (
        "kdv", "x t", {"u": "cosh(sqrt(2)/2*(x - 2*t))**-2"}, {}, ("a", 5.0),
    ),
    "kirchhoff_plate: a sine load": (
        "kirchhoff_plate", "x y", {"w": "sin(x)*sin(2*y)"},
        {"D": 2.0, "q": "50*sin(x)*sin(2*y)"}, ("D", 2.1),
    ),
    "klein_gordon: a plane wave": (
        "klein_gordon", "x t", {"u": "cos(3*x - 5*t)"}, {"c": 1.0, "m": 4.0}, ("m", 4.1),
    ),
    "kuramoto_sivashinsky: the tanh front": (
        # u = 15/19 √(11/19) (-9 tanh ξ + 11 tanh³ ξ), ξ = ½ √(11/19) x, at rest
        "kuramoto_sivashinsky", "x t",
        {"u": "15/19*sqrt(11/19)*(-9*tanh(sqrt(11/19)*x/2) + 11*tanh(sqrt(11/19)*x/2)**3)"},
        {}, ("beta", 1.1),
    ),
    "laplace: a harmonic polynomial": ("laplace", "x y", {"u": "x**3 - 3*x*y**2"}, {}, None),
    "lorenz: the fixed point": (
        "lorenz", "t", {"x": "sqrt(72) + 0*t", "y": "sqrt(72) + 0*t", "z": "27 + 0*t"}, {},
        ("rho", 27.0),
    ),
    "lotka_volterra: the fixed point": (
        "lotka_volterra", "t", {"x": "3 + 0*t", "y": "2.75 + 0*t"},
        {"alpha": 1.1, "beta": 0.4, "gamma": 0.6, "delta": 0.2}, ("beta", 0.5),
    ),
    "maxwell_te: a plane wave": (
        "maxwell_te", "x y t",
        {"E_x": "0*x", "E_y": "cos(3*(x - t/2))/2", "H_z": "cos(3*(x - t/2))/4"},
        {"eps": 1.0, "mu": 4.0}, ("mu", 4.1),
    ),
    "maxwell_tm: a plane wave": (
        "maxwell_tm", "x y t",
        {"E_z": "cos(3*(x - t/2))", "H_x": "0*x", "H_y": "-cos(3*(x - t/2))/2"},
        {"eps": 1.0, "mu": 4.0}, ("eps", 1.1),
    ),
    "navier_stokes_2d: the Taylor-Green vortex": (
        "navier_stokes_2d", "x y t",
        {
            "u": "cos(x)*sin(y)*exp(-2*0.1*t)",
            "v": "-sin(x)*cos(y)*exp(-2*0.1*t)",
            "p": "-1.5/4*(cos(2*x) + cos(2*y))*exp(-4*0.1*t)",
        },
        {"nu": 0.1, "rho": 1.5}, ("nu", 0.11),
    ),
    "navier_stokes_3d: the Arnold-Beltrami-Childress flow": (
        "navier_stokes_3d", "x y z t",
        {
            "u": f"(sin(z) + 2*cos(y))*{BELTRAMI_DECAY}",
            "v": f"(3*sin(x) + cos(z))*{BELTRAMI_DECAY}",
            "w": f"(2*sin(y) + 3*cos(x))*{BELTRAMI_DECAY}",
            "p": f"-({BELTRAMI_DECAY})**2/2*((sin(z) + 2*cos(y))**2 + (3*sin(x) + cos(z))**2"
            " + (2*sin(y) + 3*cos(x))**2)",
        },
        {"nu": 0.1}, ("rho", 1.1),
    ),
    "navier_stokes_2d_steady: Kovasznay's flow": (
        "navier_stokes_2d_steady", "x y",
        {
            "u": f"1 - exp({KOVASZNAY}*x)*cos(2*pi*y)",
            "v": f"{KOVASZNAY}/(2*pi)*exp({KOVASZNAY}*x)*sin(2*pi*y)",
            "p": f"(1 - exp(2*{KOVASZNAY}*x))/2",
        },
        {"nu": 0.05}, ("nu", 0.06),
    ),
    "navier_stokes_3d_steady: flow between plates": (
        "navier_stokes_3d_steady", "x y z",
        {"u": "z*(1 - z)", "v": "0*x", "w": "0*x", "p": "-2*0.3*x"}, {"nu": 0.3}, ("nu", 0.4),
    ),
    "pendulum: the separatrix": (
        "pendulum", "t", {"theta": "4*atan(exp(3*t)) - pi"}, {"g": 9.0}, ("g", 9.1),
    ),
    "poisson: a sine": (
        "poisson", "x y", {"u": "sin(x)*sin(2*y)"}, {"f": "5*sin(x)*sin(2*y)"}, ("f", "5*sin(x)"),
    ),
    "reaction_diffusion: linear growth": (
        "reaction_diffusion", "x t", {"u": "exp((2 - 0.3*9)*t)*sin(3*x)"}, {"D": 0.3, "R": "2*u"},
        ("R", "2.1*u"),
    ),
    "schrodinger: a moving bright soliton": (
        "schrodinger", "x t",
        {
            "u": "2/cosh(2*(x - 0.5*t))*cos(0.5*x + (4 - 0.25)/2*t)",
            "v": "2/cosh(2*(x - 0.5*t))*sin(0.5*x + (4 - 0.25)/2*t)",
        },
        {"g": 1.0}, ("V", 0.1),
    ),
    "sine_gordon: a kink": (
        "sine_gordon", "x t", {"u": "4*atan(exp((x - 0.6*t)/0.8))"}, {}, ("m", 1.1),
    ),
    "stokes: flow in a channel": (
        "stokes", "x y", {"u": "y*(1 - y)", "v": "0*x", "p": "-2*0.7*x"}, {"mu": 0.7}, ("mu", 0.8),
    ),
    "stokes_3d: flow between plates": (
        "stokes_3d", "x y z", {"u": "0*x", "v": "x*(1 - x)", "w": "0*x", "p": "-2*0.7*y"},
        {"mu": 0.7}, ("mu", 0.8),
    ),
    "wave: a plane wave": (
        "wave", "x y t", {"u": "sin(3*x + 4*y - 10*t)"}, {"c": 2.0}, ("c", 2.1),
    ),
}  # fmt: skip


@pytest.mark.parametrize("label", EXACT)
def test_exact_solutions_leave_no_residual(label):
    name, names, fields, coefficients, change = EXACT[label]
    coordinates = space_time(names)
    x = points(CASES[name], coordinates)
    residual = by_library(name, coordinates, x, fields, coefficients)
    # Terms of order 1e3 at most (the fourth derivatives of the interface), so 1e-10 is rounding.
    assert residual.abs().max() < 1e-10
    if change is not None:
        wrong = by_library(name, coordinates, x, fields, coefficients | {change[0]: change[1]})
        assert wrong.abs().max() > 1e-3


def test_every_equation_has_an_exact_solution():
    assert {entry[0] for entry in EXACT.values()} == set(equations.names())


# -- dimensions ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "name", ["heat", "allen_cahn", "conduction", "fisher_kpp", "fokker_planck"]
)
def test_a_vector_coordinate_gives_the_same_residual_as_scalar_ones(name):
    """u(|x|², t) over x in R³, once with x, y, z and once with a vector."""
    coefficients = {
        "heat": {"alpha": 0.3, "f": "t*r"},
        "allen_cahn": {"D": 0.3, "R": 2.0},
        "conduction": {"k": "1 + r*t", "f": 0.1},
        "fisher_kpp": {"D": 0.3, "r": 2.0},
        "fokker_planck": {"D": "1 + r"},
    }[name]
    scalar = space_time("x y z t")
    vector = Coordinates(("x", "t"), (3, 1), time="t")
    x = points(CASES[name], scalar)
    out = []
    for coordinates in (scalar, vector):
        base = PointSource(coordinates, x)
        jets = coordinate_jets(base)
        parts = [jets[n] for n in "xyz"] if coordinates is scalar else [jets["x"]]
        r = (
            sum((p**2 for p in parts[1:]), parts[0] ** 2)
            if coordinates is scalar
            else ((parts[0] ** 2).sum(-1))
        )
        u = Formula("exp(-r*t) + sin(r)")({"r": r, "t": jets["t"]})
        env = {"u": u, "p": u} | {
            n: Formula(v)({"r": r, "t": jets["t"]}) for n, v in coefficients.items()
        }
        if name == "fokker_planck":
            env["b"] = [-p for p in parts] if coordinates is scalar else -parts[0]
        out.append(Formula(equations.equation(name))(env).value)
    torch.testing.assert_close(out[0], out[1], rtol=1e-11, atol=1e-11)


def test_a_single_number_is_no_velocity_in_two_dimensions():
    env = environment(RandomSource(space_time("x y t"), 3), ["u"], {"c": 1.0})
    with pytest.raises(DeclarationError, match="wrong number of components"):
        Formula(equations.advection)(env)


def test_unknown_coefficients_carry_gradients():
    nu = torch.tensor(0.1, dtype=torch.float64, requires_grad=True)
    source = RandomSource(space_time("x t"), 5)
    env = environment(source, ["u"], {"nu": nu})
    Formula(equations.burgers)(env).value.sum().backward()
    torch.testing.assert_close(nu.grad, -source.derivative("u", (0, 0)).sum())


def test_the_stress_of_a_uniform_stretch():
    base = PointSource(space_time("x y"), torch.rand(4, 2, dtype=torch.float64))
    c = coordinate_jets(base)
    sigma = equations.stress([0.1 * c["x"], 0.3 * c["x"] - 0.02 * c["y"]], 2.0, 3.0)
    values = [[entry.value.item() for entry in row] for row in sigma]
    # λ tr ε = 2 * 0.08; 2μ ε = 6 * [[0.1, 0.15], [0.15, -0.02]]
    for got, expected in zip(values, [[0.76, 0.9], [0.9, 0.04]], strict=True):
        assert got == pytest.approx(expected)
