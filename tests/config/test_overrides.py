"""Changes on the command line."""

import pytest

from pinnlab.config import parse_config
from pinnlab.errors import ConfigError


def test_values_are_yaml(burgers: str) -> None:
    config = parse_config(
        burgers,
        overrides=[
            "phases.0.steps=10",
            "phases.0.lr=1/100",
            "run.seed=7",
            "problem.conditions.start.u=sin(pi*x) = 0"[:-4],
            "points={interior: 30}",
            "run.out=null",
            "gradients=ConFIG",
            "problem.conditions.ends.on=[left]",
        ],
    )
    adam = config.options["phases"][0]
    assert (adam.steps, adam.lr) == (10, 0.01)
    assert config.options["seed"] == 7
    assert config.options["points"].interior == 30
    assert config.problem.conditions["ends"].on == ("left",)
    assert "# changed on the command line: run.seed=7" in config.text


def test_missing_sections_are_made(burgers: str) -> None:
    text = burgers[: burgers.index("surrogate:")]
    config = parse_config(text, overrides=["run.seed=3", "surrogate.kind=MLP", "surrogate.depth=1"])
    assert config.options["seed"] == 3
    assert config.options["surrogate"].depth == 1


def test_bare_names_take_options(burgers: str) -> None:
    text = burgers.replace("{kind: MLP, width: 6, depth: 2}", "MLP")
    assert parse_config(text, overrides=["surrogate.width=9"]).options["surrogate"].width == 9


def test_keys_with_dots(burgers: str) -> None:
    text = burgers.replace("u: -sin(pi*x)", "u: -sin(pi*x), u.t: 0")
    config = parse_config(text, overrides=["problem.conditions.start.u.t=1"])
    assert "u_t = 1" in config.problem.conditions["start"].describe()


@pytest.mark.parametrize(
    ("change", "parts"),
    [
        ("run.sed=3", ["run.sed", "did you mean 'seed'?", "command line:1:1"]),
        ("rum.seed=3", ["no section 'rum'", "did you mean 'run'?"]),
        ("phases.2.steps=3", ["There is no '2' in 'phases'", "expected: 0, 1"]),
        ("phases.first.steps=3", ["There is no 'first' in 'phases'"]),
        ("phases.0.stesp=3", ["phases.0.stesp", "did you mean 'steps'?"]),
        ("phases.0.steps=many", ["command line:1:16", "a whole number"]),
        ("phases.0.steps=[1", ["A list is not closed"]),
        ("callbacks.0.every=3", ["There is no '0' in 'callbacks'"]),
        ("run.seed.more=3", ["run.seed"]),
        ("run.seed", ["changes nothing", "key.path=value"]),
        ("=3", ["changes nothing"]),
        ("problem.conditions.ends.on=lft", ["no boundary piece 'lft'", "did you mean 'left'?"]),
    ],
)
def test_refused(burgers: str, change: str, parts: list[str]) -> None:
    with pytest.raises(ConfigError) as caught:
        parse_config(burgers, overrides=[change])
    for part in parts:
        assert part in str(caught.value)


def test_all_at_once(burgers: str) -> None:
    with pytest.raises(ConfigError) as caught:
        parse_config(burgers, overrides=["run.sed=1", "points.inner=3", "phases.1.steps=-1"])
    assert len(caught.value.findings) == 3
