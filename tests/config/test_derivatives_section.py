"""The section ``derivatives`` of a file."""

import pytest
from config_texts import the_only_mistake

import pinnlab as pl
from pinnlab.config import parse_config
from pinnlab.config.json_schema import json_schema
from pinnlab.errors import ConfigError

HEAD = """\
problem:
  domain: {kind: HyperBall, coordinate: x, dim: 16}
  fields: [u]
  equations: {e: "laplacian(u) + biharmonic(u) + dot(grad(u), grad(u))"}
  conditions: {b: {kind: Dirichlet, u: 0, hard: true}}
surrogate: {kind: MLP, width: 4, depth: 1}
points: {interior: 8}
phases: [{kind: Adam, steps: 2}]
"""


def written(section: str) -> str:
    return HEAD + f"derivatives: {section}\n"


def config(section: str):
    return parse_config(written(section))


WRITTEN = {
    "STDE": pl.STDE(),
    "exact": pl.Exact(),
    "{kind: STDE, samples: 16}": pl.STDE(16),
    "{kind: stde, samples: 3, directions: gaussian, unbiased: true}": pl.STDE(3, "gaussian", True),
    "{laplacian: {kind: Hutchinson, samples: 1e1}}": {"laplacian": pl.Hutchinson(10)},
    "{kind: SDGD, samples: 2}": pl.SDGD(2),
    "{kind: forward_gradient}": pl.ForwardGradient(),
    "{laplacian: {kind: STDE, samples: 4}}": {"laplacian": pl.STDE(4)},
    "{laplacian: SDGD, biharmonic: {kind: STDE, directions: sphere}}": {
        "laplacian": pl.SDGD(),
        "biharmonic": pl.STDE(16, "sphere"),
    },
}


@pytest.mark.parametrize("section", WRITTEN)
def test_what_is_written_is_made_and_resolves_to_itself(section: str) -> None:
    made = config(section)
    assert made.options["derivatives"] == WRITTEN[section]
    again = parse_config(made.resolved_text)
    assert again.options["derivatives"] == WRITTEN[section]


def test_left_out_it_is_exact() -> None:
    made = parse_config(HEAD)
    assert "derivatives" not in made.options
    assert made.resolved["derivatives"] == {"kind": "Exact"}
    assert parse_config(HEAD + "derivatives:\n").options.get("derivatives") is None


def test_a_file_runs() -> None:
    solution = config("{laplacian: {kind: STDE, samples: 3}}").solve(progress=False)
    assert solution.metrics["status"] == "finished"


WRONG = {
    "{kind: STDDE}": (["no estimator of derivatives 'STDDE'", "did you mean 'STDE'?"], "kind"),
    "{kind: STDE, sample: 3}": (["no option 'sample'", "did you mean 'samples'?"], "sample"),
    "{kind: STDE, samples: 0}": (["samples=0", "at least 1"], "samples"),
    "{kind: STDE, samples: 2.5}": (["not a whole number"], "samples"),
    "{kind: STDE, directions: gausian}": (["did you mean 'gaussian'?"], "directions"),
    "{kind: Hutchinson, directions: sparse}": (["no directions 'sparse'"], "directions"),
    "{kind: STDE, unbiased: yes please}": (["neither true nor false"], "unbiased"),
    "{samples: 16}": (["which kind", "STDE"], ""),
    "16": (["not an estimator"], ""),
    "[STDE]": (["not an estimator"], ""),
    "{laplasian: {kind: STDE}}": (["no operator 'laplasian'", "'laplacian'?"], "laplasian"),
    "{laplasian: STDE}": (["no operator 'laplasian'"], "laplasian"),
    "{curl: {kind: STDE}}": (["no operator 'curl'", "weighted_trace"], "curl"),
    "{laplacian: 16}": (["not an estimator"], "laplacian"),
    "{laplacian: {kind: STDE, samples: -1}}": (["samples=-1"], "laplacian.samples"),
    "{laplacian: {samples: 4}}": (["which kind"], "laplacian"),
    "{laplacian: ForwardGradient}": (["does not estimate 'laplacian'"], "laplacian"),
    # What does not fit the equations.
    "{kind: SDGD, samples: 17}": (["more coordinates than 'x' has", "at most 16"], "samples"),
    "{laplacian: {kind: STDE, samples: 99}}": (["at most 16 samples"], "laplacian.samples"),
    "{kind: Hutchinson}": (["moments of Hutchinson", "biharmonic"], ""),
    "{biharmonic: {kind: STDE, directions: skewed}}": (["do not fit biharmonic"], "biharmonic"),
    "{power_sum: STDE}": (["'power_sum', which no equation reads", "laplacian"], "power_sum"),
}


@pytest.mark.parametrize("section", WRONG)
def test_mistakes_are_told_at_their_place(section: str) -> None:
    words, where = WRONG[section]
    finding = the_only_mistake(written(section), words)
    assert finding.path == ".".join(filter(None, ("derivatives", where)))
    assert finding.place.line == 9


def test_every_mistake_is_told_at_once() -> None:
    with pytest.raises(ConfigError) as caught:
        config("{laplacian: {kind: STDE, samples: 0}, biharmonic: 3, grad: STDE}")
    assert len(caught.value.findings) == 3


def test_editors_know_the_operators() -> None:
    section = json_schema()["properties"]["derivatives"]
    one, several, _ = section["anyOf"]
    assert one == {"$ref": "#/$defs/derivatives"}
    assert several["properties"]["laplacian"] == one
    assert several["additionalProperties"] is False
