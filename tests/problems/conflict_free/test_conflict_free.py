"""References against the declared equations, closed forms and published data."""

import numpy as np
import pytest
import torch
from cases import F64, assembly
from torch import nn

import pinnlab as pl
from pinnlab.config import parse_config
from pinnlab.io.tables import load_table
from pinnlab.metrics import relative_l2
from pinnlab.problems.conflict_free import kovasznay, schrodinger
from pinnlab.problems.conflict_free.burgers import cole_hopf
from pinnlab.problems.conflict_free.schrodinger import split_step

PROBLEMS = {name: getattr(pl.conflict_free, name) for name in pl.conflict_free.__all__}
FLOWS = {
    "kovasznay": {"reynolds": 25.0},
    "beltrami": {"reynolds": 3.0, "a": 0.8, "k": 1.3},
}


class Known(nn.Module):
    """Fields given as texts, in operations that the engine differentiates."""

    def __init__(self, problem: pl.Problem) -> None:
        super().__init__()
        self.names, self.parameters_ = problem.coordinates.names, problem.parameters
        boundary = next(c for c in problem.conditions.values() if isinstance(c, pl.Dirichlet))
        self.values = list(boundary.values.values())

    def forward(self, z):
        columns = {name: z[:, k : k + 1] for k, name in enumerate(self.names)}
        return torch.cat([f({**columns, **self.parameters_}) for f in self.values], dim=1)


@pytest.mark.parametrize("name", FLOWS)
def test_the_given_flow_solves_the_equations(name):
    problem = PROBLEMS[name](**FLOWS[name])
    terms = assembly(problem, Known(problem)).objective.terms()
    # Equations, boundary and start, by terms of order one hundred at most.
    assert len(terms) == len(problem.terms)
    assert terms.max() ** 0.5 < 1e-13
    other = problem.replace(parameters={**problem.parameters, "nu": 2.0})
    assert assembly(other, Known(problem)).objective.terms()[0] > 1e-3


@pytest.mark.parametrize("name", FLOWS)
def test_the_reference_of_a_flow_is_what_the_boundary_says(name):
    problem = PROBLEMS[name](**FLOWS[name])
    points = torch.tensor(problem.reference.points)
    # Values of order ten.
    np.testing.assert_allclose(Known(problem)(points), problem.reference.stacked(), atol=1e-13)


@pytest.mark.parametrize("name", PROBLEMS)
def test_every_problem_is_complete(name):
    problem = PROBLEMS[name]()
    assert problem.check().ok
    assert problem.reference.coordinates == problem.coordinates.names
    assert problem.reference.fields.keys() == set(problem.fields)
    assert problem.recipe["kind"] == name


@pytest.mark.parametrize("name", PROBLEMS)
def test_given_values_are_averaged_over_the_fields(name):
    problem = PROBLEMS[name]()
    for term in problem.terms:
        if term.kind == "equation" or (name == "schrodinger" and term.name == "ends"):
            assert term.weight == 1.0
        else:
            assert term.weight * len(problem.fields) == pytest.approx(1.0)


# --- Burgers ------------------------------------------------------------------------------------
def test_cole_hopf_solves_burgers_equation():
    nu, h = 0.05, 1e-3
    x, t = np.meshgrid(np.linspace(-0.9, 0.9, 13), np.linspace(0.1, 0.9, 7))

    def u(i, j):
        return cole_hopf(x + i * h, t + j * h, nu)

    u_t = (8 * (u(0, 1) - u(0, -1)) - (u(0, 2) - u(0, -2))) / (12 * h)
    u_x = (8 * (u(1, 0) - u(-1, 0)) - (u(2, 0) - u(-2, 0))) / (12 * h)
    u_xx = (16 * (u(1, 0) + u(-1, 0)) - (u(2, 0) + u(-2, 0)) - 30 * u(0, 0)) / (12 * h**2)
    # Differences of fourth order: fifth derivatives of 1e4 times h⁴/30, rounding 1e-16/h².
    assert np.abs(u_t + u(0, 0) * u_x - nu * u_xx).max() < 1e-7
    np.testing.assert_allclose(cole_hopf(x, 0 * t, nu), -np.sin(np.pi * x), atol=1e-15)
    np.testing.assert_allclose(cole_hopf(x / np.abs(x), t, nu)[:, :6], 0, atol=1e-13)


