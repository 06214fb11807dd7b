"""Objects to YAML and back."""

from pathlib import Path

import numpy as np
import pytest
import torch

from pinnlab.calculus.formula import Formula
from pinnlab.conditions import Dirichlet, Initial, Interface, Robin
from pinnlab.config import (
    describe_object,
    load_config,
    parse_config,
    to_config,
    to_yaml,
)
from pinnlab.config.registry import ROLES
from pinnlab.errors import ConfigError
from pinnlab.geometry import (
    SDF,
    Ball,
    Box,
    Disk,
    HyperBall,
    Hypercube,
    Interval,
    Polygon,
    RealSpace,
    Time,
    Triangle,
)
from pinnlab.io.reference import Reference
from pinnlab.objective.unknown import Unknown
from pinnlab.optim import SOAP, Adam, Curriculum, March, Windows
from pinnlab.problems.problem import Problem
from pinnlab.surrogates import MLP, TimeMarching

REPOSITORY = Path(__file__).parents[2]
RICH = """\
problem:
  domain:
    kind: difference
    of:
      - {kind: Box, x: [0, 1], y: [0, 2*pi]}
      - {kind: Disk, center: [0.5, 0.5], radius: 0.2, name: hole}
      - {kind: Triangle, a: [0, 0], b: [0.1, 0], c: [0, 0.1], name: notch}
    time: {t: [0, 1]}
  fields: [u, v]
  parameters: {D: {kind: Unknown, initial: 0.1, bounds: [0, 1], true: 0.3}, k: 1 + x**2, w: [1, y]}
  regions: {part: {kind: Box, x: [0, 0.5], y: [0, 1], time: {t: [0, 1]}}}
  equations:
    heat: u.t - D*u.xx - k*u.yy
    second: {fn: v - u, weight: 2, region: part, points: 20}
  conditions:
    ring: {kind: Dirichlet, u: 0, v: x*y, on: hole}
    start: {kind: Initial, u: sin(pi*x), hard: true}
    sides: {kind: Periodic, fields: [u], on: [left, right]}
    sensors:
      kind: Data
      source: {x: [0.3, 0.2], y: [0.9, 0.9], t: [0, 0.5], u: [1, 2]}
      sigma: {u: 0.1}
    positive: {kind: Condition, fn: u, how: inequality}
    mass: {kind: Integral, expression: u, value: 1, points: 100}
    loss: {kind: Robin, u: y, alpha: 2*k, on: top}
    flux: {kind: Neumann, u: 1e-3, on: bottom}
    smooth: {kind: GradientEnhanced, equation: heat, by: [x, t]}
    sampled: {kind: GradientEnhanced, equation: second, samples: 2, directions: sparse, weight: 0.1}
surrogate: {kind: PirateNet, width: 10}
weights: {ring: 10}
gradients: {kind: ConFIG}
phases:
  - {kind: Adam, steps: 10, schedule: {kind: Exponential, rate: 0.5}, betas: [0.8, 0.9]}
  - {kind: Optimizer, name: SGD, steps: 3, options: {momentum: 0.9}}
callbacks: [{kind: EarlyStop, patience: 5}, {kind: RAD, share: 0.5}]
run: {scales: {u: 2}, budget: 60, seed: 3}
"""


def test_every_kind_of_declaration_comes_back() -> None:
    config = parse_config(RICH)
    again = parse_config(config.resolved_text)
    assert again.resolved == config.resolved
    assert again.options["phases"] == config.options["phases"]
    assert again.options["surrogate"] == config.options["surrogate"]
    assert again.problem.parameters["D"] == config.problem.parameters["D"]
    for name, condition in config.problem.conditions.items():
        assert repr(again.problem.conditions[name]) == repr(condition)
    np.testing.assert_array_equal(again.problem.domain.bounds(), config.problem.domain.bounds())
    assert again.problem.domain.pieces == config.problem.domain.pieces


def test_every_default_is_written() -> None:
    resolved = parse_config(RICH).resolved
    assert resolved["phases"][0]["eps"] == 1e-8
    assert resolved["points"] == {"interior": 4000, "boundary": 400, "sampler": "sobol"}
    assert resolved["run"]["checkpoint_every"] == 1000
    assert resolved["problem"]["conditions"]["ring"]["weight"] == 1.0


