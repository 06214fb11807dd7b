"""Exact solutions of every equation leave no residual, and with a wrong coefficient they do."""

import pytest
from equations.equation_cases import CASES, SCALAR, by_library, points, space_time

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
    "allen_cahn_steady: a front": (
        "allen_cahn_steady", "x y", {"u": "tanh((0.6*x + 0.8*y)/sqrt(2))"}, {}, ("f", 0.1),
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
    "fokker_planck_log: a Gaussian that spreads and returns": (
        "fokker_planck_log", "x y t",
        {"q": "-(x**2 + y**2)/(4*(1 - exp(-2*t)/2)) - log(2*pi*(1 - exp(-2*t)/2))/2"},
        {"b": ["-x", "-y"], "D": 1.0, "m": 2.0}, ("D", 1.1),
    ),
    "gray_scott: the bare state": (
        "gray_scott", "x t", {"u": "1 + exp(-(0.04 + 0.2*4)*t)*sin(2*x)", "v": "0*x"},
        {"D_u": 0.2, "D_v": 0.1, "F": 0.04, "k": 0.06}, ("D_u", 0.3),
    ),
    "generalised_kdv: a modified soliton": (  # p = 2: √c sech(√c (x - ct)) with c = 1.2
        "generalised_kdv", "x t", {"u": "sqrt(1.2)/cosh(sqrt(1.2)*(x - 1.2*t))"}, {},
        ("power", 2.1),
    ),
    "generalised_kdv: a soliton of the third power": (  # c = 1: (10/a)^(1/3) sech^(2/3)
        "generalised_kdv", "x t", {"u": "2**(1/3)*cosh(3/2*(x - t))**(-2/3)"},
        {"power": 3.0, "a": 5.0}, ("a", 4.0),
    ),
    "heat: a decaying mode": (
        "heat", "x y t", {"u": "exp(-0.3*13*t)*sin(2*x)*sin(3*y)"}, {"alpha": 0.3},
        ("alpha", 0.31),
    ),
    "hjb_lqg: the logarithm of a spreading Gaussian": (
        "hjb_lqg", "x y t",
        {"u": "log(1 + 4*(1.5 - t)*0.3) + 0.3*(x**2 + y**2)/(1 + 4*(1.5 - t)*0.3)"},
        {"mu": 1.0}, ("mu", 1.1),
    ),
    "helmholtz: a plane wave": (
        "helmholtz", "x y", {"u": "cos(3*x + 4*y)"}, {"k": 5.0}, ("k", 5.1),
    ),
    "kadomtsev_petviashvili: an oblique line soliton": (
        "kadomtsev_petviashvili", "x y t",
        {"u": "1.2**2/2*cosh(1.2*(x + 0.7*y - (1.2**2 + 3*0.7**2)*t)/2)**-2"}, {}, ("c", 2.5),
    ),
    "kadomtsev_petviashvili: three line solitons that meet": (
        # 2 ∂_xx log Σ exp(κx + κ²y - 4κ³t) over κ = -1, 0, 1
        "kadomtsev_petviashvili", "x y t",
        {"u": "2*(exp(-x + y + 4*t) + exp(x + y - 4*t) + 4*exp(2*y))"
              "/(exp(-x + y + 4*t) + 1 + exp(x + y - 4*t))**2"},
        {}, ("c", 2.5),
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
    "sine_gordon: a breather": (
        "sine_gordon", "x t", {"u": "4*atan(0.8*sin(0.6*t)/(0.6*cosh(0.8*x)))"}, {}, ("c", 1.1),
    ),
    "sine_gordon: a kink": (
        "sine_gordon", "x t", {"u": "4*atan(exp((x - 0.6*t)/0.8))"}, {}, ("m", 1.1),
    ),
    "sine_gordon_steady: a kink": (
        "sine_gordon_steady", "x y", {"u": "4*atan(exp(0.6*x + 0.8*y)) - pi"}, {}, ("f", 0.1),
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
    assert {entry[0] for entry in EXACT.values()} == set(SCALAR)
