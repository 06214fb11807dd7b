"""Training with derivatives along random directions."""

import math

import pytest
import torch
from cases import PROBLEMS
from training.runs import run, trainer

import pinnlab as pl
from pinnlab.io.run_log import read_log

F64 = torch.float64


def directions(made):
    """The random directions of the present draw."""
    return made.objective.frozen.joined(False).drawn.slopes.dense()


class Watch(pl.Callback):
    """Keeps the directions of every step."""

    def __init__(self):
        self.seen = []

    def on_step(self, trainer, record):
        """Note them."""
        self.seen.append(tuple(directions(trainer).flatten().tolist()))


ESTIMATED = {"problem": "many_dimensions", "derivatives": pl.STDE(2, "gaussian")}


def test_directions_are_new_in_every_step():
    watch = Watch()
    made = run([pl.Adam(6), pl.Adam(4)], callbacks=[watch], **ESTIMATED)
    assert made.objective.draws == 10
    assert len(set(watch.seen)) == 10


def test_a_seed_repeats_a_run():
    def end(seed):
        return run([pl.Adam(6, resample=2)], seed=seed, **ESTIMATED).objective.flat_parameters()

    assert torch.equal(end(1), end(1))
    assert not torch.equal(end(1), end(2))


def test_exact_derivatives_are_never_redrawn():
    made = run([pl.Adam(3)], problem="many_dimensions")
    assert not made.objective.random
    assert made.objective.draws == 0


def test_scatter_is_in_the_log(tmp_path):
    run([pl.Adam(7)], tmp_path, **ESTIMATED)
    lines = read_log(tmp_path / "log.jsonl")
    told = {line["step"]: line["deviations"] for line in lines if "deviations" in line}
    assert {1, 7} <= set(told)
    for deviations in told.values():
        assert set(deviations) == {"laplacian(u)"}
        assert 0 < deviations["laplacian(u)"] < 10
    exact = run([pl.Adam(3)], tmp_path / "exact", problem="many_dimensions")
    assert not any("deviations" in record for record in exact.records)


def test_biased_estimates_are_told_by_the_run(tmp_path, caplog):
    """In the words of the check: in the log of the program and of the run, and in the report."""
    problem = pl.high_dimension.hjb_lin(6)
    options = {"points": {"interior": 8}, "phases": pl.Adam(2), "progress": False}
    network = pl.MLP(4, 1)
    made = pl.solve(problem, network, derivatives=pl.STDE(2), out=tmp_path / "a", **options)
    findings = problem.check(derivatives=pl.STDE(2), quick=True).findings
    (told,) = (f for f in findings if f.level == "warning" and "biased" in f.what)
    expected = [f"hjb_lin: {told.what}; {told.do}"]
    assert expected[0].startswith("hjb_lin: grad(u) is estimated")
    assert made.metrics["warnings"] == expected == [r.getMessage() for r in caplog.records]
    lines = read_log(tmp_path / "a" / "log.jsonl")
    assert [line.get("warnings") for line in lines] == [expected, *[None] * (len(lines) - 1)]
    assert made.records[0]["warnings"] == expected
    report = (tmp_path / "a" / "report.html").read_text(encoding="utf-8")
    assert "<h3>Warnings</h3>" in report
    assert "grad(u) is estimated" in report.partition("<h3>Warnings</h3>")[2][:300]
    caplog.clear()
    for exact in ({"laplacian": pl.STDE(2)}, None, pl.STDE(6)):  # all coordinates, once each
        made = pl.solve(problem, network, derivatives=exact, **options)
        assert made.metrics["warnings"] == []
        assert not any("warnings" in record for record in made.records)
    assert not caplog.records


def test_reading_the_scatter_changes_nothing():
    """It draws the directions of the present step again, from the same seed."""
    plain, told = (trainer([pl.Adam(2)], **ESTIMATED).objective for _ in range(2))
    for objective in (plain, told):
        objective.redraw()
    told.estimate_deviations()
    for objective in (plain, told):
        objective.loss_and_gradient()
    assert torch.equal(plain.flat_gradient(), told.flat_gradient())


def poisson(dim=8):
    """Δu = -2 d in the unit ball, u = 1 - |x|²; the residual of the start is of order one."""
    return pl.Problem(
        pl.HyperBall("x", dim=dim),
        "u",
        {"poisson": f"laplacian(u)/{dim} + 2"},
        {"sphere": pl.Dirichlet(u=0, hard=True)},
    )


@pytest.mark.parametrize(
    "derivatives",
    [pl.STDE(3), pl.STDE(3, unbiased=True), pl.Hutchinson(3), {"laplacian": pl.SDGD(4)}],
    ids=str,
)
def test_estimates_train_to_the_exact_solution(derivatives):
    solution = pl.solve(
        poisson(),
        pl.MLP(width=16, depth=2),
        derivatives=derivatives,
        phases=[pl.Adam(250, lr=1e-2, schedule=pl.Linear(), resample=1)],
        points={"interior": 32, "sampler": "radial"},
        dtype="float64",
        progress=False,
    )
    x = torch.randn(200, 8, generator=torch.Generator().manual_seed(5), dtype=F64)
    x = x / (1 + torch.linalg.vector_norm(x, dim=1, keepdim=True))
    with torch.no_grad():
        found = torch.as_tensor(solution.u(x=x.numpy()))
    exact = 1 - x.square().sum(1)
    error = (found - exact).norm() / exact.norm()
    # A constant network N = 2 is exact; before training the error is about one.
    assert float(error) < 0.1


def test_the_default_phases_are_adam_on_new_points():
    from pinnlab.training.solve import default_phases

    (phase,) = default_phases(pl.STDE(4))
    assert isinstance(phase, pl.Adam)
    assert phase.resample == 1
    assert len(default_phases(pl.Exact())) == len(default_phases(None)) == 2


def test_the_run_folder_repeats_the_estimator(tmp_path):
    pl.solve(
        PROBLEMS["many_dimensions"](),
        pl.MLP(width=4, depth=1),
        derivatives={"laplacian": pl.STDE(2, "sphere")},
        phases=[pl.Adam(2)],
        points={"interior": 8, "boundary": 4},
        out=tmp_path / "run",
        progress=False,
    )
    text = "".join(p.read_text() for p in (tmp_path / "run").glob("*.yaml"))
    assert "laplacian: {kind: STDE, samples: 2, directions: sphere, unbiased: false}" in text


def test_sgd_with_estimates():
    made = run([pl.Optimizer("SGD", 5, lr=1e-6)], **ESTIMATED)
    assert made.status == "finished"
    assert math.isfinite(made.records[-1]["loss"])


def test_aggregated_gradients_of_estimates():
    made = run([pl.Adam(4)], aggregator=pl.ConFIG(), **ESTIMATED)
    assert made.status == "finished"
