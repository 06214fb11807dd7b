"""Stages on objectives: which problem is trained when, and that the declared one is the end."""

import math
from typing import Any

import pytest
import torch
from cases import PROBLEMS, assembly, hard_heat, heat_flux

import pinnlab as pl
from pinnlab.errors import DeclarationError
from pinnlab.training import Trainer

ADAM = pl.Adam(3, lr=1e-2)
DECAY: dict[str, Any] = {
    "domain": pl.Time("t", 0, 2),
    "fields": "u",
    "equations": {"decay": "u.t + k*u"},
    "conditions": {"start": pl.Initial(u=1)},
    "parameters": {"k": 1.0},
    "reference": pl.Reference.exact({"u": "exp(-k*t)"}),
}
SPREAD: dict[str, Any] = {  # a collapsed sum of derivatives whose ratio is the parameter
    "domain": pl.Box(x=(0, 1), y=(0, 1)) * pl.Time("t", 0, 1),
    "fields": "u",
    "equations": {"heat": "u.t - u.xx - a*u.yy"},
    "conditions": {"start": pl.Initial(u="x*y")},
    "parameters": {"a": 2.0},
}


def changed(**parts: Any) -> pl.Problem:
    merged: dict[str, Any] = DECAY | parts
    return pl.Problem(**merged)


class Watch(pl.Callback):
    """Keeps what a function of the trainer says after every step."""

    def __init__(self, see):
        self.see, self.seen = see, []

    def on_step(self, trainer, record):
        """Look."""
        self.seen.append(self.see(trainer))


def train(problem, phases, see=None, surrogate=None, **options):
    watch = Watch(see or (lambda trainer: None))
    trainer = Trainer(
        assembly(problem, surrogate), phases, callbacks=[watch], progress=False, **options
    )
    trainer.run()
    return trainer, watch.seen


# --- curriculum ------------------------------------------------------------------------------
@pytest.mark.parametrize("name", ["a", "k"])
def test_every_value_is_trained_as_if_it_had_been_declared(name: str) -> None:
    declared = pl.Problem(**SPREAD) if name == "a" else pl.Problem(**DECAY)

    def see(trainer):
        value = trainer.objective.state.values()[name]
        other = assembly(declared.replace(parameters={name: value})).objective
        for key, found in other.state.state_dict().items():
            found.copy_(trainer.objective.state.state_dict()[key])
        matching = {
            theirs: trainer.objective.points[ours]
            for theirs, ours in zip(other.points, trainer.objective.points, strict=True)
        }
        other.set_points(matching)
        with torch.no_grad():
            return value, trainer.objective.residuals(), other.residuals()

    last = float(declared.parameters[name])  # type: ignore[arg-type]
    _, seen = train(declared, [pl.Curriculum(name, [0.0, 0.5, last], ADAM)], see)
    assert [value for value, _, _ in seen] == [0.0] * 3 + [0.5] * 3 + [last] * 3
    for _, ours, theirs in seen:
        for key in ours:
            assert torch.allclose(ours[key], theirs[key], atol=1e-12)


def test_hard_values_follow_the_parameter() -> None:
    problem = pl.Problem(
        pl.Interval("x", 0, 1),
        "u",
        {"poisson": "u.xx - a"},
        {"left": pl.Dirichlet(u="a", on="left", hard=True), "right": pl.Dirichlet(u=0, on="right")},
        parameters={"a": 3.0},
    )

    def see(trainer):
        return float(trainer.solution().u(x=0.0))

    _, seen = train(problem, [pl.Curriculum("a", [1.0, 3.0], pl.Adam(1))], see)
    assert seen == pytest.approx([1.0, 3.0], abs=1e-12)


def test_errors_are_those_of_the_declared_problem() -> None:
    trainer, seen = train(
        pl.Problem(**DECAY),
        [pl.Curriculum("k", [0.1, 1.0], ADAM)],
        lambda t: t.solution().problem.parameters["k"],
    )
    assert seen == [1.0] * 6
    assert trainer.solution().state.values()["k"] == 1.0