def test_cole_hopf_agrees_with_data_of_others(reference):
    with np.load(reference / "deepxde" / "Burgers.npz") as data:
        x, t, values = data["x"].ravel(), data["t"].ravel(), data["usol"]
    found = cole_hopf(x[:, None], t, 0.01 / np.pi)
    assert np.abs(found - values).max() < 1e-10


def test_how_far_the_published_burgers_data_are_off(reference):
    published = np.load(reference / "config" / "burgers_simulation_data.npy").T
    ours = PROBLEMS["burgers"]().reference
    exact = ours.fields["u"].reshape(ours.shape)
    assert np.mean((published - exact) ** 2) == pytest.approx(1.58e-4, rel=5e-3)


def test_refuses_viscosities_without_a_reference():
    with pytest.raises(pl.DeclarationError, match="exact solution is not known"):
        pl.conflict_free.burgers(nu=1e-4)


# --- Schrödinger ----------------------------------------------------------------------------------
def moving_soliton(x, t):
    """One soliton of height 1.2 and speed 0.5 on a ring of length 40."""
    x = (x[:, None] - 0.5 * t + 20) % 40 - 20
    return 1.2 / np.cosh(1.2 * x) * np.exp(1j * (0.5 * x + (1.2**2 + 0.5**2) / 2 * t))


def test_split_steps_are_of_fourth_order_and_keep_the_mass():
    x, t = -20 + 40 * np.arange(256) / 256, np.linspace(0, 1, 3)
    exact = moving_soliton(x, t)
    errors = []
    for substeps in (16, 32):
        found = split_step(exact[:, 0], 40.0, t, substeps=substeps)
        errors.append(np.abs(found - exact).max())
        mass = (np.abs(found) ** 2).sum(0)
        np.testing.assert_allclose(mass, mass[0], rtol=1e-12)
    assert np.log2(errors[0] / errors[1]) == pytest.approx(4, abs=0.1)
    assert errors[1] < 1e-5


def test_the_spectral_reference_agrees_with_the_published_data(reference):
    table = load_table(reference / "config" / "schrodinger_NLS.mat")
    published = np.stack([table.read("real(uu)").ravel(), table.read("imag(uu)").ravel()], axis=1)
    assert relative_l2(schrodinger().reference.stacked(), published) < 2e-5


def test_the_beat_starts_at_rest_and_at_its_height():
    reference = schrodinger().reference
    start = reference.points[:, 1] == 0
    np.testing.assert_allclose(
        reference.fields["u"][start], 2 / np.cosh(reference.points[start, 0]), atol=1e-15
    )
    assert np.hypot(*reference.stacked().T).max() == pytest.approx(4.0, rel=1e-3)


def test_the_beat_can_be_followed_for_a_shorter_time():
    whole, part = schrodinger().reference, schrodinger(end=np.pi / 4).reference
    values = whole.stacked().reshape(256, 201, 2)[:, :101]
    # Half the steps of the reference in a quarter of the period.
    np.testing.assert_allclose(part.stacked().reshape(256, 201, 2)[:, ::2], values, atol=2e-5)
    with pytest.raises(pl.DeclarationError, match="cannot be followed"):
        schrodinger(end=0.0)


# --- from files -----------------------------------------------------------------------------------
def test_a_file_names_them():
    config = parse_config("problem: {kind: Kovasznay, reynolds: 20}\n")
    assert config.problem.recipe == kovasznay(20.0).recipe
    assert parse_config(config.resolved_text).problem.recipe == config.problem.recipe


@pytest.mark.parametrize("name", FLOWS)
def test_refuses_flows_that_do_not_exist(name):
    with pytest.raises(pl.DeclarationError, match="no flow of Reynolds number"):
        PROBLEMS[name](reynolds=0.0)


def test_values_reach_the_precision_of_the_run():
    made = assembly(kovasznay(), dtype=torch.float32)
    assert made.objective.terms().dtype == torch.float32 != F64
