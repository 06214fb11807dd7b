"""What users of other libraries stumble over: each is refused in words, or simply works.

One entry per complaint. Every refusal says what was expected, what came, and what to do.
"""

import h5py
import numpy as np
import pytest
import torch

import pinnlab as pl
from pinnlab.problems import PointBudget, assemble

LINE = {"ends": pl.Dirichlet(u=0)}


def line(equation="u.xx + 1", conditions=LINE, **parts):
    return pl.Problem(pl.Interval("x", 0, 1), "u", {"e": equation}, conditions, **parts)


def solved(problem, **options):
    settings = {"points": {"interior": 16, "boundary": 4}, "phases": pl.Adam(3)}
    return pl.solve(problem, pl.MLP(4, 1), progress=False, **(settings | options))


REFUSED = {
    # D: weights
    "a weight that names no term": (
        lambda: solved(line(), weights={"wals": 2.0}), "names no term", "ends"),
    "moments of single terms under L-BFGS": (
        lambda: solved(line(), gradients=pl.MConFIG(), phases=pl.LBFGS(2)), "LBFGS", "MConFIG"),
    # E: shapes that broadcast, empty pieces
    "an equation with a value of shape (n, 1)": (
        lambda: line(lambda u: u.xx + torch.ones(7, 1)), "shape", "(7, 1)"),
    "a boundary value of shape (n, 1)": (
        lambda: line(conditions={"ends": pl.Dirichlet(u=lambda x: torch.zeros(len(x.value), 1))}),
        "ends", "shape"),
    "an initial value of shape (n, 1)": (
        lambda: pl.Problem(
            pl.Interval("x", 0, 1) * pl.Time("t", 0, 1), "u", {"e": "u.t - u.xx"},
            {"start": pl.Initial(u=lambda x: torch.zeros(len(x.value), 1))}),
        "start", "shape"),
    "a column index in place of a name": (
        lambda: line(conditions={"ends": pl.Dirichlet(u=lambda x: x[:, 0:1])}), "ends", "expected"),
    "a piece that holds no point": (
        lambda: line(conditions={"slot": pl.Dirichlet(u=0, on=lambda x: x > 5)}), "slot", "point"),
    # F: names and derivatives
    "a derivative by a coordinate that does not exist": (
        lambda: line("u.zz + 1"), "u.zz", "x"),
    "a field that does not exist": (lambda: line("v.xx + u"), "v", "u"),
    "a number read from a tensor in an equation": (
        lambda: line(lambda u: u.xx + float(u)), "float", "expected"),
    "a decision on values in an equation": (
        lambda: line(lambda u: u.xx if u > 0 else u), "where", "expected"),
    # G: precision
    "an unknown precision": (lambda: solved(line(), dtype="float16"), "float16", "float64"),
    "an optimiser that needs a closure": (
        lambda: pl.Optimizer("LBFGS", 10), "LBFGS", "use LBFGS"),
    # I: geometry
    "a boundary piece with a typing error": (
        lambda: line(conditions={"ends": pl.Dirichlet(u=0, on="lefft")}), "lefft", "left"),
    "a mesh that is not there": (lambda: pl.Mesh("no_such.msh"), "no_such.msh", "do:"),
    # J: unknowns
    "a first guess outside the bounds": (
        lambda: pl.Unknown(2.0, bounds=(0, 1)), "outside", "between"),
    "data with a missing column": (
        lambda: line(conditions={"seen": pl.Data({"x": [0.5]}, columns={"x": "x", "u": "U"})}),
        "U", "x"),
    "data that are not finite": (
        lambda: line(conditions={"seen": pl.Data({"x": [0.5, 0.6], "u": [0.0, np.nan]})}),
        "u", "row"),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_refused_with_what_was_expected_what_came_and_what_to_do(name):
    misuse, *words = REFUSED[name]
    with pytest.raises(pl.PinnlabError) as caught:
        misuse()
    message = str(caught.value)
    for word in (*words, "expected:", "got:", "do:"):
        assert word in message, message


def test_unknown_coefficients_take_part_in_conflict_free_gradients():
    problem = line("k*u.xx + 1", parameters={"k": pl.Unknown(0.5)})
    before, after = 0.5, solved(problem, gradients=pl.ConFIG()).unknowns["k"]
    assert after != before


def test_an_unknown_may_stand_in_a_boundary_condition():
    problem = line(conditions={"ends": pl.Dirichlet(u="a")}, parameters={"a": pl.Unknown(0.5)})
    assert solved(problem, phases=pl.Adam(20)).unknowns["a"] != 0.5


def test_a_hard_condition_has_no_term_and_the_check_proves_it():
    problem = line(conditions={"ends": pl.Dirichlet(u=0, hard=True)})
    assert [term.name for term in problem.terms] == ["e"]
    assert "holds by construction" in str(problem.check())


def test_numpy_and_torch_functions_work_on_fields():
    for sine in (np.sin, torch.sin, pl.sin):
        assert str(line(lambda u, sine=sine: u.xx + sine(u)).equations["e"].fn.text)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_one_precision_everywhere(dtype):
    problem = line("k*u.xx + 1", parameters={"k": pl.Unknown(0.5)})
    wanted = getattr(torch, dtype)
    objective = assemble(problem, pl.MLP(4, 1), budget=PointBudget(8, 4), dtype=wanted).objective
    tensors = [*objective.state.state_dict().values(), *(p.x for p in objective.points.values())]
    assert {tensor.dtype for tensor in tensors} == {wanted}


def test_metrics_tell_the_residual_on_points_that_were_not_trained_on():
    metrics = solved(line()).metrics
    assert set(metrics["held_out"]) == {"e", "ends"}
    assert metrics["held_out"]["e"] != metrics["terms"]["e"]


def test_a_damaged_solution_is_told_and_an_existing_run_is_not_touched(tmp_path):
    out = tmp_path / "run"
    solved(line(), out=out)
    log = (out / "log.jsonl").read_bytes()
    with pytest.raises(pl.CheckpointError, match="resume"):
        solved(line(), out=out)
    assert (out / "log.jsonl").read_bytes() == log
    with h5py.File(out / "solution.h5") as file:
        assert "weights" in file
    damaged = tmp_path / "damaged.h5"
    damaged.write_bytes((out / "solution.h5").read_bytes()[:-100])
    with pytest.raises(pl.CheckpointError, match="damaged"):
        pl.load(damaged)
