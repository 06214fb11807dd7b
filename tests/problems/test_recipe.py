import pytest

import pinnlab as pl
from pinnlab.config import parse_config, to_config, to_yaml
from pinnlab.config.describe_class import describe_class, section
from pinnlab.config.json_schema import json_schema
from pinnlab.errors import ConfigError


def test_a_ready_problem_remembers_how_it_was_made():
    made = pl.high_dimension.allen_cahn(7, seed=3)
    assert made.recipe == {"kind": "allen_cahn", "dim": 7, "solution": "two_body", "seed": 3}
    assert made.replace(name="mine").recipe is None


def test_a_file_names_it_and_is_resolved_to_the_same():
    config = parse_config("problem: {kind: SineGordon, dim: 5, solution: three_body}\n")
    assert config.problem.recipe == pl.high_dimension.sine_gordon(5, "three_body").recipe
    again = parse_config(config.resolved_text).problem
    assert again.recipe == config.problem.recipe
    assert to_yaml(to_config(pl.high_dimension.poisson(9))).startswith("problem: {kind: poisson")


@pytest.mark.parametrize(
    "text, words",
    [
        ("kind: allen_chan, dim: 5", "no ready problem 'allen_chan'"),
        ("kind: allen_cahn, dims: 5", "no option 'dims'"),
        ("kind: allen_cahn, dim: many", "not a whole number"),
        ("kind: allen_cahn, dim: 5, solution: four_body", "none of the choices"),
        ("kind: allen_cahn, dim: 2, solution: three_body", "too few coordinates"),
    ],
)
def test_mistakes_are_told_with_their_place(text, words):
    with pytest.raises(ConfigError, match=words):
        parse_config(f"problem: {{{text}}}\n")


def test_a_solved_one_is_loaded_without_python(tmp_path):
    s = pl.solve(
        pl.high_dimension.poisson(6),
        pl.MLP(width=4, depth=1),
        phases=[pl.Adam(1)],
        points={"interior": 4},
        progress=False,
    )
    again = pl.load(s.save(tmp_path / "s.h5"))
    assert again.problem.recipe == s.problem.recipe
    assert again.error() == s.error()


def test_listed_described_and_in_the_schema():
    assert set(section("problems")["problem"]) >= {"poisson", "allen_cahn", "sine_gordon"}
    text = describe_class("allen_cahn")
    assert "(equation)" in text and "(problem)" in text
    schema = json_schema()
    assert {"$ref": "#/$defs/allen_cahn"} in schema["properties"]["problem"]["anyOf"]
    assert schema["$defs"]["allen_cahn"]["required"] == ["kind", "dim"]
