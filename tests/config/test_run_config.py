"""What files declare: values, alternatives, paths, and the objects that come of them."""

import math
from pathlib import Path

import numpy as np
import pytest
import torch

from pinnlab import aggregation, optim, surrogates
from pinnlab.calculus.expression import number
from pinnlab.conditions import Condition, Dirichlet, Periodic
from pinnlab.config import load_config, parse_config
from pinnlab.config.run_config import RunConfig
from pinnlab.errors import ConfigError
from pinnlab.geometry.files import load_geometry
from pinnlab.optim.first_order import Adam, Optimizer
from pinnlab.optim.schedules import Step
from pinnlab.problems.assemble import PointBudget
from pinnlab.surrogates import MLP, FourierFeatures

PROBLEM = """\
problem:
  domain: {domain}
  fields: [u]
  equations: {{poisson: {equation}}}
"""


def square(equation: str = "u.xx + u.yy", more: str = "", domain: str | None = None) -> RunConfig:
    domain = domain or "{kind: Box, x: [0, 1], y: [0, 2]}"
    return parse_config(PROBLEM.format(domain=domain, equation=equation) + more)


def test_burgers_as_in_python(burgers: str) -> None:
    config = parse_config(burgers)
    problem = config.problem
    assert problem.coordinates.names == ("x", "t")
    assert problem.coordinates.time == "t"
    assert problem.parameters == {"nu": 0.01 / math.pi}
    assert problem.equations["burgers"].fn.text == "u.t + u*u.x - nu*u.xx"
    ends = problem.conditions["ends"]
    assert isinstance(ends, Dirichlet)
    assert ends.on == ("left", "right")
    assert config.options["surrogate"] == MLP(width=6, depth=2)
    assert config.options["points"] == PointBudget(interior=40, boundary=10)
    adam, lbfgs = config.options["phases"]
    assert (adam.steps, adam.lr, lbfgs.steps) == (4, 1e-3, 3)
    assert config.options["dtype"] == "float64"
    assert config.options["progress"] is False


@pytest.mark.parametrize("kind", ["FourierFeatures", "fourier_features", "FOURIERFEATURES"])
def test_case_and_underscores_do_not_matter(kind: str) -> None:
    config = square(more=f"surrogate: {{kind: {kind}, scales: [1, 2*pi]}}\n")
    assert config.options["surrogate"] == FourierFeatures(scales=(1.0, 2 * math.pi))


def test_a_bare_name_means_all_defaults() -> None:
    config = square(more="surrogate: mlp\ngradients: con_fig\n")
    assert config.options["surrogate"] == MLP()
    assert config.options["gradients"] == aggregation.ConFIG()


@pytest.mark.parametrize(
    ("text", "value"),
    [("1e-3", 1e-3), ("1/8", 0.125), ("2", 2.0), ("'3e-4'", 3e-4), ("-.5e-3", -1)],
)
def test_numbers(text: str, value: float) -> None:
    more = f"phases: [{{kind: Adam, steps: 1e2, lr: {text}}}]\n"
    if value < 0:
        with pytest.raises(ConfigError, match="a positive number"):
            square(more=more)
        return
    (phase,) = square(more=more).options["phases"]
    assert phase == Adam(100, lr=value)
    assert isinstance(phase.steps, int)


def test_phases_schedules_and_torch_optimisers() -> None:
    more = """
phases:
  - {kind: Adam, steps: 5, schedule: {kind: Step, at: [1, 3]}, betas: [0.8, 0.9]}
  - {kind: Optimizer, name: SGD, steps: 2, options: {momentum: 0.9}}
"""
    adam, sgd = square(more=more).options["phases"]
    assert adam == Adam(5, schedule=Step((1, 3)), betas=(0.8, 0.9))
    assert sgd == Optimizer("SGD", 2, options={"momentum": 0.9})
    only = square(more="phases: {kind: LBFGS, steps: 7}\n").options["phases"]
    assert only.steps == 7


def test_condition_keys() -> None:
    conditions = """
  conditions:
    bottom: {kind: condition, fn: u - 1, on: bottom, how: inequality, points: 10}
    sides: {kind: periodic, fields: [u], on: [left, right], order: 0}
"""
    problem = parse_config(
        PROBLEM.format(domain="{kind: Box, x: [0, 1], y: [0, 1]}", equation="u.xx") + conditions
    ).problem
    bottom, sides = problem.conditions["bottom"], problem.conditions["sides"]
    assert isinstance(bottom, Condition)
    assert (bottom.how, bottom.points) == ("inequality", 10)
    assert isinstance(sides, Periodic)
    assert (sides.fields, sides.order) == (("u",), 0)