def test_defaults_of_solve_are_written() -> None:
    problem = Problem(Interval("x", 0, 1), "u", {"poisson": "u.xx + 1"}, {"ends": Dirichlet(u=0)})
    resolved = to_config(problem)
    assert resolved["surrogate"]["kind"] == "MLP"
    assert [phase["kind"] for phase in resolved["phases"]] == ["Adam", "LBFGS"]
    linear = parse_config(to_yaml(resolved | {"surrogate": "random_features", "phases": None}))
    assert [phase["kind"] for phase in linear.resolved["phases"]] == ["LeastSquares"]
    assert parse_config(to_yaml(resolved)).resolved == resolved


@pytest.mark.parametrize(
    "path", sorted((REPOSITORY / "configs").rglob("*.yaml")), ids=lambda p: p.stem
)
def test_shipped_configs_come_back(path: Path) -> None:
    config = load_config(path)
    assert parse_config(config.resolved_text).resolved == config.resolved


@pytest.mark.parametrize("domain", [
    Interval("z", -1, 2) * Time("t", 0, 1),
    Box(x=(0, 1), y=(0, 1), name="outer"),
    (Box(x=(0, 1), y=(0, 1)) | Disk((1, 1), 0.2, name="a")) & Box(x=(0, 2), y=(0.2, 1), name="b"),
    Box(x=(0, 1), y=(0, 1)) - (Disk((0, 0), 0.2, name="a") | Disk((1, 1), 0.2, name="b")),
    Ball((0, 0, 0), 2.0, name="earth"),
    Hypercube("x", dim=5, low=-1, high=1),
    HyperBall("x", dim=5, radius=2, center=0.5, name="shell"),
    HyperBall("x", dim=2, center=[0.5, 1.0]),
    RealSpace("x", dim=5, center=[0.0, 1.0, 2.0, 3.0, 4.0], scale=0.5) * Time("t", 0, 1),
    Polygon([(0, 0), (1, 0), (0, 1)], names=["floor", "slope", "wall"]),
    Triangle((0, 0), (1, 0), (0, 1), name="wedge"),
    Time("s", 0, 2),
], ids=repr)  # fmt: skip
def test_geometries(domain) -> None:
    name = domain.coordinates.names[0]
    equation = f"d(u, {name})" if domain.coordinates.sizes[0] == 1 else "laplacian(u)"
    problem = {"domain": describe_object(domain), "fields": ["u"], "equations": {"e": equation}}
    text = to_yaml({"problem": problem})
    back = parse_config(text).problem.domain
    assert back.pieces == domain.pieces
    np.testing.assert_array_equal(back.bounds(), domain.bounds())
    np.testing.assert_allclose(back.measure(), domain.measure(), rtol=1e-12)


def test_functions_are_marked_and_refused() -> None:
    def poisson(u):
        return u.xx + 1

    problem = Problem(
        Interval("x", 0, 1), "u", {"poisson": poisson}, {"ends": Dirichlet(u=lambda x: 0 * x)}
    )
    resolved = to_config(problem)
    assert resolved["problem"]["equations"]["poisson"]["fn"] == {"callable": "poisson"}
    with pytest.raises(ConfigError, match="pass the problem in Python") as caught:
        parse_config(to_yaml(resolved))
    assert {f.path for f in caught.value.findings} == {
        "problem.equations.poisson.fn",
        "problem.conditions.ends.u",
    }


def test_objects_that_only_python_makes() -> None:
    reference = Reference.load({"x": [0.0, 1.0], "u": [0.0, 0.0]}, ["x"], ["u"])
    problem = Problem(Interval("x", 0, 1), "u", {"p": "u.xx"}, reference=reference)
    resolved = to_config(problem, surrogate=torch.nn.Linear(1, 1))
    assert "python" in resolved["problem"]["reference"]
    with pytest.raises(ConfigError, match="made in Python"):
        parse_config(to_yaml(resolved))
    disk = SDF(lambda x, y: x**2 + y**2 - 1, {"x": (-2, 2), "y": (-2, 2)})
    assert describe_object(disk) == {"python": "SDF"}