def test_a_run_that_is_stopped_early_is_left_with_the_declared_problem() -> None:
    class Stop(pl.Callback):
        def on_step(self, trainer, record):
            trainer.stop("enough")

    built = assembly(pl.Problem(**DECAY))
    trainer = Trainer(
        built, [pl.Curriculum("k", [0.1, 1.0], ADAM)], callbacks=[Stop()], progress=False
    )
    trainer.run()
    assert trainer.step == 1
    assert built.problem.parameters["k"] == 1.0
    assert trainer.solution().state.values()["k"] == 1.0


# --- windows ---------------------------------------------------------------------------------
def latest(trainer) -> float:
    return max(float(points.columns["t"].max()) for points in trainer.objective.points.values())


def test_no_point_lies_behind_the_window() -> None:
    phases = [pl.Windows("t", [0.1, 0.3], pl.Adam(2, resample=1)), pl.Adam(2)]
    _, seen = train(heat_flux(), phases, latest)
    assert all(t <= 0.1 for t in seen[:2])
    assert all(0.1 < t <= 0.3 for t in seen[2:4])
    assert all(0.3 < t <= 0.5 for t in seen[4:])


def test_data_of_later_are_left_out() -> None:
    t = [0.1, 0.2, 0.4, 1.9]
    seen_at = pl.Data({"t": t, "u": [math.exp(-s) for s in t]})
    declared = changed(conditions={"seen": seen_at})

    def see(trainer):
        return [len(p) for k, p in trainer.objective.points.items() if k.fixed is not None]

    _, seen = train(declared, [pl.Windows("t", [0.3, 2.0], pl.Adam(1))], see)
    assert seen == [[2], [4]]


def test_the_ansatz_is_that_of_the_whole_time() -> None:
    """One network means the same field in all windows."""

    def see(trainer):
        return trainer.solution().u(x=[0.2, 0.7], y=1.5, t=[0.05, 0.4])

    problem = hard_heat()
    built = assembly(problem)
    before = Trainer(built, [ADAM], progress=False).solution().u(x=[0.2, 0.7], y=1.5, t=[0.05, 0.4])
    end = float(problem.domain.bounds()[1][-1])
    phases = [pl.Windows("t", [end / 5, end], pl.Adam(1, lr=1e-30))]
    _, seen = train(problem, phases, see)
    for values in seen:
        assert values == pytest.approx(before, abs=1e-12)


def test_an_edge_at_the_end_to_rounding_is_the_end() -> None:
    trainer, _ = train(pl.Problem(**DECAY), [pl.Windows("t", [1.0, 2.0 * (1 - 1e-12)], ADAM)])
    assert trainer.status == "finished"


def test_windows_find_what_one_window_finds() -> None:
    problem = pl.Problem(**DECAY)
    phases = [pl.Windows("t", [1.0, 2.0], pl.SOAP(200, lr=1e-2, schedule=pl.Cosine()))]
    solution = pl.solve(problem, pl.MLP(8, 2), phases=phases, points={"interior": 32},
                        dtype="float64", progress=False)  # fmt: skip
    assert solution.error()["u"]["relative_l2"] < 1e-2  # 1.6e-3


# --- marching --------------------------------------------------------------------------------
MARCHING = pl.TimeMarching(pl.MLP(width=6, depth=2), [0.2, 0.5])


def networks(trainer) -> list[torch.Tensor]:
    return [
        torch.cat([p.detach().flatten() for p in network.parameters()])
        for network in trainer.objective.state.surrogate.networks
    ]


def test_one_network_after_the_other_is_trained() -> None:
    trainer, seen = train(heat_flux(), [pl.March(ADAM)], networks, MARCHING)
    first, second = zip(*seen, strict=True)
    assert not torch.equal(first[0], first[2])
    assert all(torch.equal(first[2], later) for later in first[3:])
    assert all(torch.equal(second[0], later) for later in second[:3])
    assert not torch.equal(second[2], second[5])
    assert all(p.requires_grad for p in trainer.objective.state.parameters())


