"""What a run folder tells about terms that are in each other's way, from the run to the shell."""

import pytest

import pinnlab as pl
from pinnlab.cli import main
from pinnlab.io.run_log import read_log


def solve(folder, *, phases=None, wall=None, **options):
    """A run on the heat equation with one more condition on the left end."""
    wall = wall or pl.Condition("u - 0.5", on="left")
    problem = pl.Problem(
        domain=pl.Interval("x", -1, 1) * pl.Time("t", 0, 1),
        fields=["u"],
        equations={"heat": "u.t - u.xx"},
        conditions={
            "ends": pl.Dirichlet(u=0, on=["left", "right"], weight=2.0),
            "start": pl.Initial(u="1 - x**2"),
            "wall": wall,
        },
    )
    return pl.solve(
        problem,
        pl.MLP(5, 1),
        points={"interior": 16, "boundary": 4},
        phases=phases or [pl.Adam(60, lr=1e-2)],
        progress=False,
        out=folder,
        **options,
    )


@pytest.mark.parametrize("gradients", [None, pl.ConFIG()])
def test_picture_report_and_shell(gradients, tmp_path, capsys):
    folder = tmp_path / "run"
    solution = solve(folder, gradients=gradients)
    assert (folder / "plots" / "conflicts.png").read_bytes().startswith(b"\x89PNG")
    assert "Conflicts" in solution.plot()
    source = (folder / "report.html").read_text(encoding="utf-8")
    assert source.count("Gradients of the loss terms") == 1
    assert source.count('alt="Cosines of gradients') == 1
    assert main(["show", str(folder)]) == 0
    shown = capsys.readouterr().out
    assert "share of step" in shown
    assert "ends · wall" in shown  # u = 0 and u = 0.5 on the left end
    lines = read_log(folder / "log.jsonl")
    entry = next(line["conflicts"] for line in reversed(lines) if "conflicts" in line)
    assert list(entry["norms"]) == ["heat", "ends", "start", "wall"]
    assert entry["cosines"]["ends"]["wall"] < 0
    if gradients is not None:
        assert entry["against"]["wall"] == 0


@pytest.mark.parametrize("gradients", [pl.MConFIG(), pl.MultiAdam()])
def test_whole_steps_are_judged_and_why_they_have_no_shares_is_told(gradients, tmp_path, capsys):
    folder = tmp_path / "run"
    solve(folder, gradients=gradients, phases=[pl.Adam(150, lr=5e-2)])
    assert main(["show", str(folder)]) == 0
    shown = " ".join(capsys.readouterr().out.split())
    name = type(gradients).__name__
    assert f"The directions of {name} are no combinations of the gradients" in shown
    assert "steps against" in shown
    assert "share of step" not in shown
    assert "went against '" in shown
    assert "whose direction is known" not in shown  # all that were looked at were judged
    report = (folder / "report.html").read_text(encoding="utf-8")
    assert f"The directions of {name} are no combinations" in report


def test_a_log_of_an_earlier_version_is_still_shown(tmp_path, capsys):
    folder = tmp_path / "run"
    solve(folder)
    log = folder / "log.jsonl"
    text = log.read_text(encoding="utf-8").replace('"conflicts"', '"unheard_of"')
    log.write_text(text, encoding="utf-8")
    assert main(["show", str(folder)]) == 0
    shown = capsys.readouterr().out
    assert "mean square" in shown
    assert "share of step" not in shown


@pytest.mark.parametrize("gradients", [None, pl.ConFIG()])
def test_a_term_that_is_not_finite_is_named_and_moves_nothing(gradients, tmp_path, capsys):
    folder = tmp_path / "run"
    solution = solve(
        folder,
        wall=pl.Condition(lambda u: pl.log(u + 0.1) + 3, on="left"),
        phases=[pl.Optimizer("SGD", 80, lr=0.5)],
        gradients=gradients,
    )
    assert solution.metrics["status"] == "failed"
    steps = solution.records[-1]["step"]
    assert main(["show", str(folder)]) == 0
    shown = " ".join(capsys.readouterr().out.split())
    assert f"steps were not taken ({steps - 2} to {steps}): term 'wall' is nan at x = -1" in shown
    assert "The parameters were left as they were" in shown
    assert "steps were not taken" in (folder / "report.html").read_text(encoding="utf-8")


def test_a_term_that_nothing_can_change_is_named(tmp_path, capsys):
    folder = tmp_path / "run"
    problem = pl.Problem(
        domain=pl.Interval("x", -1, 1),
        fields=["u"],
        equations={"poisson": "u.xx - 1"},
        conditions={
            "ends": pl.Dirichlet(u=0, on=["left", "right"], hard=True),
            "wall": pl.Condition("u - 0.5", on="left"),
            "fine": pl.Condition("u", on="right"),
        },
    )
    pl.solve(
        problem,
        pl.MLP(5, 1),
        points={"interior": 16, "boundary": 4},
        phases=[pl.Adam(30)],
        gradients=pl.ConFIG(),
        progress=False,
        out=folder,
    )
    assert main(["show", str(folder)]) == 0
    shown = " ".join(capsys.readouterr().out.split())
    assert "'wall' had a gradient of zero in every step, at a mean square of 0.25" in shown
    assert "'fine' had a gradient of zero in every step, for it holds exactly" in shown
