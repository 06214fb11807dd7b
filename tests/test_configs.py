"""Every configuration at reduced size, to an error that a broken solver would miss."""

from pathlib import Path

import pytest

from pinnlab.config import load_config
from pinnlab.io.exact_reference import ExactReference
from pinnlab.metrics import pinnacle_l2

CONFIGS = Path(__file__).parents[1] / "configs"

# Settings of the published tests reduced: a small network, few points and a high rate.
BRIEF = {
    "phases.0.lr": 0.01,
    "phases.0.schedule.warmup": 20,
    "surrogate.width": 24,
    "surrogate.depth": 3,
    "points.interior": 150,
}
# Steps of the two phases and points in the interior, or other changes by key, and a bound; see
# test_examples.py.
REDUCED = {
    "burgers": ((100, 200, 400), 0.25),
    "transport/burgers_precise": ((100, 150, 400), 0.25),
    "transport/periodic_advection": ((100, 150, 300), 0.15),
    "transport/convection": (
        {"phases.0.phases.steps": 500, "points.interior": 150},
        0.1,  # 0.014 to 0.021 from ten seeds; in single precision one in ten failed
    ),
    "reaction/allen_cahn": ((150, 250, 400), 0.7),
    "reaction/allen_cahn_periodic": (
        {
            "phases.0.steps": 1100,
            "points.interior": 300,
            "surrogate.width": 32,
            "surrogate.depth": 3,
        },
        0.3,  # 0.20 to 0.22 from six seeds
    ),
    "poisson/four_holes": ((100, 100, 400), 0.15),
    "poisson/l_shape": ((100, 100, 300), 0.42),
    "poisson/robin": ((100, 100, 300), 0.05),
    "flow/cavity": ((100, 200, 300), 0.65),
    "elasticity/bracket": ((100, 150, 300), 0.45),
    "heat/bracket": ((100, 50, 300), 0.3),
    "heat/two_materials": ((100, 100, 200), 0.05),
    "high_order/kadomtsev_petviashvili": ((100, 300, 150), 0.4),
    "inverse/lorenz": ((500, 200, 200), 0.5),
    "inverse/burgers_viscosity": ((150, 150, 400), 2.0),
    "methods/random_features": (None, 1e-6),
    "methods/adversarial_sampling": (
        {"phases.0.steps": 600, "points.interior": 500}
        | {"callbacks.1.every": 50, "callbacks.1.steps": 10},
        0.75,  # 0.37
    ),
    "high_dimension/allen_cahn": ({"phases.0.steps": 100, "surrogate.width": 64}, 0.2),
    "high_dimension/sine_gordon_100k": (
        {"problem.dim": 2000, "phases.0.steps": 60, "surrogate.width": 32},
        0.5,
    ),
    "conflict_free/burgers": (BRIEF | {"phases.0.steps": 400}, 0.55),
    "conflict_free/schrodinger": (
        BRIEF | {"phases.0.steps": 300, "phases.1.steps": 150, "problem.end": 0.4},
        0.6,
    ),
    "conflict_free/kovasznay": (
        BRIEF
        | {"phases.0.steps": 1800, "points.interior": 100, "points.boundary": 60}
        | {"surrogate.activation": "sin", "surrogate.width": 30},
        0.2,
    ),
    "conflict_free/beltrami": (BRIEF | {"phases.0.steps": 500}, 0.4),
}
# Of the full runs, as the headers of the files promise them.
FULL = {
    "burgers": 5e-3,
    "transport/burgers_precise": 5e-3,
    "transport/periodic_advection": 5e-3,
    "transport/convection": 1e-2,
    "reaction/allen_cahn": 5e-2,
    "reaction/allen_cahn_periodic": 1e-3,
    "poisson/four_holes": 3e-2,
    "poisson/l_shape": 0.1,
    "poisson/robin": 1e-3,
    "flow/cavity": 5e-2,
    "elasticity/bracket": 0.15,
    "heat/bracket": 0.15,
    "heat/two_materials": 2e-3,
    "high_order/kadomtsev_petviashvili": 5e-2,
    "inverse/lorenz": 5e-3,
    "inverse/burgers_viscosity": 5e-2,
    "methods/random_features": 1e-6,
    "methods/adversarial_sampling": 0.4,
    "high_dimension/allen_cahn": 5e-3,
    "high_dimension/sine_gordon_100k": 5e-2,
    "conflict_free/burgers": 8e-2,
    "conflict_free/schrodinger": 0.6,
    "conflict_free/kovasznay": 2e-2,
    "conflict_free/beltrami": 4e-2,
}


def error(name: str, *overrides: str) -> float:
    """Largest relative error of an unknown if there is one, else of all fields stacked."""
    solution = load_config(CONFIGS / f"{name}.yaml", overrides).solve(out=None, progress=False)
    unknowns = solution.metrics.get("unknowns")
    if unknowns:
        return max(row["relative_error"] for row in unknowns.values())
    reference = solution.problem.reference
    if isinstance(reference, ExactReference):
        return max(row["relative_l2"] for row in solution.error().values())
    found = solution(**reference.columns)
    return pinnacle_l2({name: found[name] for name in reference.fields}, reference.fields)


def test_every_config_has_bounds() -> None:
    found = {str(path.relative_to(CONFIGS).with_suffix("")) for path in CONFIGS.rglob("*.yaml")}
    assert found == set(REDUCED) == set(FULL)


@pytest.mark.parametrize("name", REDUCED)
def test_reduced_config_learns(name: str) -> None:
    sizes, bound = REDUCED[name]
    changes = []
    if isinstance(sizes, dict):
        changes = [f"{key}={value}" for key, value in sizes.items()]
    elif sizes is not None:
        adam, lbfgs, interior = sizes
        changes = [f"phases.0.steps={adam}", f"phases.1.steps={lbfgs}"]
        changes.append(f"points.interior={interior}")
    assert 0 < error(name, *changes) < bound


@pytest.mark.parametrize("name", REDUCED)
def test_config_says_where_it_comes_from(name: str) -> None:
    text = (CONFIGS / f"{name}.yaml").read_text(encoding="utf-8")
    head = text.partition("\nproblem:")[0]
    assert "# Source: " in head
    assert "# Result: " in head or "# Expected: " in head


@pytest.mark.slow
@pytest.mark.parametrize("name", FULL)
def test_full_config_keeps_its_promise(name: str) -> None:
    assert error(name) < FULL[name]
