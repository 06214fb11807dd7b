import time

import numpy as np
import pytest
import torch
from cases import PROBLEMS
from torch import nn

import pinnlab as pl
from pinnlab.problems import CheckReport, Finding

LINE = pl.Interval("x", 0, 1)
STRIP = LINE * pl.Time("t", 0, 1)
POINTS = {"interior": 64, "boundary": 16}


def problem(domain=LINE, fields="u", equations=None, conditions=None, **parts):
    equations = equations or {"e": "u.xx"}
    conditions = conditions if conditions is not None else {"ends": pl.Dirichlet(u=0)}
    return pl.Problem(domain, fields, equations, conditions, **parts)


def findings(report, level=None, where=None):
    return [
        f
        for f in report.findings
        if level in (None, f.level) and (where is None or where in f.where)
    ]


@pytest.mark.parametrize("name", PROBLEMS)
def test_well_posed_problems_are_fine_in_under_two_seconds(name):
    declared = PROBLEMS[name]()
    began = time.perf_counter()
    report = declared.check()
    seconds = time.perf_counter() - began
    assert report.ok, str(report)
    # Two seconds are promised on a free machine.
    assert seconds < 8
    text = str(report)
    assert "0 errors" in text
    for term in declared.terms:
        assert findings(report, where=term.name)


def test_nothing_is_moved():
    state = torch.get_rng_state()
    first, second = (str(PROBLEMS["heat_flux"]().check(points=POINTS)) for _ in range(2))
    assert first.splitlines()[:-1] == second.splitlines()[:-1]
    assert torch.equal(torch.get_rng_state(), state)


def test_the_report_prints_every_finding():
    report = CheckReport(
        (
            Finding("ok", "fine", "here"),
            Finding("warning", "hm", "there", "do this"),
            Finding("error", "bad", "x"),
        )
    )
    assert not report.ok
    text = str(report)
    assert "ok       here   fine" in text
    assert "WARNING  there  hm" in text
    assert "-> do this" in text
    assert "ERROR    x      bad" in text
    assert "1 errors, 1 warnings" in text


# --- what is told ---------------------------------------------------------------------------
def test_a_field_that_nothing_reads_is_an_error():
    report = problem(fields="u v").check(points=POINTS)
    (error,) = findings(report, "error")
    assert "field 'v' is read by nothing" in error.what


def test_a_field_in_conditions_only_is_a_warning():
    report = problem(fields="u v", conditions={"ends": pl.Dirichlet(u=0, v=0)}).check(points=POINTS)
    (warning,) = findings(report, "warning", "fields")
    assert "'v' is in no equation" in warning.what


def test_an_unknown_that_nothing_reads_is_an_error():
    report = problem(parameters={"k": pl.Unknown(1.0)}).check(points=POINTS)
    (error,) = findings(report, "error")
    assert "parameter 'k' is used by no equation" in error.what


def test_a_number_that_nothing_reads_is_a_warning():
    report = problem(parameters={"k": 1.0}).check(points=POINTS)
    assert report.ok
    assert "parameter 'k'" in findings(report, "warning")[0].what


@pytest.mark.parametrize(
    "parts",
    [
        {"equations": {"e": "k*u.xx"}},
        {"conditions": {"ends": pl.Dirichlet(u="k")}},
        {"conditions": {"ends": pl.Robin(u=0, beta="k")}},
        {"conditions": {"ends": pl.Dirichlet(u=0), "i": pl.Integral("u", "k")}},
        {"equations": {"e": "m*u.xx"}, "parameters": {"k": pl.Unknown(1.0), "m": "k + 1"}},
        {"equations": {"e": lambda context: context["u"].xx * context["k"]}},
    ],
    ids=["equation", "value", "factor", "integral", "parameter", "context"],
)
def test_an_unknown_may_be_used_anywhere(parts):
    report = problem(**{"parameters": {"k": pl.Unknown(1.0)}} | parts).check(points=POINTS)
    assert not [f for f in report.findings if "parameter 'k'" in f.what]


def test_a_piece_without_a_condition_is_told():
    report = problem(conditions={"one": pl.Dirichlet(u=0, on="left")}).check(points=POINTS)
    (warning,) = findings(report, "warning", "boundary")
    assert "no condition holds on piece 'right'" in warning.what
    assert "free=['right']" in warning.do
    free = problem(conditions={"one": pl.Dirichlet(u=0, on="left")}, free="right")
    assert not findings(free.check(points=POINTS), "warning", "boundary")


@pytest.mark.parametrize(
    "condition",
    [
        pl.Dirichlet(u=0),
        pl.Neumann(u=0, on=["left", "right"]),
        pl.Periodic(),
        pl.Condition("u", on=lambda x: (x < 0.1) + (x > 0.9)),
        pl.Dirichlet(u=0, hard=True),
    ],
    ids=repr,
)
def test_every_kind_of_condition_covers(condition):
    report = problem(conditions={"c": condition}).check(points=POINTS)
    assert not findings(report, "warning", "boundary")


def test_the_initial_state_against_the_order_in_time():
    def told(equation, **conditions):
        report = problem(
            STRIP,
            "u v",
            {"e": equation, "f": "v.x + u"},
            {"ends": pl.Dirichlet(u=0, v=0), **conditions},
        ).check(points=POINTS)
        return [f.what for f in findings(report, "warning", "initial")]

    assert told("u.t - u.xx", a=pl.Initial(u=0)) == []
    assert "initial u is not given" in told("u.t - u.xx")[0]
    assert "initial u_t is not given" in told("u.tt - u.xx", a=pl.Initial(u=0))[0]
    assert "initial u, u_t is not given" in told("u.tt - u.xx")[0]
    assert told("u.tt - u.xx", a=pl.Initial(u=0, u_t=1)) == []
    assert told("u.t - u.xx", a=pl.Dirichlet(u=0, on="initial")) == []
    # A velocity alone does not fix the state.
    assert "initial u is not given" in told("u.tt - u.xx", a=pl.Initial(u_t=1))[0]


