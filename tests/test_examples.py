"""Every example at reduced size, to an error that a broken solver would miss."""

import runpy
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).parents[1] / "examples"

# Arguments of main, and a bound. The best constant has a relative L2 error of 0.5 to 1 in these
# problems, and the unknowns of the inverse ones start 93 % (Lorenz) and 1470 % (viscosity) away.
# What the reduced runs reach on one machine stands behind; the bounds leave room for rounding.
REDUCED = {
    "start_here/quickstart": ({"adam": 150, "lbfgs": 150, "interior": 400}, 0.3),  # 0.20
    "forward/burgers": ({"adam": 100, "lbfgs": 150, "interior": 400}, 0.25),  # 0.17
    "forward/allen_cahn": ({"adam": 150, "lbfgs": 250, "interior": 400}, 0.7),  # 0.53
    "forward/allen_cahn_periodic": (
        {"steps": 1100, "interior": 300, "width": 32, "depth": 3},
        0.3,  # 0.20 to 0.22 from six seeds
    ),
    "forward/poisson_holes": ({"adam": 100, "lbfgs": 100, "interior": 400}, 0.15),  # 0.09
    "forward/cavity": ({"adam": 100, "lbfgs": 200, "interior": 300}, 0.65),  # 0.50
    "forward/poisson_l_shape": ({"adam": 100, "lbfgs": 100, "interior": 300}, 0.42),  # 0.33
    "forward/robin": ({"adam": 100, "lbfgs": 100, "interior": 300}, 0.05),  # 0.02
    "forward/periodic_advection": ({"adam": 100, "lbfgs": 150, "interior": 300}, 0.15),  # 0.07
    "forward/two_materials": ({"adam": 100, "lbfgs": 100, "interior": 200}, 0.05),  # 0.02
    "forward/bracket_elasticity": ({"adam": 100, "lbfgs": 150, "interior": 300}, 0.45),  # 0.30
    "forward/bracket_heat": ({"adam": 100, "lbfgs": 50, "interior": 300}, 0.3),  # 0.17
    "high_order/kadomtsev_petviashvili": (
        {"adam": 100, "lbfgs": 300, "interior": 150},
        0.4,  # 0.17
    ),
    "inverse/lorenz": ({"adam": 500, "lbfgs": 200, "interior": 200}, 0.5),
    "inverse/burgers_viscosity": ({"adam": 150, "lbfgs": 150, "interior": 400}, 2.0),  # 0.82
    "methods/convection": ({"steps": 500, "interior": 150}, 0.1),  # 0.02
    "methods/random_features": ({"features": 300, "interior": 600, "boundary": 200}, 1e-5),
    "methods/conflict_free": ({"steps": 250, "interior": 150, "lr": 5e-3}, 0.45),  # 0.28
    "methods/adversarial_sampling": (
        {"steps": 600, "interior": 500, "methods": ("AAS",)},
        0.75,  # 0.33
    ),
    "high_dimension/allen_cahn": ({"steps": 100}, 0.2),
    "high_dimension/sine_gordon_100k": ({"steps": 60, "dim": 2000, "tests": 200}, 0.5),
}

# Bounds of the full runs, as the headers of the files promise them.
FULL = {
    "start_here/quickstart": 6e-2,
    "forward/burgers": 5e-3,
    "forward/allen_cahn": 5e-2,
    "forward/allen_cahn_periodic": 1e-3,
    "forward/poisson_holes": 3e-2,
    "forward/cavity": 5e-2,
    "forward/poisson_l_shape": 0.1,
    "forward/robin": 1e-3,
    "forward/periodic_advection": 5e-3,
    "forward/two_materials": 2e-3,
    "forward/bracket_elasticity": 0.15,
    "forward/bracket_heat": 0.15,
    "high_order/kadomtsev_petviashvili": 5e-2,
    "inverse/lorenz": 5e-3,
    "inverse/burgers_viscosity": 5e-2,
    "methods/convection": 1e-2,
    "methods/random_features": 1e-6,
    "methods/adversarial_sampling": 0.4,
    "methods/conflict_free": 0.1,
    "high_dimension/allen_cahn": 5e-3,
    "high_dimension/sine_gordon_100k": 5e-2,
}


def load(name: str) -> dict:
    """The names that an example defines."""
    return runpy.run_path(str(EXAMPLES / f"{name}.py"))


def test_every_example_has_bounds() -> None:
    found = {str(path.relative_to(EXAMPLES).with_suffix("")) for path in EXAMPLES.rglob("*.py")}
    assert found == set(REDUCED) == set(FULL)


@pytest.mark.parametrize("name", REDUCED)
def test_reduced_example_learns(name: str) -> None:
    sizes, bound = REDUCED[name]
    assert 0 < load(name)["main"](**sizes) < bound


@pytest.mark.parametrize("name", REDUCED)
def test_example_is_short_and_says_what_it_does(name: str) -> None:
    text = (EXAMPLES / f"{name}.py").read_text(encoding="utf-8")
    head, _, body = text.partition('"""\n\n# %%\n')
    code = [line for line in body.splitlines() if line.strip() and not line.startswith("#")]
    assert len(code) <= 80
    for word in ("Goal  ", "Equation  ", "Domain  ", "Reference  ", "Result  "):
        assert f"\n{word}" in head


@pytest.mark.slow
@pytest.mark.parametrize("name", FULL)
def test_full_example_keeps_its_promise(name: str) -> None:
    assert load(name)["main"]() < FULL[name]