def test_a_network_starts_from_the_one_before() -> None:
    _, seen = train(heat_flux(), [pl.March(pl.Adam(1, lr=1e-30))], networks, MARCHING)
    assert torch.allclose(seen[1][0], seen[1][1], atol=1e-25)


def test_every_window_starts_where_the_one_before_ends() -> None:
    """The initial residual of window 2 is the jump between the networks at the interface."""

    def see(trainer):
        if trainer.staging.setting.window != 1:
            return None
        objective, solution = trainer.objective, trainer.solution()
        (points,) = [p for k, p in objective.points.items() if k.on == "initial"]
        with torch.no_grad():
            found = objective.residuals()["start"][:, 0]
        assert (points.columns["t"] == 0.2).all()
        columns = {name: values.clone() for name, values in points.columns.items()}
        values = []
        for window in (0, 1):
            solution.window = window
            values.append(solution.u(**columns))
        return found, values[1] - values[0]

    _, seen = train(heat_flux(), [pl.March(ADAM)], see, MARCHING)
    assert seen[:3] == [None] * 3
    for found, jump in seen[3:]:
        assert found.abs().max() > 0
        assert torch.allclose(found, jump, atol=1e-12)


def test_a_march_finds_the_solution_at_all_times(tmp_path) -> None:
    """Second order in time, so that the velocity is handed on as well."""
    problem = pl.Problem(
        pl.Time("t", 0, 2),
        "u",
        {"swing": "u.tt + 4*u"},
        {"start": pl.Initial(u=1, u_t=0)},
        reference=pl.Reference.exact({"u": "cos(2*t)"}),
    )
    phases = [pl.March([pl.SOAP(200, lr=1e-2, schedule=pl.Cosine())])]
    surrogate = pl.TimeMarching(pl.MLP(16, 2), [0.7, 1.4, 2.0])
    solution = pl.solve(problem, surrogate, phases=phases, points={"interior": 32},
                        weights={"start": 10}, dtype="float64", progress=False)  # fmt: skip
    assert solution.error()["u"]["relative_l2"] < 2e-2  # 3.7e-3
    solution.save(tmp_path / "solution.h5")
    loaded = pl.load(tmp_path / "solution.h5")
    t = torch.linspace(0, 2, 50, dtype=torch.float64)
    assert torch.equal(loaded.u(t=t), solution.u(t=t))
    assert torch.equal(loaded.u.tt(t=t), solution.u.tt(t=t))


def test_errors_while_marching_are_those_of_all_windows() -> None:
    def see(trainer):
        x = torch.tensor([[0.3, 0.1], [0.3, 0.4]], dtype=torch.float64)
        first, second = trainer.objective.state.surrogate.networks
        with torch.no_grad():
            expected = [float(first(x[:1])), float(second(x[1:]))]
        return trainer.solution().u(x=0.3, t=[0.1, 0.4]).tolist(), expected

    _, seen = train(heat_flux(), [pl.March(ADAM)], see, MARCHING)
    for found, expected in seen:
        assert found == pytest.approx(expected, abs=1e-12)


def test_marching_is_the_default_of_a_network_for_each_window() -> None:
    solution = pl.solve(pl.Problem(**DECAY), pl.TimeMarching(pl.MLP(4, 1), [1.0, 2.0]),
                        budget=1e-6, points={"interior": 8}, progress=False)  # fmt: skip
    assert "March" in solution.settings["phases"][0]