def test_point_counts_and_plans():
    report = problem(
        pl.Box(x=(0, 1), y=(0, 1)),
        equations={"e": "u.xx + u.yy - u"},
        conditions={"ends": pl.Dirichlet(u=0, points=21)},
    ).check(points=POINTS)
    texts = [f.what for f in report.findings]
    assert "64 points: interior" in texts
    assert "21 points: boundary" in texts
    (plan,) = (t for t in texts if "xx, yy" in t)
    assert "u: 1, xx, yy" in plan
    assert "4 numbers per neuron" in plan
    assert "carried as one sum" in plan


def test_sizes_at_the_start():
    report = problem(conditions={"ends": pl.Dirichlet(u=7.0)}).check(points=POINTS)
    (size,) = (f for f in findings(report, where="ends") if "mean square" in f.what)
    assert size.level == "ok"
    assert "gradient" in size.what


def test_a_term_that_moves_nothing_is_told():
    above = pl.Condition("u + 100", how="inequality")
    report = problem(conditions={"ends": pl.Dirichlet(u=0), "far": above}).check(points=POINTS)
    (warning,) = findings(report, "warning", "far")
    assert "moves no parameter" in warning.what


def test_a_term_that_is_not_finite_at_the_start_is_an_error():
    # Finite where it was recorded, for fields near 2; not for those of a fresh network.
    report = problem(equations={"e": "u.xx + log(u - 1)"}).check(points=POINTS)
    assert any("mean square nan" in f.what for f in findings(report, "error", "e"))


def test_a_kinked_activation_is_told_before_training():
    report = problem().check(points=POINTS, surrogate=pl.MLP(activation="relu"))
    (error,) = findings(report, "error", "surrogate")
    assert "no useful second derivative" in error.what and "tanh" in error.do


@pytest.mark.parametrize(
    "layer, words", [(nn.BatchNorm1d(8), "joins the points"), (nn.Dropout(), "at every call")]
)
def test_layers_in_training_mode_are_refused_and_serve_in_evaluation(layer, words):
    ball = problem(pl.HyperBall("x", dim=6), equations={"e": "laplacian(u) - 1"})
    module = nn.Sequential(nn.Linear(6, 8), layer, nn.Tanh(), nn.Linear(8, 1))
    (error,) = findings(ball.check(points=POINTS, surrogate=module), "error", "surrogate")
    assert words in error.what and "layer '1'" in error.what and ".eval()" in error.do
    assert ball.check(points=POINTS, surrogate=module.eval()).ok


def test_derivatives_over_a_vector_coordinate_are_compared_too():
    ball = problem(pl.HyperBall("x", dim=6), equations={"e": "laplacian(u) - 1"})
    (found,) = findings(ball.check(points=POINTS), "ok", "surrogate")
    assert "agree with finite differences" in found.what


class Rooted(nn.Module):
    """Kinked in every component, written by elementary operations."""

    def __init__(self):
        super().__init__()
        self.first, self.last = nn.Linear(6, 8), nn.Linear(8, 1)

    def forward(self, x):
        return self.last(self.first(x).abs())


def test_kinks_over_a_vector_coordinate_are_found():
    ball = problem(pl.HyperBall("x", dim=6), equations={"e": "laplacian(u) - 1"})
    report = ball.check(points=POINTS, surrogate=Rooted())
    (error,) = findings(report, "error", "surrogate")
    assert "'abs' has no useful second derivative" in error.what


def test_derivatives_of_the_surrogate_are_compared_with_differences():
    report = problem().check(points=POINTS)
    (found,) = findings(report, "ok", "surrogate")
    assert "agree with finite differences" in found.what


class Mixing(nn.Module):
    """Looks at all points at once, which no surrogate may."""

    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(1, 1)

    def forward(self, x):
        return torch.tanh(self.layer(x - x.mean(0)))


def test_a_module_that_mixes_points_is_an_error():
    report = problem().check(points=POINTS, surrogate=Mixing())
    (error,) = findings(report, "error", "surrogate")
    assert "every point by itself" in error.do


def test_a_module_without_taylor_rules_is_fine():
    module = nn.Sequential(nn.Linear(1, 8), nn.Tanh(), nn.GroupNorm(1, 8), nn.Linear(8, 1))
    assert problem().check(points=POINTS, surrogate=module).ok


def test_weights_and_quick():
    report = problem().check(points=POINTS, quick=True)
    assert not any("mean square" in f.what for f in report.findings)
    with pytest.raises(pl.DeclarationError, match="names no term"):
        problem().check(points=POINTS, weights={"endz": 1.0})


def test_data_determine_what_the_start_does_not():
    x = np.linspace(0, 1, 5)
    report = problem(
        STRIP,
        equations={"e": "u.t - u.xx"},
        conditions={"ends": pl.Dirichlet(u=0), "d": pl.Data({"x": x, "t": x, "u": x})},
    ).check(points=POINTS)
    (warning,) = findings(report, "warning", "initial")
    assert "unless the data determine it" in warning.do
