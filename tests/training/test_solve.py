import copy
import json

import numpy as np
import pytest
import torch
from cases import NETWORKS, PROBLEMS
from torch import nn

import pinnlab as pl
from pinnlab.calculus import chain
from pinnlab.errors import CheckpointError, DeclarationError, PinnlabError
from pinnlab.training.solve import default_gradients

SMALL = {"interior": 24, "boundary": 6}


def solve(name="poisson_line", surrogate=None, **options):
    problem = PROBLEMS[name]() if isinstance(name, str) else name
    defaults = {"points": SMALL, "phases": [pl.Adam(4, lr=1e-2)], "progress": False}
    return pl.solve(problem, surrogate or pl.MLP(width=5, depth=1), **(defaults | options))


# --- what is returned -----------------------------------------------------------------------
@pytest.mark.parametrize("name", PROBLEMS)
def test_every_problem_is_solved_by_the_same_call(name):
    solution = solve(name, phases=[pl.Adam(3), pl.LBFGS(3)])
    assert solution.metrics["status"] == "finished"
    assert solution.metrics["steps"] == 6
    assert set(solution.metrics["terms"]) == {t.name for t in solution.problem.terms}
    assert np.isfinite(solution.metrics["loss"])
    assert set(solution.metrics["held_out"]) == set(solution.metrics["terms"])


@pytest.mark.parametrize("name", NETWORKS)
def test_every_surrogate(name):
    solution = solve(surrogate=NETWORKS[name])
    assert solution.settings["surrogate"] == repr(NETWORKS[name])
    assert solution.settings["parameters"] == sum(
        p.numel() for p in solution.state.parameters() if p.requires_grad
    )


def test_a_module_of_ones_own():
    module = nn.Sequential(nn.Linear(1, 6), nn.Tanh(), nn.Linear(6, 1))
    solution = solve(surrogate=module, phases=[pl.LBFGS(5)])
    assert solution.settings["surrogate"] == "Sequential"
    assert solution.u(x=0.5).dtype == np.float64


@pytest.mark.parametrize("gradients", [None, pl.Sum(), pl.MConFIG()])
def test_how_a_weight_lies_in_memory_does_not_matter(gradients):
    torch.manual_seed(0)
    straight = nn.Sequential(
        nn.Linear(1, 6), nn.Tanh(), nn.Linear(6, 4), nn.Tanh(), nn.Linear(4, 1)
    )
    turned = copy.deepcopy(straight)
    turned[2].weight = nn.Parameter(turned[2].weight.detach().T.contiguous().T)
    assert not turned[2].weight.is_contiguous()
    losses = [
        [r["loss"] for r in solve(surrogate=net, gradients=gradients).records]
        for net in (straight, turned)
    ]
    assert losses[0] == pytest.approx(losses[1], rel=1e-5)


def test_defaults_are_told_from_choices():
    solution = solve(seed=3, phases=[pl.Adam(2)])
    defaults = solution.settings["defaults"]
    assert "dtype" in defaults
    assert "gradients" in defaults
    assert "device" in defaults
    assert "phases" not in defaults
    assert "points" not in defaults
    assert "seed" not in defaults
    assert solution.settings["seed"] == 3
    assert solution.settings["gradients"] == "ConflictFree(aggregator=UPGrad(), groups='points')"


def test_gradients_follow_from_execution_and_derivatives():
    assert default_gradients("eager") == default_gradients("eager", (), pl.Exact())
    assert default_gradients("eager") == pl.ConflictFree()
    for estimated in (pl.STDE(samples=4), pl.Hutchinson(samples=4)):
        assert default_gradients("eager", (), estimated) == pl.Sum()
    assert default_gradients("eager", random=True) == default_gradients("compiled") == pl.Sum()


@pytest.mark.parametrize(
    ("weights", "gradients"),
    [(pl.LRA(), pl.Sum()), ([{"poisson": 2.0}, pl.NTK()], pl.Sum()), ({"poisson": 2.0}, None)],
)
def test_a_rule_that_weighs_terms_weighs_their_sum(weights, gradients):
    solution = solve(phases=[pl.Adam(2)], weights=weights)
    assert solution.settings["gradients"] == repr(gradients or pl.ConflictFree())


def test_a_linear_surrogate_is_solved_by_least_squares():
    solution = pl.solve(
        PROBLEMS["poisson_line"](),
        pl.RandomFeatures(features=60),
        points={"interior": 100, "boundary": 2},
        progress=False,
    )
    assert "LeastSquares" in solution.settings["phases"][0]
    x = np.linspace(0, 1, 30)
    assert np.abs(solution.u(x=x) - np.sin(np.pi * x)).max() < 1e-6


def test_held_out_points_are_others():
    solution = solve(phases=[pl.LBFGS(40)], points={"interior": 5, "boundary": 2})
    # Five points are fitted, the others are not.
    assert solution.metrics["held_out"]["poisson"] > 10 * solution.metrics["terms"]["poisson"]


