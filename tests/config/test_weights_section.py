"""The section ``weights`` of a file."""

import pytest
from config_texts import the_only_mistake

import pinnlab as pl
from pinnlab.config import parse_config
from pinnlab.config.json_schema import json_schema
from pinnlab.config.registry import role
from pinnlab.errors import ConfigError

HEAD = """\
problem:
  domain: {kind: Interval, x: [0, 1], time: {t: [0, 1]}}
  fields: [u]
  equations: {heat: u.t - u.xx}
  conditions:
    ends: {kind: Dirichlet, u: 0, on: [left, right]}
    start: {kind: Initial, u: sin(pi*x)}
    kind: {kind: Condition, fn: u.x, on: left}
surrogate: {kind: MLP, width: 4, depth: 1}
points: {interior: 8, boundary: 4}
phases: [{kind: Adam, steps: 2}]
"""
LINE = HEAD.count("\n") + 1


def written(section: str) -> str:
    return HEAD + f"weights: {section}\n"


def config(section: str):
    return parse_config(written(section))


WRITTEN = {
    "{heat: 10}": {"heat": 10},
    "{heat: 1/4, ends: 1e2}": {"heat": 0.25, "ends": 100},
    "ReLoBRaLo": pl.ReLoBRaLo(),
    "{kind: relobralo, temperature: 0.5}": pl.ReLoBRaLo(0.5),
    "{kind: grad_norm, every: 1e2}": pl.GradNorm(100),
    "{kind: Causal, epsilons: [0.1, 1], bins: 8}": pl.Causal((0.1, 1), 8),
    "{kind: NTK, points: null}": pl.NTK(points=None),
    "{kind: self_adaptive, terms: [heat, start], per: term}": pl.SelfAdaptive(
        per="term", terms=("heat", "start")
    ),
    "[{heat: 10, ends: 1}, {kind: Causal}, RBA]": [{"heat": 10, "ends": 1}, pl.Causal(), pl.RBA()],
    # A term may be called `kind`: its weight is a number, the kind of a rule is a name.
    "{kind: 10, heat: 2}": {"kind": 10, "heat": 2},
    "[{kind: 1e1}, {kind: LRA}]": [{"kind": 10}, pl.LRA()],
}


@pytest.mark.parametrize("section", WRITTEN)
def test_what_is_written_is_made_and_resolves_to_itself(section: str) -> None:
    made = config(section)
    assert made.options["weights"] == WRITTEN[section]
    again = parse_config(made.resolved_text)
    assert again.options["weights"] == WRITTEN[section]
    assert again.resolved == made.resolved


@pytest.mark.parametrize("name", sorted(role("weighting").members()))
def test_every_rule_is_written_by_its_name(name: str) -> None:
    made = config(name)
    assert type(made.options["weights"]).__name__ == name
    assert made.resolved["weights"]["kind"] == name


def test_left_out_there_are_none() -> None:
    assert "weights" not in parse_config(HEAD).options
    assert parse_config(HEAD + "weights:\n").options.get("weights") is None


def test_a_file_runs() -> None:
    solution = config("[{start: 10}, {kind: Causal, bins: 4}, SoftAdapt]").solve(progress=False)
    assert solution.metrics["status"] == "finished"
    assert solution.records[-1]["weights"]["start"] == 10


def test_numbers_change_on_the_command_line() -> None:
    text = HEAD + "weights: [{heat: 10}, {kind: Causal, bins: 4}]\n"
    made = parse_config(text, overrides=["weights.1.bins=9", "weights.0.heat=3"])
    assert made.options["weights"] == [{"heat": 3}, pl.Causal(bins=9)]


WRONG = {
    "{heet: 10}": (["'heet' to weigh", "did you mean 'heat'?"], "heet"),
    "{heat: -1}": (["term 'heat' is -1", "at least 0"], "heat"),
    "{heat: big}": (["'big' is no number"], "heat"),
    "[{heat: 1}, {haet: 2}]": (["'haet' to weigh", "did you mean 'heat'?"], "1.haet"),
    "{kind: ReLoBraLoo}": (["no rule for weights", "did you mean 'ReLoBRaLo'?"], "kind"),
    "{kind: ConFIG}": (["ConFIG is an aggregator of gradients"], "kind"),
    "ConFIG": (["ConFIG is an aggregator of gradients"], ""),
    "{kid: Causal}": (["did you mean 'kind' instead of 'kid'?"], ""),
    "{Causal: {bins: 3}}": (["stands after `kind:`", "{kind: Causal, ...}"], "Causal"),
    "{kind: RBA, gama: 0.9}": (["no option 'gama'", "did you mean 'gamma'?"], "gama"),
    "{kind: RBA, gamma: 1.5}": (["gamma=1.5", "below 1"], "gamma"),
    "{kind: Causal, bins: 2.5}": (["not a whole number"], "bins"),
    "{kind: Causal, epsilons: [1, 0.1]}": (["do not rise"], "epsilons"),
    "{kind: RBA, terms: [heet]}": (["'heet' to weigh", "did you mean 'heat'?"], "terms.0"),
    "[RBA, {kind: LRA, reference: [end]}]": (["did you mean 'ends'?"], "1.reference.0"),
    "10": (["no weights", "{kind: ReLoBRaLo}"], ""),
    "[{heat: 1}, 3]": (["no weights"], "1"),
}


@pytest.mark.parametrize("section", WRONG)
def test_mistakes_are_told_at_their_place(section: str) -> None:
    words, where = WRONG[section]
    finding = the_only_mistake(written(section), words)
    assert finding.path == ".".join(filter(None, ("weights", where)))
    assert finding.place.line == LINE


def test_every_mistake_is_told_at_once() -> None:
    with pytest.raises(ConfigError) as caught:
        config("[{heat: -1, ends: x}, {kind: Causal, bins: 0}, {kind: Kausal}]")
    assert len(caught.value.findings) == 4


def test_editors_know_the_rules() -> None:
    schema = json_schema()
    one, fixed, several, _ = schema["properties"]["weights"]["anyOf"]
    assert one == {"$ref": "#/$defs/weighting"}
    assert fixed["type"] == "object"
    assert several["items"]["anyOf"] == [one, fixed]
    assert "Causal" in str(schema["$defs"]["weighting"])