# --- what cannot be --------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("problem", "phase", "words"),
    [
        (changed(), pl.Curriculum("q", [1.0], ADAM), "no parameter of the problem"),
        (changed(parameters={}, equations={"e": "u.t + u"}, reference=None),
         pl.Curriculum("k", [1.0], ADAM), "no parameter of the problem"),
        (changed(parameters={"k": pl.Unknown(1.0)}), pl.Curriculum("k", [1.0], ADAM), "unknown"),
        (changed(parameters={"k": "1 + t"}), pl.Curriculum("k", [1.0], ADAM), "no number"),
        (changed(), pl.Curriculum("k", [0.1, 0.9], ADAM), "another problem"),
        (changed(), pl.Windows("t", [1.0, 3.0], ADAM), "does not lie in the time"),
        (changed(), pl.Windows("t", [0.0, 2.0], ADAM), "does not lie in the time"),
        (changed(), pl.Windows("t", [1.0], ADAM), "up to 1 only"),
        (changed(), pl.Windows("x", [2.0], ADAM), "cannot grow along 'x'"),
        (PROBLEMS["poisson_line"](), pl.Windows("t", [1.0], ADAM), "without time"),
        (changed(conditions={"mean": pl.Integral("u", 1.0)}),
         pl.Windows("t", [1.0, 2.0], ADAM), "integral over time"),
        (changed(conditions={"end": pl.Condition("u", on="final")}),
         pl.Windows("t", [1.0, 2.0], ADAM), "last moment"),
        (changed(conditions={"late": pl.Data({"t": [1.5], "u": [0.2]})}),
         pl.Windows("t", [1.0, 2.0], ADAM), "Nothing of 'late'"),
        (changed(), pl.March(ADAM), "network for every window"),
    ],
)  # fmt: skip
def test_stages_that_do_not_fit_are_refused_before_training(problem, phase, words) -> None:
    with pytest.raises(DeclarationError, match=words):
        Trainer(assembly(problem), [phase], progress=False)


@pytest.mark.parametrize(
    ("conditions", "words"),
    [
        ({"start": pl.Initial(u=1, hard=True)}, "fits one window only"),
        ({"start": pl.Condition("u - 1", on="initial")}, "is no Initial"),
    ],
)
def test_what_cannot_be_handed_on_is_refused(conditions, words: str) -> None:
    surrogate = pl.TimeMarching(pl.MLP(4, 1), [1.0, 2.0])
    with pytest.raises(DeclarationError, match=words):
        Trainer(
            assembly(changed(conditions=conditions), surrogate), [pl.March(ADAM)], progress=False
        )


def test_networks_of_windows_are_trained_by_marching_only() -> None:
    surrogate = pl.TimeMarching(pl.MLP(4, 1), [1.0, 2.0])
    with pytest.raises(DeclarationError, match="trained by March"):
        Trainer(assembly(changed(), surrogate), [ADAM], progress=False)


@pytest.mark.parametrize("at", [3, 5], ids=["within a window", "between windows"])
@pytest.mark.parametrize("name", ["march", "windows", "curriculum"])
def test_a_run_stopped_between_two_phases_goes_on_bit_for_bit(name, at, tmp_path):
    phases = [pl.Adam(3, lr=1e-2), pl.Adam(2, lr=1e-3)]
    stage, surrogate = {
        "march": (pl.March(phases), MARCHING),
        "windows": (pl.Windows("t", [0.2, 0.5], phases), pl.MLP(6, 2)),
        "curriculum": (pl.Curriculum("k", [0.1, 0.7], phases), pl.MLP(6, 2)),
    }[name]

    class Stop(pl.Callback):
        def __init__(self, step):
            self.step = step

        def on_step(self, trainer, record):
            if trainer.step == self.step:
                trainer.stop("enough")

    def run(folder, stop, resume=False):
        return pl.solve(
            heat_flux(), surrogate, phases=[stage], weights=pl.ReLoBRaLo(),
            points={"interior": 16, "boundary": 4}, callbacks=[Stop(stop)],
            out=tmp_path / folder, resume=resume, progress=False,
        )  # fmt: skip

    whole = run("whole", 0)
    run("parts", at)
    parts = run("parts", 0, resume=True)
    assert parts.metrics["steps"] == whole.metrics["steps"] == 10
    for a, b in zip(parts.state.parameters(), whole.state.parameters(), strict=True):
        assert torch.equal(a, b)
