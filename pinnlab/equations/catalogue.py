"""Equations by their names, as a configuration file gives them."""

from collections.abc import Callable

from pinnlab.equations.advection import advection, advection_diffusion
from pinnlab.equations.allen_cahn import allen_cahn, allen_cahn_steady
from pinnlab.equations.black_scholes import black_scholes, black_scholes_barenblatt
from pinnlab.equations.burgers import burgers, burgers_2d
from pinnlab.equations.cahn_hilliard import cahn_hilliard, cahn_hilliard_mixed
from pinnlab.equations.darcy import darcy
from pinnlab.equations.eikonal import eikonal
from pinnlab.equations.elasticity import (
    elasticity_3d,
    elasticity_plane_strain,
    elasticity_plane_stress,
)
from pinnlab.equations.euler_bernoulli import (
    euler_bernoulli,
    euler_bernoulli_dynamic,
    kirchhoff_plate,
)
from pinnlab.equations.fokker_planck import fokker_planck, fokker_planck_log
from pinnlab.equations.gray_scott import gray_scott
from pinnlab.equations.hamilton_jacobi_bellman import hjb_lqg
from pinnlab.equations.heat import conduction, heat
from pinnlab.equations.helmholtz import helmholtz
from pinnlab.equations.kadomtsev_petviashvili import kadomtsev_petviashvili
from pinnlab.equations.kdv import generalised_kdv, kdv
from pinnlab.equations.klein_gordon import klein_gordon
from pinnlab.equations.kuramoto_sivashinsky import kuramoto_sivashinsky
from pinnlab.equations.lorenz import lorenz
from pinnlab.equations.lotka_volterra import lotka_volterra
from pinnlab.equations.maxwell import maxwell_te, maxwell_tm
from pinnlab.equations.navier_stokes import (
    navier_stokes_2d,
    navier_stokes_2d_steady,
    navier_stokes_3d,
    navier_stokes_3d_steady,
)
from pinnlab.equations.pendulum import pendulum
from pinnlab.equations.poisson import laplace, poisson
from pinnlab.equations.reaction_diffusion import fisher_kpp, reaction_diffusion
from pinnlab.equations.schrodinger import schrodinger
from pinnlab.equations.sine_gordon import sine_gordon, sine_gordon_steady
from pinnlab.equations.stokes import stokes, stokes_3d
from pinnlab.equations.wave import wave
from pinnlab.errors import DeclarationError, nearest

_EQUATIONS: tuple[Callable, ...] = (
    advection,
    advection_diffusion,
    allen_cahn,
    allen_cahn_steady,
    black_scholes,
    black_scholes_barenblatt,
    burgers,
    burgers_2d,
    cahn_hilliard,
    cahn_hilliard_mixed,
    conduction,
    darcy,
    eikonal,
    elasticity_3d,
    elasticity_plane_strain,
    elasticity_plane_stress,
    euler_bernoulli,
    euler_bernoulli_dynamic,
    fisher_kpp,
    fokker_planck,
    fokker_planck_log,
    generalised_kdv,
    gray_scott,
    heat,
    helmholtz,
    hjb_lqg,
    kadomtsev_petviashvili,
    kdv,
    kirchhoff_plate,
    klein_gordon,
    kuramoto_sivashinsky,
    laplace,
    lorenz,
    lotka_volterra,
    maxwell_te,
    maxwell_tm,
    navier_stokes_2d,
    navier_stokes_2d_steady,
    navier_stokes_3d,
    navier_stokes_3d_steady,
    pendulum,
    poisson,
    reaction_diffusion,
    schrodinger,
    sine_gordon,
    sine_gordon_steady,
    stokes,
    stokes_3d,
    wave,
)


def _plain(name: str) -> str:
    return name.lower().replace("_", "").replace("-", "").replace(" ", "")


def names() -> tuple[str, ...]:
    """The names of all equations, sorted."""
    return tuple(sorted(function.__name__ for function in _EQUATIONS))


def equation(name: str) -> Callable:
    """The residual function of that name; case, underscores and hyphens do not matter.

    Raises:
        DeclarationError: If there is none.

    Example:
        >>> equation("NavierStokes2D").__name__
        'navier_stokes_2d'
    """
    for function in _EQUATIONS:
        if _plain(function.__name__) == _plain(str(name)):
            return function
    raise DeclarationError(
        f"There is no equation '{name}'",
        expected=", ".join(names()),
        got=repr(name),
        do=nearest(str(name).lower(), names()) or "write the equation as a text or a function",
    )