def test_weights_act_by_name():
    heavy = solve(weights={"ends": 1e4}, phases=[pl.LBFGS(30)])
    light = solve(weights={"ends": 1e-4}, phases=[pl.LBFGS(30)])
    assert heavy.metrics["terms"]["ends"] < light.metrics["terms"]["ends"]
    assert heavy.settings["weights"] == {"poisson": 1.0, "ends": 1e4}


# --- precision and device -------------------------------------------------------------------
@pytest.mark.parametrize(
    "phases, dtype, expected",
    [
        ([pl.Adam(2)], None, torch.float32),
        ([pl.Adam(2), pl.LBFGS(2)], None, torch.float64),
        ([pl.Adam(2)], "float64", torch.float64),
        ([pl.Adam(2)], torch.float64, torch.float64),
        ([pl.LBFGS(2)], "float32", torch.float32),
    ],
)
def test_one_precision_for_everything(phases, dtype, expected):
    solution = solve("inverse", phases=phases, dtype=dtype)
    assert solution.dtype is expected
    assert solution.settings["dtype"] == str(expected).removeprefix("torch.")
    tensors = [*solution.state.parameters(), *solution.state.buffers()]
    assert {t.dtype for t in tensors} == {expected}
    assert torch.as_tensor(solution.u.xx(x=0.5)).dtype is expected


def test_the_default_precision_of_torch_does_not_matter():
    plain = solve("inverse", dtype="float64")
    torch.set_default_dtype(torch.float64)
    try:
        other = solve("inverse", dtype="float64")
        single = solve("inverse", dtype="float32")
    finally:
        torch.set_default_dtype(torch.float32)
    for key, value in plain.state.state_dict().items():
        # Sobol's first point is rounded to the default precision, so that bits may differ.
        torch.testing.assert_close(value, other.state.state_dict()[key], rtol=1e-5, atol=1e-6)
    assert {t.dtype for t in other.state.parameters()} == {torch.float64}
    assert {t.dtype for t in single.state.parameters()} == {torch.float32}


# --- run folders ----------------------------------------------------------------------------
@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    out = tmp_path_factory.mktemp("runs") / "inverse"
    solution = solve(
        "inverse",
        out=out,
        dtype="float64",
        phases=[pl.Adam(8), pl.LBFGS(4)],
        config_text="given: 1\n",
    )
    return out, solution


def test_a_run_folder_holds_everything(folder):
    out, solution = folder
    names = {p.name for p in out.iterdir()}
    assert names >= {
        "config.yaml",
        "resolved.yaml",
        "versions.json",
        "log.jsonl",
        "metrics.json",
        "solution.h5",
        "report.html",
        "plots",
        "checkpoints",
    }
    assert (out / "config.yaml").read_text() == "given: 1\n"
    metrics = json.loads((out / "metrics.json").read_text())
    assert metrics["status"] == "finished"
    assert metrics["steps"] == 12
    assert set(metrics["unknowns"]) == {"k", "level"}
    versions = json.loads((out / "versions.json").read_text())
    assert versions["torch"] == torch.__version__
    assert versions["seed"] == 0
    assert list((out / "plots").glob("*.png"))
    assert "inverse" in (out / "report.html").read_text()
    assert solution.folder == out


def test_the_numbers_are_those_of_the_state_that_is_kept(tmp_path):
    solution = solve(
        phases=[pl.Adam(20, lr=1e-2), pl.Adam(5, lr=1.0)],
        callbacks=pl.KeepBest(every=5),
        out=tmp_path / "run",
    )
    kept, losses = solution.metrics["kept"], [r["loss"] for r in solution.records]
    assert kept["step"] == 20
    assert solution.metrics["loss"] == kept["value"] < losses[-1]
    assert 0.5 * sum(solution.metrics["terms"].values()) == pytest.approx(kept["value"])
    assert "The state of step 20 is kept" in (tmp_path / "run" / "report.html").read_text()
    assert "at step 20, whose state is kept" in solution.metrics["message"]


def test_an_existing_folder_is_refused(folder, tmp_path):
    out, _ = folder
    with pytest.raises(CheckpointError, match="exists already") as caught:
        solve("inverse", out=out)
    assert "resume" in str(caught.value)
    (tmp_path / "file").write_text("x")
    with pytest.raises(CheckpointError, match="exists already"):
        solve("inverse", out=tmp_path / "file")
    (tmp_path / "empty").mkdir()
    assert solve("inverse", out=tmp_path / "empty").metrics["status"] == "finished"


def test_a_folder_is_resumed_only_where_there_is_one(tmp_path):
    with pytest.raises(CheckpointError, match="is no run folder"):
        solve("inverse", out=tmp_path / "nowhere", resume=True)
    with pytest.raises(DeclarationError, match="nothing to resume"):
        solve("inverse", resume=True)
    assert not (tmp_path / "nowhere").exists()


def test_a_folder_can_be_loaded(folder):
    out, solution = folder
    again = pl.load(out)
    x = np.linspace(0, 1, 5)
    np.testing.assert_array_equal(again.u(x=x), solution.u(x=x))
    assert again.unknowns == solution.unknowns