def test_initial_derivative_with_a_dot() -> None:
    text = PROBLEM.format(
        domain="{kind: Interval, x: [0, 1], time: {t: [0, 2]}}", equation="u.tt - u.xx"
    )
    problem = parse_config(
        text + "  conditions: {start: {kind: Initial, u: sin(pi*x), u.t: 0}}\n"
    ).problem
    assert problem.conditions["start"].describe() == "u = sin(pi*x), u_t = 0 at the start"


def test_time_alone() -> None:
    config = square("u.t + u", domain="{kind: Time, t: [0, 3]}")
    assert config.problem.coordinates.names == ("t",)
    assert config.problem.coordinates.time == "t"


def test_csg_tree() -> None:
    tree = """{kind: difference, of: [{kind: Box, x: [0, 2], y: [0, 1]},
      {kind: Disk, center: [0.7, 0.45], radius: 0.2, name: hole}], time: {t: [0, 2]}}"""
    domain = square("u.t - u.xx - u.yy", domain=tree).problem.domain
    assert domain.pieces == ("left", "right", "bottom", "top", "hole", "initial", "final")
    np.testing.assert_allclose(domain.measure(), 2 * (2 - math.pi * 0.04), rtol=1e-12)


def test_geometry_in_a_file_of_its_own(tmp_path: Path) -> None:
    (tmp_path / "shapes").mkdir()
    (tmp_path / "shapes" / "plate.yaml").write_text("{kind: Box, x: [0, 1], y: [0, 1]}\n")
    file = tmp_path / "run.yaml"
    file.write_text(PROBLEM.format(domain="{file: shapes/plate.yaml}", equation="u.xx"))
    assert load_config(file).problem.domain.pieces == ("left", "right", "bottom", "top")


def test_findings_in_a_geometry_file_name_that_file(tmp_path: Path) -> None:
    (tmp_path / "plate.yaml").write_text("kind: Box\nx: [0, one]\n")
    file = tmp_path / "run.yaml"
    file.write_text(PROBLEM.format(domain="{file: plate.yaml}", equation="u.xx"))
    with pytest.raises(ConfigError) as caught:
        load_config(file)
    (finding,) = caught.value.findings
    assert finding.place.source.name.endswith("plate.yaml")
    assert (finding.place.line, finding.place.column, finding.path) == (2, 8, "x.1")


