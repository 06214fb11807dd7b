"""The equations of physics as residual functions: one file per physics.

Each is an ordinary function of jets: positional parameters are fields, keyword-only ones are
coefficients, and the result is left minus right side of the equation in its docstring. So
``equations={"burgers": pl.equations.burgers}`` declares one, a configuration file says
``{kind: burgers}``, and :func:`equation` finds it by name.
"""

from pinnlab.equations.advection import advection as advection
from pinnlab.equations.advection import advection_diffusion as advection_diffusion
from pinnlab.equations.allen_cahn import allen_cahn as allen_cahn
from pinnlab.equations.allen_cahn import allen_cahn_steady as allen_cahn_steady
from pinnlab.equations.black_scholes import black_scholes as black_scholes
from pinnlab.equations.black_scholes import black_scholes_barenblatt as black_scholes_barenblatt
from pinnlab.equations.burgers import burgers as burgers
from pinnlab.equations.burgers import burgers_2d as burgers_2d
from pinnlab.equations.cahn_hilliard import cahn_hilliard as cahn_hilliard
from pinnlab.equations.cahn_hilliard import cahn_hilliard_mixed as cahn_hilliard_mixed
from pinnlab.equations.catalogue import equation as equation
from pinnlab.equations.catalogue import names as names
from pinnlab.equations.darcy import darcy as darcy
from pinnlab.equations.eikonal import eikonal as eikonal
from pinnlab.equations.elasticity import elasticity_3d as elasticity_3d
from pinnlab.equations.elasticity import elasticity_plane_strain as elasticity_plane_strain
from pinnlab.equations.elasticity import elasticity_plane_stress as elasticity_plane_stress
from pinnlab.equations.elasticity import stress as stress
from pinnlab.equations.euler_bernoulli import euler_bernoulli as euler_bernoulli
from pinnlab.equations.euler_bernoulli import euler_bernoulli_dynamic as euler_bernoulli_dynamic
from pinnlab.equations.euler_bernoulli import kirchhoff_plate as kirchhoff_plate
from pinnlab.equations.fokker_planck import fokker_planck as fokker_planck
from pinnlab.equations.fokker_planck import fokker_planck_log as fokker_planck_log
from pinnlab.equations.gray_scott import gray_scott as gray_scott
from pinnlab.equations.hamilton_jacobi_bellman import hjb_lqg as hjb_lqg
from pinnlab.equations.heat import conduction as conduction
from pinnlab.equations.heat import heat as heat
from pinnlab.equations.helmholtz import helmholtz as helmholtz
from pinnlab.equations.kadomtsev_petviashvili import (
    kadomtsev_petviashvili as kadomtsev_petviashvili,
)
from pinnlab.equations.kdv import generalised_kdv as generalised_kdv
from pinnlab.equations.kdv import kdv as kdv
from pinnlab.equations.klein_gordon import klein_gordon as klein_gordon
from pinnlab.equations.kuramoto_sivashinsky import kuramoto_sivashinsky as kuramoto_sivashinsky
from pinnlab.equations.lorenz import lorenz as lorenz
from pinnlab.equations.lotka_volterra import lotka_volterra as lotka_volterra
from pinnlab.equations.maxwell import maxwell_te as maxwell_te
from pinnlab.equations.maxwell import maxwell_tm as maxwell_tm
from pinnlab.equations.navier_stokes import navier_stokes_2d as navier_stokes_2d
from pinnlab.equations.navier_stokes import navier_stokes_2d_steady as navier_stokes_2d_steady
from pinnlab.equations.navier_stokes import navier_stokes_3d as navier_stokes_3d
from pinnlab.equations.navier_stokes import navier_stokes_3d_steady as navier_stokes_3d_steady
from pinnlab.equations.pendulum import pendulum as pendulum
from pinnlab.equations.poisson import laplace as laplace
from pinnlab.equations.poisson import poisson as poisson
from pinnlab.equations.reaction_diffusion import fisher_kpp as fisher_kpp
from pinnlab.equations.reaction_diffusion import reaction_diffusion as reaction_diffusion
from pinnlab.equations.schrodinger import schrodinger as schrodinger
from pinnlab.equations.sine_gordon import sine_gordon as sine_gordon
from pinnlab.equations.sine_gordon import sine_gordon_steady as sine_gordon_steady
from pinnlab.equations.stokes import stokes as stokes
from pinnlab.equations.stokes import stokes_3d as stokes_3d
from pinnlab.equations.wave import wave as wave
