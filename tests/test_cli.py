"""Every command, end to end on a Burgers run of a few steps."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from config_texts import BURGERS

from pinnlab.cli import main
from pinnlab.config.templates import TEMPLATES


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a file and a finished run of it."""
    folder = tmp_path_factory.mktemp("cli")
    (folder / "burgers.yaml").write_text(BURGERS)
    code = main(["run", str(folder / "burgers.yaml"), "--out", str(folder / "run"), "--quiet"])
    assert code == 0
    return folder


@pytest.fixture(autouse=True)
def _inside(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(place)
    monkeypatch.delenv("PINNLAB_DEBUG", raising=False)


def test_run_writes_a_whole_folder(place: Path) -> None:
    names = {path.name for path in (place / "run").iterdir()}
    assert names >= {
        "config.yaml", "resolved.yaml", "versions.json", "log.jsonl", "metrics.json",
        "checkpoints", "solution.h5", "plots", "report.html",
    }  # fmt: skip


def test_run_with_changes(capsys: pytest.CaptureFixture[str]) -> None:
    code = main(["run", "burgers.yaml", "phases.0.steps=2", "--out", "second", "run.seed=5"])
    assert code == 0
    shown = capsys.readouterr().out
    assert "second: finished" in shown
    assert "burgers" in shown
    assert "changed on the command line: run.seed=5" in Path("second/config.yaml").read_text()
    assert "seed: 5" in Path("second/resolved.yaml").read_text()


def test_default_folder_and_overwrite(capsys: pytest.CaptureFixture[str]) -> None:
    few = ["run", "burgers.yaml", "--quiet", "phases=[{kind: Adam, steps: 1}]"]
    assert main(few) == 0
    assert Path("runs/burgers/metrics.json").is_file()
    assert main(few) == 2
    said = capsys.readouterr().err
    assert "exists already" in said
    assert "pinnlab resume runs/burgers" in said
    assert main([*few, "--overwrite"]) == 0
    assert Path("runs/burgers.1/metrics.json").is_file()


def test_only_run_folders_are_moved_aside(capsys: pytest.CaptureFixture[str]) -> None:
    Path("mine").mkdir()
    Path("mine/thesis.tex").write_text("x")
    assert main(["run", "burgers.yaml", "--out", "mine", "--overwrite"]) == 2
    assert "no run folder" in capsys.readouterr().err
    assert Path("mine/thesis.tex").is_file()


def test_failed_run(capsys: pytest.CaptureFixture[str]) -> None:
    change = "phases=[{kind: Adam, steps: 30, lr: 1e300}]"
    assert main(["run", "burgers.yaml", change, "--out", "bad", "--quiet"]) == 1
    assert "failed" in capsys.readouterr().err


def test_check(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", "burgers.yaml"]) == 0
    assert "0 errors" in capsys.readouterr().out
    change = ["gradients=ConFIG", "run.execution=compiled"]
    assert main(["check", "burgers.yaml", *change]) == 2
    assert "knows the gradient of the whole loss only" in capsys.readouterr().out
    assert main(["check", "burgers.yaml", "run.sed=3", "surrogate.widht=3"]) == 2
    said = capsys.readouterr().err
    assert "2 errors" in said
    assert "did you mean 'seed'?" in said
    assert "Traceback" not in said
    assert main(["check", "nothing.yaml"]) == 2
    assert "cannot be read" in capsys.readouterr().err


ADAM = "{kind: Adam, steps: 3}"


@pytest.mark.parametrize(
    "change",
    [
        ["gradients=MConFIG", "phases=[{kind: Adam, steps: 3, weight_decay: 0.1}]"],
        ["gradients=MultiAdam", "phases=[{kind: Adam, steps: 3, weight_decay: 0.1}]"],
        ["gradients=MConFIG"],  # with the phase LBFGS of the file
        ["gradients={kind: Bloop, main: [nothing]}", f"phases=[{ADAM}]"],
        ["weights=RBA", "callbacks=[{kind: R3}]", f"phases=[{ADAM}]"],
        ["weights=RBA", "callbacks=[{kind: Resample, every: 1}]", f"phases=[{ADAM}]"],
        ["weights=RBA", "phases=[{kind: Adam, steps: 3, batch: 5}]"],
        ["weights=RBA", "gradients=MConFIG", "phases=[{kind: Adam, steps: 3, resample: 2}]"],
        ["callbacks=[{kind: AAS, equations: [nothing]}]", f"phases=[{ADAM}]"],
        ["callbacks=[{kind: EarlyStop, monitor: error, target: 0.1}]", f"phases=[{ADAM}]"],
        ["callbacks=[{kind: KeepBest, monitor: nothing}]", f"phases=[{ADAM}]"],
        ["callbacks=[{kind: Evaluate}]", f"phases=[{ADAM}]"],
        ["run.execution=compiled", "weights=LRA", f"phases=[{ADAM}]"],
        ["points.interior=9", "callbacks=[{kind: RAR, largest: 9}]", f"phases=[{ADAM}]"],
    ],
)
def test_check_refuses_what_a_run_refuses(
    change: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["run", "burgers.yaml", *change, "--out", "refused", "--quiet"]) == 2
    reason = capsys.readouterr().err.splitlines()[0].removeprefix("pinnlab: ")
    assert not Path("refused").exists()
    assert main(["check", "burgers.yaml", *change]) == 2
    said = capsys.readouterr().out
    assert reason in said
    assert "1 errors" in said
    assert not Path("refused").exists()


def test_check_passes_callbacks_that_need_a_folder(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", "burgers.yaml", "callbacks=[{kind: PlotFields}]"]) == 0
    assert "0 errors" in capsys.readouterr().out
    assert not Path("runs/burgers/plots/step-0").exists()


def test_check_finds_what_a_problem_lacks(capsys: pytest.CaptureFixture[str]) -> None:
    # A second field that nothing reads.
    assert main(["check", "burgers.yaml", "problem.fields=[u, v]"]) == 2
    assert "'v'" in capsys.readouterr().out


def test_resume(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["run", "burgers.yaml", "--out", "third", "--quiet", "run.budget=1e-9"]) == 0
    before = json.loads(Path("third/metrics.json").read_text())
    assert main(["resume", "third", "--quiet", "run.budget=null"]) == 0
    after = json.loads(Path("third/metrics.json").read_text())
    assert (before["status"], before["steps"]) == ("stopped", 1)
    assert (after["status"], after["steps"]) == ("finished", 7)
    assert "changed on resuming: run.budget=null" in Path("third/config.yaml").read_text()
    assert main(["resume", "nothing"]) == 2
    Path("half").mkdir()
    Path("half/log.jsonl").write_text("")
    assert main(["resume", "half"]) == 2
    assert "does not say what was run" in capsys.readouterr().err


def test_show_and_compare(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["show", "run"]) == 0
    shown = capsys.readouterr().out
    for part in ("run: finished", "held out", "Adam", "LBFGS", "report.html"):
        assert part in shown
    assert main(["compare", "run", "run"]) == 0
    assert "status" in capsys.readouterr().out
    assert main(["show", "nothing"]) == 2
    assert "no run folder" in capsys.readouterr().err


@pytest.mark.parametrize("ending", ["vtu", "csv", "npz", "xdmf"])
def test_export(ending: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["export", "run", "--to", ending, "--grid", "5", "--times", "2"]) == 0
    written = Path(capsys.readouterr().out.strip())
    assert written.is_file()
    assert written.suffix == (".pvd" if ending == "vtu" else f".{ending}")
    assert main(["export", "run/solution.h5", "--to", "csv", "--out", "x.csv", "--grid", "3"]) == 0


def test_export_without_a_solution(capsys: pytest.CaptureFixture[str]) -> None:
    Path("empty").mkdir(exist_ok=True)
    assert main(["export", "empty"]) == 2
    assert "solution.h5" in capsys.readouterr().err


def test_list(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["list"]) == 0
    shown = capsys.readouterr().out
    for name in ("surrogate:", "MLP", "LBFGS", "Dirichlet", "Box", "ConFIG", "navier_stokes_2d"):
        assert name in shown
    assert main(["list", "surrogates"]) == 0
    assert "Adam" not in capsys.readouterr().out
    assert main(["list", "surogate"]) == 2
    assert "did you mean 'surrogate'?" in capsys.readouterr().err


def test_describe(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["describe", "mlp"]) == 0
    shown = capsys.readouterr().out
    assert "MLP(width=64, depth=4" in shown
    assert "Neurons a hidden layer. [64]" in shown
    assert main(["describe", "burgers"]) == 0
    shown = capsys.readouterr().out
    assert r"\partial_t u" in shown
    assert "{kind: burgers}" in shown
    for name in ("solve", "Problem", "Interval", "sum", "Unknown"):
        assert main(["describe", name]) == 0
    assert "(gradients)" not in capsys.readouterr().out.split("Unknown(")[1]
    assert main(["describe", "MPL"]) == 2
    assert "did you mean 'MLP'?" in capsys.readouterr().err


@pytest.mark.parametrize("name", TEMPLATES)
def test_init_writes_files_that_pass_the_check(
    name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["init", name, "--out", f"new/{name}.yaml"]) == 0
    assert f"pinnlab check new/{name}.yaml" in capsys.readouterr().out
    assert main(["check", f"new/{name}.yaml"]) == 0
    assert "0 errors, 0 warnings" in capsys.readouterr().out
    assert main(["init", name, "--out", f"new/{name}.yaml"]) == 2
    assert main(["init", name, "--out", f"new/{name}.yaml", "--overwrite"]) == 0


def test_init_unknown(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["init", "poison"]) == 2
    assert "did you mean 'poisson'?" in capsys.readouterr().err


def test_schema(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["schema"]) == 0
    assert json.loads(capsys.readouterr().out)["title"] == "pinnlab run"
    assert main(["schema", "--out", "schema.json"]) == 0
    assert json.loads(Path("schema.json").read_text())["$defs"]


def test_help_and_wrong_arguments(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 0
    assert "compare" in capsys.readouterr().out
    for wrong in (["fly"], ["run"], ["run", "burgers.yaml", "--fast"], ["list", "phase", "a=1"]):
        with pytest.raises(SystemExit) as caught:
            main(wrong)
        assert caught.value.code == 2
    with pytest.raises(SystemExit) as caught:
        main(["--version"])
    assert caught.value.code == 0


def test_unexpected_errors_have_no_traceback(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def broken(name: str) -> str:
        raise RuntimeError("a slip")

    monkeypatch.setattr("pinnlab.config.templates.template", broken)
    assert main(["init", "poisson"]) == 1
    said = capsys.readouterr().err
    assert "RuntimeError: a slip" in said
    assert "PINNLAB_DEBUG=1" in said
    monkeypatch.setenv("PINNLAB_DEBUG", "1")
    with pytest.raises(RuntimeError, match="a slip"):
        main(["init", "poisson"])


def test_exit_code_of_the_process(place: Path) -> None:
    env = os.environ | {"OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-m", "pinnlab.cli", "check", "burgers.yaml", "run.sed=1"]
    done = subprocess.run(command, cwd=place, env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "did you mean 'seed'?" in done.stderr
    assert "Traceback" not in done.stderr
