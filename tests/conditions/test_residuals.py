"""Each condition's residual on known functions, against its formula evaluated in NumPy."""

import numpy as np
import pytest
import torch
from cases import assembly
from conditions.closed import DOMAINS, Known, assert_residual, residual
from numpy import cos, exp, sin

import pinnlab as pl
from pinnlab.errors import DeclarationError


def wave(x, t):
    return torch.sin(x) * torch.cos(2 * t)


def plane(x, y):
    return torch.sin(x) * torch.cos(y)


def other(x, y):
    return torch.exp(x) + y**2


# --- Dirichlet ------------------------------------------------------------------------------
@pytest.mark.parametrize(
    "value",
    ["x*t", lambda x, t: x * t, lambda t, x: x * t, lambda x, t, c: c * x * t],
    ids=["text", "function", "other order", "with parameter"],
)
def test_dirichlet(value):
    block, at, _ = residual(DOMAINS["strip"], pl.Dirichlet(u=value), wave, parameters={"c": 1.0})
    assert set(at["x"]) == {-1.0, 2.0}
    assert_residual(block, [sin(at["x"]) * cos(2 * at["t"]) - at["x"] * at["t"]])


def test_dirichlet_of_two_fields_on_one_piece():
    block, at, _ = residual(DOMAINS["box"], pl.Dirichlet(u=1, v="x", on="top"), plane, other)
    assert set(at["y"]) == {1.0}
    assert_residual(block, [sin(at["x"]) * cos(1) - 1, exp(at["x"]) + 1 - at["x"]])


def test_dirichlet_on_a_predicate():
    block, at, _ = residual(DOMAINS["disk"], pl.Dirichlet(u=0, on=lambda x, y: x > 0.5), plane)
    assert (at["x"] > 0.5).all()
    np.testing.assert_allclose(at["x"] ** 2 + at["y"] ** 2, 4.0)
    assert_residual(block, [sin(at["x"]) * cos(at["y"])])


def test_dirichlet_of_a_variable_parameter():
    block, at, _ = residual(
        DOMAINS["strip"], pl.Dirichlet(u="level"), wave, parameters={"level": "1 + t**2"}
    )
    assert_residual(block, [sin(at["x"]) * cos(2 * at["t"]) - 1 - at["t"] ** 2])


# --- Neumann and Robin ----------------------------------------------------------------------
def test_neumann_on_a_line_points_outward():
    block, at, _ = residual(DOMAINS["line"], pl.Neumann(u="x"), torch.sin)
    outward = np.where(at["x"] < 0, -1.0, 1.0)
    assert_residual(block, [outward * cos(at["x"]) - at["x"]])


@pytest.mark.parametrize("name", ["box", "disk"])
def test_neumann_in_a_plane(name):
    block, at, _ = residual(DOMAINS[name], pl.Neumann(u="x - y"), plane, n=20)
    x, y, n = at["x"], at["y"], at["n"]
    if name == "disk":
        np.testing.assert_allclose(n, np.stack([x, y], -1) / 2, atol=1e-12)
    slope = n[:, 0] * cos(x) * cos(y) - n[:, 1] * sin(x) * sin(y)
    assert_residual(block, [slope - (x - y)])


def test_neumann_in_time_has_no_time_component():
    block, at, _ = residual(
        DOMAINS["disk in time"],
        pl.Neumann(u=0),
        lambda x, y, t: x * y + 100.0 * t,
        n=20,
    )
    n = at["n"]
    assert n.shape == (20, 2)
    assert_residual(block, [n[:, 0] * at["y"] + n[:, 1] * at["x"]])


def test_robin():
    condition = pl.Robin(u="t", alpha="2 + x", beta=lambda t: 1 + t, on="right")
    block, at, _ = residual(DOMAINS["strip"], condition, wave)
    x, t = at["x"], at["t"]
    expected = (2 + x) * sin(x) * cos(2 * t) + (1 + t) * cos(x) * cos(2 * t) - t
    assert_residual(block, [expected])


def test_robin_defaults_to_the_sum():
    block, at, _ = residual(DOMAINS["line"], pl.Robin(u=0, on="right"), torch.sin)
    assert_residual(block, [sin(at["x"]) + cos(at["x"])])


# --- Initial --------------------------------------------------------------------------------
def test_initial_state_and_velocity():
    condition = pl.Initial(u="sin(x)", u_t="x", points=9)
    block, at, _ = residual(DOMAINS["strip"], condition, lambda x, t: torch.sin(x + 3 * t))
    assert set(at["t"]) == {0.0}
    assert_residual(block, [0.0, 3 * cos(at["x"]) - at["x"]])


def test_initial_of_a_later_start_and_second_order():
    block, at, _ = residual(
        DOMAINS["disk in time"],
        pl.Initial(u=0, u_tt=1),
        lambda x, y, t: x * t**3,
    )
    assert set(at["t"]) == {1.0}
    assert_residual(block, [at["x"], 6 * at["x"] - 1])


def test_initial_of_ordinary_equations_is_one_point():
    block, at, _ = residual(pl.Time("t", 2, 5), pl.Initial(u=1, u_t=0), lambda t: t**2)
    assert at["t"].tolist() == [2.0]
    assert_residual(block, [3.0, 4.0])


