"""Starter files for ``pinnlab init``: complete, commented, each solved within minutes."""

from pinnlab.errors import ConfigError, nearest

_TAIL = """\
surrogate: {kind: MLP, width: 64, depth: 4}    # `pinnlab list surrogate` shows the others
points: {interior: 4000, boundary: 400, sampler: sobol}
phases:                                        # in this order
  - {kind: Adam, steps: 2000, lr: 2e-3, schedule: {kind: Exponential, rate: 0.5, every: 500}}
  - {kind: LBFGS, steps: 1000, resample: 500}
run: {seed: 0, dtype: float64, device: auto, out: runs/NAME}
"""

_POISSON = """\
# Poisson equation on the unit square.
#   u_xx + u_yy + f = 0,   u = 0 on the boundary
problem:
  name: poisson
  domain: {kind: Box, x: [0, 1], y: [0, 1]}    # pieces: left right bottom top, or `boundary`
  fields: [u]
  equations:
    poisson: u.xx + u.yy + 2*pi**2*sin(pi*x)*sin(pi*y)   # zero at the solution
  conditions:
    walls: {kind: Dirichlet, u: 0, on: boundary}         # add `hard: true` to build it in
"""

_HEAT = """\
# Heat equation on a rod: fixed temperature on the left, insulated on the right.
#   T_t = kappa T_xx
problem:
  name: heat
  domain: {kind: Interval, x: [0, 1], time: {t: [0, 0.5]}}
  fields: [T]
  parameters: {kappa: 0.5}                     # numbers, or formulas of x and t
  equations:
    heat: T.t - kappa*T.xx
  conditions:
    cold: {kind: Dirichlet, T: 0, on: left}
    insulated: {kind: Neumann, T: 0, on: right}          # the outward normal derivative
    start: {kind: Initial, T: sin(pi*x/2)}
"""

_BURGERS = """\
# Viscous Burgers equation with a sharp front at x = 0.
#   u_t + u u_x = nu u_xx
# Source: Raissi, Perdikaris, Karniadakis (2019), J. Comput. Phys. 378, 686-707.
problem:
  name: burgers
  domain: {kind: Interval, x: [-1, 1], time: {t: [0, 1]}}
  fields: [u]
  parameters: {nu: 0.01/pi}
  equations:
    burgers: u.t + u*u.x - nu*u.xx             # the same as {kind: burgers}
  conditions:
    ends: {kind: Dirichlet, u: 0, on: [left, right]}
    start: {kind: Initial, u: -sin(pi*x)}
"""

_WAVE = """\
# Wave equation of a plucked string: initial shape and initial velocity.
#   u_tt = c^2 u_xx
problem:
  name: wave
  domain: {kind: Interval, x: [0, 1], time: {t: [0, 1]}}
  fields: [u]
  parameters: {c: 1}
  equations:
    wave: u.tt - c**2*u.xx
  conditions:
    ends: {kind: Dirichlet, u: 0, on: [left, right]}
    start: {kind: Initial, u: sin(pi*x), u.t: 0}         # value and time derivative
"""

_ODE = """\
# A damped oscillator: time alone is the domain.
#   u_tt + 2 d u_t + w^2 u = 0,   u(0) = 1,   u_t(0) = 0
problem:
  name: ode
  domain: {kind: Time, t: [0, 2]}
  fields: [u]
  parameters: {d: 1, w: 4}
  equations:
    oscillator: u.tt + 2*d*u.t + w**2*u
  conditions:
    start: {kind: Initial, u: 1, u.t: 0}
"""

_INVERSE = """\
# Inverse problem: the diffusivity of a rod from measurements.
#   T_t = kappa T_xx,   kappa unknown;   the data below are T = exp(-0.5 pi^2 t) sin(pi x)
problem:
  name: inverse
  domain: {kind: Interval, x: [0, 1], time: {t: [0, 0.5]}}
  fields: [T]
  parameters:
    kappa: {kind: Unknown, initial: 0.1, bounds: [0.01, 10], transform: log, true: 0.5}
  equations:
    heat: T.t - kappa*T.xx
  conditions:
    ends: {kind: Dirichlet, T: 0, on: [left, right]}
    start: {kind: Initial, T: sin(pi*x)}
    sensors:                                   # or a file: source: sensors.csv
      kind: Data
      sigma: 0.01
      source:
        x: [0.25, 0.5, 0.75, 0.25, 0.5, 0.75]
        t: [0.1, 0.1, 0.1, 0.3, 0.3, 0.3]
        T: [0.4317, 0.6105, 0.4317, 0.1609, 0.2276, 0.1609]
"""

_GEOMETRY = """\
# Laplace equation on a plate with a hole, built from named parts.
#   u_xx + u_yy = 0
problem:
  name: plate
  domain:
    kind: difference                           # or union, intersection; or {file: part.msh}
    of:
      - {kind: Box, x: [0, 2], y: [0, 1]}
      - {kind: Disk, center: [0.7, 0.45], radius: 0.2, name: hole}
  fields: [u]
  equations:
    laplace: u.xx + u.yy
  conditions:
    hot: {kind: Dirichlet, u: 1, on: hole}     # pieces keep their names
    cold: {kind: Dirichlet, u: 0, on: [left, right]}
    insulated: {kind: Neumann, u: 0, on: [bottom, top]}
"""

TEMPLATES = {
    "poisson": _POISSON,
    "heat": _HEAT,
    "burgers": _BURGERS,
    "wave": _WAVE,
    "ode": _ODE,
    "inverse": _INVERSE,
    "plate": _GEOMETRY,
}


def template(name: str) -> str:
    """A complete starter file.

    Raises:
        ConfigError: If there is none of that name.
    """
    found = TEMPLATES.get(name.lower().replace("-", "_"))
    if found is None:
        raise ConfigError(
            f"There is no template '{name}'",
            expected=", ".join(TEMPLATES),
            got=name,
            do=nearest(name, TEMPLATES) or "choose one of them",
        )
    return found + _TAIL.replace("NAME", name.lower())