def test_a_refused_call_leaves_no_folder(tmp_path):
    for options in (
        {"weights": {"nothing": 1.0}},
        {"phases": []},
        {"gradients": pl.MConFIG(), "phases": [pl.LBFGS(3)]},
        {"surrogate": nn.Linear(3, 1)},
    ):
        with pytest.raises(PinnlabError):
            solve(out=tmp_path / "run", **options)
        assert not (tmp_path / "run").exists(), options


# --- misuse ---------------------------------------------------------------------------------
MISUSE = {
    "problem": (lambda: pl.solve("problem", progress=False), "problem"),
    "surrogate": (lambda: solve(surrogate="MLP"), "neither a specification nor a module"),
    "surrogate class": (lambda: solve(surrogate=pl.MLP), "neither a specification nor a module"),
    "points misspelt": (lambda: solve(points={"interor": 5}), "did you mean 'interior'"),
    "points number": (lambda: solve(points=500), "points"),
    "points zero": (lambda: solve(points={"interior": 0}), "interior"),
    "gradients class": (lambda: solve(gradients=pl.ConFIG), "gradients"),
    "gradients text": (lambda: solve(gradients="ConFIG"), "gradients"),
    "weights list": (lambda: solve(weights=[1, 2]), "weights"),
    "weights name": (lambda: solve(weights={"end": 2}), "did you mean 'ends'"),
    "phases empty": (lambda: solve(phases=[]), "nothing to do"),
    "phases class": (lambda: solve(phases=[pl.Adam]), "is no phase"),
    "phases number": (lambda: solve(phases=100), "phase"),
    "phases torch": (
        lambda: solve(phases=[torch.optim.Adam([torch.zeros(1)])]),
        "phase",
    ),
    "callbacks class": (lambda: solve(callbacks=[pl.Evaluate]), "callback"),
    "callbacks function": (lambda: solve(callbacks=lambda t: None), "callback"),
    "seed": (lambda: solve(seed="zero"), "seed"),
    "seed negative": (lambda: solve(seed=-1), "seed"),
    "dtype": (lambda: solve(dtype="float16"), "no precision 'float16'"),
    "dtype torch": (lambda: solve(dtype=torch.float16), "no precision"),
    "device": (lambda: solve(device="gpu"), "no device 'gpu'"),
    "budget": (lambda: solve(budget=-5), "budget"),
    "checkpoints": (lambda: solve(checkpoint_every=0), "checkpoint_every"),
    "scales": (lambda: solve(scales={"w": 1.0}), "'w', which is no field"),
}


@pytest.mark.parametrize("name", MISUSE, ids=lambda n: n.replace(" ", "_"))
def test_misuse_is_refused(name):
    make, words = MISUSE[name]
    with pytest.raises(PinnlabError) as caught:
        make()
    message = str(caught.value)
    assert words in message
    assert "expected:" in message
    assert "do:" in message


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a CUDA device")
def test_a_missing_gpu_is_told():
    with pytest.raises(DeclarationError, match="no CUDA device"):
        solve(device="cuda")


def test_the_global_state_of_torch_is_untouched():
    before = (
        torch.get_default_dtype(),
        torch.get_rng_state(),
        torch.is_grad_enabled(),
        torch.get_num_threads(),
        np.random.get_state()[1].copy(),  # noqa: NPY002
    )
    solve("inverse", phases=[pl.Adam(2), pl.LBFGS(2)])
    assert torch.get_default_dtype() is before[0]
    assert torch.equal(torch.get_rng_state(), before[1])
    assert torch.is_grad_enabled() == before[2]
    assert torch.get_num_threads() == before[3]
    assert np.array_equal(np.random.get_state()[1], before[4])  # noqa: NPY002


def test_runs_on_several_threads_repeat_bit_for_bit(monkeypatch, torch_threads):
    monkeypatch.setattr(chain, "SHARE_NUMBERS", 20)
    torch_threads(2)
    phases = [pl.Adam(5, resample=2), pl.LBFGS(3)]
    for name in ("cavity", "inverse"):
        one, two = (solve(name, phases=phases).state.state_dict() for _ in range(2))
        assert all(torch.equal(one[k], two[k]) for k in one)
        assert torch.get_num_threads() == 2


def test_two_runs_in_one_process_do_not_meet():
    alone = solve("inverse", dtype="float64").state.state_dict()
    solve("cavity", dtype="float32", seed=5)
    again = solve("inverse", dtype="float64").state.state_dict()
    assert all(torch.equal(alone[k], again[k]) for k in alone)


def test_a_failed_run_is_a_solution_that_says_so():
    problem = pl.Problem(
        pl.Interval("x", 0, 1), "u", {"e": "u.xx + log(u - 1.9)"}, {"ends": pl.Dirichlet(u=0)}
    )
    solution = solve(problem)
    assert solution.metrics["status"] == "failed"
    assert "term 'e'" in solution.metrics["message"]