def test_initial_of_a_field_whose_name_has_an_underscore():
    block, _, _ = residual(
        DOMAINS["strip"], pl.Initial(u_a=0, u_a_t=2), lambda x, t: 5 * t, fields=["u_a"]
    )
    assert_residual(block, [0.0, 3.0])


# --- Periodic -------------------------------------------------------------------------------
def test_periodic_compares_values_and_slopes():
    # u(x) = x² t: on [-1, 2] values differ by 3t and slopes by 6t.
    block, at, term = residual(DOMAINS["strip"], pl.Periodic("u"), lambda x, t: x**2 * t)
    t = at["t"]
    assert_residual(block, [(1 - 4) * t, (-2 - 4) * t])
    assert len(term.placements) == 2


def test_periodic_up_and_down_and_of_all_fields():
    block, at, _ = residual(
        DOMAINS["box"], pl.Periodic(on=("bottom", "top"), order=2), plane, other
    )
    x = at["x"]
    assert set(at["y"]) == {0.0}
    assert_residual(
        block,
        [
            sin(x) * (1 - cos(1)),
            sin(x) * sin(1),
            -sin(x) * (1 - cos(1)),
            0 * x - 1,
            0 * x - 2,
            0 * x,
        ],
    )


def test_periodic_functions_fulfil_it():
    block, _, _ = residual(
        DOMAINS["strip"],
        pl.Periodic("u", order=3),
        lambda x, t: torch.sin(2 * torch.pi * x / 3) * t,
    )
    np.testing.assert_allclose(block, 0.0, atol=1e-12)


# --- Data -----------------------------------------------------------------------------------
TABLE = {"x": np.array([0.0, 0.5, 1.0]), "t": np.array([0.1, 0.2, 0.3])}


def test_data_of_values():
    measured = np.array([1.0, 2.0, 3.0])
    block, at, _ = residual(DOMAINS["strip"], pl.Data({**TABLE, "u": measured}), wave)
    np.testing.assert_array_equal(at["x"], TABLE["x"])
    assert_residual(block, [sin(TABLE["x"]) * cos(2 * TABLE["t"]) - measured])


def test_data_of_derivatives_and_sums_under_other_names():
    table = {"pos": TABLE["x"], "time": TABLE["t"], "flux": [1.0, 2.0, 3.0], "sum": [0.0] * 3}
    condition = pl.Data(
        table,
        columns={"x": "pos", "t": "time", "u.x": "flux", "u + v": "sum"},
        sigma={"u.x": 0.5, "u + v": 2.0},
    )
    block, _, _ = residual(DOMAINS["strip"], condition, wave, lambda x, t: x)
    x, t = TABLE["x"], TABLE["t"]
    assert_residual(
        block,
        [(cos(x) * cos(2 * t) - [1, 2, 3]) / 0.5, (sin(x) * cos(2 * t) + x) / 2.0],
    )


def test_data_in_a_file(tmp_path):
    (tmp_path / "obs.csv").write_text("x,t,u\n0.5,0.25,1\n1.5,0.75,2\n")
    block, at, _ = residual(DOMAINS["strip"], pl.Data(tmp_path / "obs.csv", sigma=0.1), wave)
    x, t = np.array([0.5, 1.5]), np.array([0.25, 0.75])
    np.testing.assert_array_equal(at["t"], t)
    assert_residual(block, [(sin(x) * cos(2 * t) - [1, 2]) / 0.1])


def test_a_subset_of_the_data():
    x = np.linspace(0, 1, 50)
    block, at, _ = residual(
        DOMAINS["line"], pl.Data({"x": x, "u": 2 * x}, points=7), lambda x: 2 * x
    )
    assert len(set(at["x"])) == 7
    np.testing.assert_allclose(block, 0.0, atol=1e-14)


# --- Integral -------------------------------------------------------------------------------
def test_integral_over_the_domain():
    condition = pl.Integral("u + 1", 3, sampler="gauss", points=400)
    block, _, _ = residual(DOMAINS["box"], condition, lambda x, y: x**3 * y)
    # ∫∫ x³y + 1 = 4/2 + 2
    assert block.shape == (1, 1)
    np.testing.assert_allclose(block, 2 + 2 - 3, rtol=1e-12)


def test_integral_of_the_flux_over_a_circle():
    condition = pl.Integral("u.n", "2*c", on="boundary", points=400)
    block, _, _ = residual(
        DOMAINS["disk"], condition, lambda x, y: x**2 + y**2, parameters={"c": 1.5}
    )
    # ∂u/∂n = 2r = 4 on a circumference of 4π
    np.testing.assert_allclose(block, 16 * np.pi - 3.0, rtol=1e-12)


def test_integral_over_space_and_time():
    block, _, _ = residual(
        DOMAINS["disk in time"], pl.Integral("u", 0, points=3000), lambda x, y, t: 1 + 0 * x
    )
    np.testing.assert_allclose(block, 4 * np.pi * 2, rtol=1e-9)