def test_geometry_files_that_include_each_other(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text("{file: b.yaml}\n")
    (tmp_path / "b.yaml").write_text("{file: a.yaml}\n")
    file = tmp_path / "run.yaml"
    file.write_text(PROBLEM.format(domain="{file: a.yaml}", equation="u.xx"))
    with pytest.raises(ConfigError, match=r"includes itself(.|\n)*a.yaml -> b.yaml -> a.yaml"):
        load_config(file)


SHAPES = sorted((Path(__file__).parents[2] / "geometries").glob("*.yaml"))


@pytest.mark.parametrize("path", SHAPES, ids=lambda path: path.stem)
def test_shipped_geometries_are_read_as_the_geometry_package_reads_them(path: Path) -> None:
    expected = load_geometry(path, number=number)
    domain = square("'d(u, x)'", domain=f"{{file: {path}}}").problem.domain
    assert domain.pieces == expected.pieces
    np.testing.assert_array_equal(domain.bounds(), expected.bounds())
    np.testing.assert_allclose(domain.measure(), expected.measure(), rtol=1e-12)


def test_mesh_file(tmp_path: Path) -> None:
    meshio = pytest.importorskip("meshio")
    points = [[0.0, 0.0], [1.0, 0.0], [1.0, 1.0], [0.0, 1.0]]
    meshio.write_points_cells(tmp_path / "square.vtu", points, {"triangle": [[0, 1, 2], [0, 2, 3]]})
    file = tmp_path / "run.yaml"
    file.write_text(PROBLEM.format(domain="{file: square.vtu, scale: 2}", equation="u.xx + u.yy"))
    config = load_config(file)
    np.testing.assert_allclose(config.problem.domain.measure(), 4.0, rtol=1e-12)
    again = parse_config(config.resolved_text)  # from another folder
    np.testing.assert_allclose(again.problem.domain.measure(), 4.0, rtol=1e-12)


def test_data_and_reference_files_count_from_the_file(tmp_path: Path, burgers: str) -> None:
    (tmp_path / "obs.csv").write_text("x,t,u\n0.5,0.5,0.1\n-0.5,0.5,-0.1\n")
    np.savez(
        tmp_path / "ref.npz", x=np.linspace(-1, 1, 5), t=np.linspace(0, 1, 3), u=np.ones((5, 3))
    )
    text = burgers.replace(
        "    ends:", "    sensors: {kind: Data, source: obs.csv, sigma: 0.1}\n    ends:"
    ).replace(
        "  fields:", "  reference: {file: ref.npz, coordinates: [x, t], fields: [u]}\n  fields:"
    )
    (tmp_path / "run.yaml").write_text(text)
    config = load_config(tmp_path / "run.yaml")
    assert config.problem.reference is not None
    assert len(config.problem.reference) == 15
    term = next(t for t in config.problem.terms if t.name == "sensors")
    fixed = term.placements[0].fixed
    assert fixed is not None
    assert len(fixed) == 2
    assert parse_config(config.resolved_text).resolved == config.resolved


def test_ready_equations() -> None:
    text = PROBLEM.format(
        domain="{kind: Interval, x: [0, 1], time: {t: [0, 1]}}",
        equation="{kind: Burgers, weight: 2}",
    )
    config = parse_config(text + "  parameters: {nu: 0.1}\n")
    assert config.problem.equations["poisson"].weight == 2.0
    assert config.resolved["problem"]["equations"]["poisson"]["kind"] == "Burgers"
    assert parse_config(config.resolved_text).resolved == config.resolved


def test_unknowns_and_formulas_as_parameters() -> None:
    config = square(
        "D*u.xx + k*u.yy + a",
        "  parameters:\n    D: {initial: 0.1, bounds: [0, 1]}\n    k: 1 + x**2\n"
        "    a: {kind: Unknown, initial: 1}\n",
    )
    assert list(config.problem.unknowns) == ["D", "a"]
    assert config.problem.unknowns["D"].transform == "sigmoid"


def test_aliases_and_merge_keys(burgers: str) -> None:
    text = burgers.replace("ends: {kind", "ends: &wall {kind") + "# end\n"
    text = text.replace("    start:", "    more: {<<: *wall, on: left, weight: 3}\n    start:")
    more = parse_config(text).problem.conditions["more"]
    assert isinstance(more, Dirichlet)
    assert (more.on, more.weight) == ("left", 3.0)


def test_yaml_1_2() -> None:
    problem = parse_config(
        "problem: {domain: {kind: Box, x: [0, 1], y: [0, 0x10]}, fields: [no], equations: "
        "{a: no.xx + no.yy}, conditions: {b: {kind: Dirichlet, no: 0, on: boundary}}}"
    ).problem
    assert problem.fields == ("no",)
    assert problem.domain.bounds()[1].tolist() == [1.0, 16.0]


def test_unreadable_files(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot be read"):
        load_config(tmp_path / "nothing.yaml")
    (tmp_path / "latin.yaml").write_bytes(b"problem: \xe9\n")
    with pytest.raises(ConfigError, match="UTF-8"):
        load_config(tmp_path / "latin.yaml")


def test_solve_from_a_file(burgers: str, tmp_path: Path) -> None:
    config = parse_config(burgers)
    solution = config.solve(out=tmp_path / "run")
    assert solution.metrics["status"] == "finished"
    assert (tmp_path / "run" / "config.yaml").read_text() == burgers
    assert load_config(tmp_path / "run" / "resolved.yaml").problem.fields == ("u",)
    assert solution.dtype is torch.float64


def test_every_public_class_has_a_schema() -> None:
    from pinnlab.config.registry import ROLES
    from pinnlab.config.run_config import run_schema

    names = {name for role in ROLES for name in role.members()}
    assert {"MLP", "Adam", "LBFGS", "Dirichlet", "Box", "ConFIG", "Cosine", "Evaluate"} <= names
    assert not names & {"Network", "Specification", "Phase", "Combination", "SDF", "Shape"}
    for role in ROLES:
        for target in role.members().values():
            assert run_schema().model(target).__name__ == target.__name__
    assert optim is not None
    assert surrogates is not None