def test_single_objects() -> None:
    assert describe_object(MLP(8)) == {
        "kind": "MLP", "width": 8, "depth": 4, "activation": "tanh", "per_field": False,
        "weight_factorization": False, "adaptive_activation": False, "scale_inputs": True,
        "share_inputs": 1,
    }  # fmt: skip
    assert describe_object(Unknown(1.0))["kind"] == "Unknown"
    assert describe_object(Robin(u=1, alpha="2*x"))["alpha"] == "2*x"
    assert describe_object(Interface(("a", "b"), [("u", "v")]))["equal"] == [["u", "v"]]
    assert describe_object(Initial(u=1, u_t="x")) == {
        "kind": "Initial", "hard": False, "weight": 1.0, "points": None, "sampler": None,
        "u": 1, "u_t": "x",
    }  # fmt: skip
    assert describe_object(Formula(torch.tensor(2.0))) == 2.0
    assert describe_object(np.arange(2)) == [0, 1]
    assert describe_object(np.zeros(20_000)) == {"python": "ndarray"}
    assert describe_object(Path("a/b")) == "a/b"


def test_every_class_with_defaults_comes_back() -> None:
    from pinnlab.config.run_config import run_schema
    from pinnlab.config.signature import parameters

    for role in ROLES:
        reader = run_schema().adapter(run_schema().component(role).type)
        for name, target in role.members().items():
            if any(p.required for p in parameters(target).values()) or name == "EarlyStop":
                continue
            if role.name in ("geometry", "condition"):
                continue  # these need an axis or a field
            made = target()
            described = describe_object(made)
            assert describe_object(reader.validate_python(described)) == described, name


def test_yaml_stays_yaml_1_2() -> None:
    text = to_yaml({"a": {"on": "1e-3", "b": [1e-8, 1.0, None, True], "c": "- x", "d": "[u, v]"}})
    from pinnlab.config.document import parse_document

    assert parse_document(text).root.data["a"] == {
        "on": "1e-3", "b": [1e-8, 1.0, None, True], "c": "- x", "d": "[u, v]",
    }  # fmt: skip


def test_stages_and_networks_for_windows_survive() -> None:
    text = """\
problem:
  domain: {kind: Time, t: [0, 1]}
  fields: [u]
  parameters: {k: 3}
  equations: {decay: u.t + k*u}
  conditions: {start: {kind: Initial, u: 1}}
surrogate: {kind: TimeMarching, network: {kind: MLP, width: 8, depth: 1}, edges: [0.5, 1]}
phases:
  - kind: Curriculum
    parameter: k
    values: [1, 3]
    phases: {kind: March, phases: [{kind: SOAP, steps: 3}, {kind: Adam, steps: 2}]}
"""
    config = parse_config(text)
    written = to_config(config.problem, **config.options)
    again = parse_config(to_yaml(written))
    for options in (config.options, again.options):
        assert options["surrogate"] == TimeMarching(MLP(8, 1), (0.5, 1.0))
        stage = Curriculum("k", (1.0, 3.0), March([SOAP(3), Adam(2)]))
        assert list(options["phases"]) == [stage]
    growing = "{kind: Windows, coordinate: t, edges: [0.2, 1], "
    windows = parse_config(text.replace("{kind: March, ", growing))
    (stage,) = windows.options["phases"]
    assert stage.phases == (Windows("t", (0.2, 1.0), [SOAP(3), Adam(2)]),)


@pytest.mark.parametrize("words", ["edges: [1, 0.5]", "edges: []", "edges: 1"])
def test_windows_that_make_no_sense_are_told_with_their_place(words: str) -> None:
    text = f"""\
problem:
  domain: {{kind: Time, t: [0, 1]}}
  fields: [u]
  equations: {{decay: u.t + u}}
  conditions: {{start: {{kind: Initial, u: 1}}}}
phases: [{{kind: Windows, coordinate: t, {words}, phases: {{kind: Adam, steps: 3}}}}]
"""
    with pytest.raises(ConfigError, match=r"edges|Windows"):
        parse_config(text)