def test_integral_of_an_unknown_value():
    block, _, _ = residual(
        DOMAINS["line"],
        pl.Integral("u", "total", sampler="gauss", points=20),
        lambda x: x,
        parameters={"total": pl.Unknown(0.5)},
    )
    np.testing.assert_allclose(block, 1.5 - 0.5, rtol=1e-12)


# --- Condition ------------------------------------------------------------------------------
def test_condition_in_the_interior_is_an_equation():
    block, at, _ = residual(DOMAINS["box"], pl.Condition("u.x + v", points=5), plane, other)
    assert len(block) == 5
    x, y = at["x"], at["y"]
    assert_residual(block, [cos(x) * cos(y) + exp(x) + y**2])


def test_condition_of_several_components_and_the_normal():
    def traction(u, v, n):
        return n[0] * u, n[1] * v - 1

    block, at, _ = residual(DOMAINS["disk"], pl.Condition(traction, on="boundary"), plane, other)
    x, y, n = at["x"], at["y"], at["n"]
    assert_residual(block, [n[:, 0] * sin(x) * cos(y), n[:, 1] * (exp(x) + y**2) - 1])


def test_inequality_counts_where_it_is_broken():
    block, at, _ = residual(
        DOMAINS["line"], pl.Condition("u - 0.5", how="inequality", points=30), torch.sin
    )
    value = sin(at["x"]) - 0.5
    assert (value < 0).any()
    assert (value > 0).any()
    assert_residual(block, [np.minimum(value, 0)])


def test_condition_may_ask_for_the_whole_context():
    def everything(context):
        return context["u"] * context["c"] - context["x"]

    block, at, _ = residual(
        DOMAINS["line"], pl.Condition(everything), torch.sin, parameters={"c": 2.0}
    )
    assert_residual(block, [2 * sin(at["x"]) - at["x"]])


# --- Interface ------------------------------------------------------------------------------
REGIONS = {"steel": pl.Box(x=(0, 1), y=(0, 1)), "air": pl.Box(x=(1, 2), y=(0, 1))}


def test_interface_couples_values_and_fluxes():
    condition = pl.Interface(
        on=("steel", "air"), equal=[("u", "v"), ("3*u.n", "v.n"), "u - 1"], points=12
    )
    block, at, _ = residual(
        DOMAINS["box"], condition, lambda x, y: x * y, lambda x, y: x**2 + y, regions=REGIONS
    )
    y = at["y"]
    assert len(block) == 12
    np.testing.assert_allclose(at["x"], 1.0)
    np.testing.assert_allclose(at["n"], np.tile([1.0, 0.0], (12, 1)), atol=1e-12)
    assert_residual(block, [y - (1 + y), 3 * y - 2, y - 1])


def test_interface_normal_points_out_of_the_first_region():
    condition = pl.Interface(on=("air", "steel"), equal=["u.n"], points=5)
    block, _, _ = residual(DOMAINS["box"], condition, lambda x, y: 7 * x, regions=REGIONS)
    assert_residual(block, [-7.0])


def test_interface_of_a_disk_in_a_box():
    regions = {
        "core": pl.Disk(center=(1, 0.5), radius=0.3),
        "shell": pl.Box(x=(0, 2), y=(0, 1)) - pl.Disk(center=(1, 0.5), radius=0.3),
    }
    condition = pl.Interface(on=("core", "shell"), equal=["u.n"], points=15)
    block, at, _ = residual(
        DOMAINS["box"], condition, lambda x, y: (x - 1) ** 2 + (y - 0.5) ** 2, regions=regions
    )
    radius = np.hypot(at["x"] - 1, at["y"] - 0.5)
    np.testing.assert_allclose(radius, 0.3, rtol=1e-9)
    assert_residual(block, [0.6])


def test_interface_in_time():
    domain = DOMAINS["box"] * pl.Time("t", 0, 1)
    regions = {name: part * pl.Time("t", 0, 1) for name, part in REGIONS.items()}
    condition = pl.Interface(on=("steel", "air"), equal=[("u", "v")], points=9)
    block, at, _ = residual(
        domain, condition, lambda x, y, t: t * y, lambda x, y, t: y, regions=regions
    )
    np.testing.assert_allclose(at["x"], 1.0)
    assert np.ptp(at["t"]) > 0
    assert_residual(block, [at["t"] * at["y"] - at["y"]])


# --- equations in regions -------------------------------------------------------------------
def test_an_equation_holds_in_its_region():
    problem = pl.Problem(
        DOMAINS["box"], "u", {"left": pl.Equation("u - x", region="steel")}, regions=REGIONS
    )
    objective = assembly(problem, Known(lambda x, y: x)).objective
    (points,) = objective.points.values()
    assert float(points.x[:, 0].max()) <= 1.0
    assert not objective.residuals()["left"].any()


def test_regions_of_a_domain_in_time_need_time():
    parts = {"equations": {"e": pl.Equation("u.t", region="steel")}, "regions": REGIONS}
    with pytest.raises(DeclarationError, match="Region 'steel' has other coordinates"):
        pl.Problem(DOMAINS["box"] * pl.Time("t", 0, 1), "u", **parts)
