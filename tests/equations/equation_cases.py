"""The table of equations, each written out once more in SymPy from its printed form.

A case gives smooth fields, which solve nothing, and coefficients; `by_library` and `by_sympy`
evaluate the residual in the two independent ways.
"""

from dataclasses import dataclass, field

import sympy as sp
import torch

from pinnlab import equations
from pinnlab.calculus import (
    Formula,
    PointSource,
    SubstitutedSource,
    components,
    coordinate_jets,
    environment,
)
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
    "allen_cahn_steady": Case(
        "x y z",
        {"u": STATIC_3D["u"]},
        lambda s: lap(s["u"], s["x"], s["y"], s["z"]) + s["u"] - s["u"] ** 3 - s["f"],
        {"f": "x*y*z"},
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
    "fokker_planck_log": Case(
        "x y t",
        {"q": "-x**2 - x*y*(1 + t) + sin(y)*t"},
        lambda s: (
            d(s["q"], s["t"])
            + (d(s["b0"], s["x"]) + d(s["b1"], s["y"])) / s["m"]
            + s["b0"] * d(s["q"], s["x"])
            + s["b1"] * d(s["q"], s["y"])
            - s["D"]
            * (
                lap(s["q"], s["x"], s["y"])
                + s["m"] * (d(s["q"], s["x"]) ** 2 + d(s["q"], s["y"]) ** 2)
            )
        ),
        {"b": ["-x + y", "x*y"], "D": 0.3, "m": 2.0},
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
    "generalised_kdv": Case(
        "x t",
        {"u": "2 + sin(2*x + 1)*exp(-t)"},
        lambda s: (
            d(s["u"], s["t"])
            + s["a"] * s["u"] ** s["power"] * d(s["u"], s["x"])
            + s["b"] * d(s["u"], s["x"], 3)
        ),
        {"power": 1.5, "a": 5.0, "b": 0.7},
        linear=False,
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
    "hjb_lqg": Case(
        "x y t",
        {"u": "sin(x)*y + exp(-t)*x*y"},
        lambda s: (
            d(s["u"], s["t"])
            + lap(s["u"], s["x"], s["y"])
            - s["mu"] * (d(s["u"], s["x"]) ** 2 + d(s["u"], s["y"]) ** 2)
        ),
        {"mu": 1.3},
        linear=False,
    ),
    "helmholtz": Case(
        "x y",
        {"u": "sin(2*x + y) + x*y**2"},
        lambda s: lap(s["u"], s["x"], s["y"]) + s["k"] ** 2 * s["u"] - s["f"],
        {"k": "2 + x", "f": "x*y"},
    ),
    "kadomtsev_petviashvili": Case(
        "x y t",
        U2,
        lambda s: (
            d(
                d(s["u"], s["t"])
                + s["a"] * s["u"] * d(s["u"], s["x"])
                + s["b"] * d(s["u"], s["x"], 3),
                s["x"],
            )
            + s["c"] * d(s["u"], s["y"], 2)
        ),
        {"a": 5.0, "b": 0.7, "c": -2.0},
        linear=False,
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
    "sine_gordon_steady": Case(
        "x y z",
        {"u": STATIC_3D["u"]},
        lambda s: lap(s["u"], s["x"], s["y"], s["z"]) + sp.sin(s["u"]) - s["f"],
        {"f": "x*y*z"},
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


# Over a vector coordinate only; tested where they are used, in tests/problems/high_dimension.
OVER_VECTORS = {"black_scholes_barenblatt"}
SCALAR = [name for name in equations.names() if name not in OVER_VECTORS]


def as_formula(value):
    """A coefficient as a problem hands it over: vectors of texts are texts of vectors."""
    if isinstance(value, list):
        return Formula("[" + ", ".join(value) + "]")
    return Formula(value) if isinstance(value, str) else value


def by_library(name, coordinates, x, fields, coefficients):
    """The residual components (k, n) of the library on closed-form fields."""
    return residual(Formula(equations.equation(name)), coordinates, x, fields, coefficients)


def residual(formula, coordinates, x, fields, coefficients):
    """The components (k, n) of any formula on closed-form fields."""
    base = PointSource(coordinates, x)
    jets = {n: Formula(text)(coordinate_jets(base)) for n, text in fields.items()}
    extra = {n: as_formula(value) for n, value in coefficients.items()}
    env = environment(SubstitutedSource(base, jets), list(fields), extra)
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
