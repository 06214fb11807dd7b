"""Phase lists in one word: what they stand for, and what cannot be one."""

import pytest

import pinnlab as pl
from pinnlab.errors import DeclarationError
from pinnlab.optim.stage import Setting, expand, innermost, setting_of

ADAM, LBFGS = pl.Adam(10), pl.LBFGS(5)


def settings(*phases: pl.optim.Phase, windows: int = 0) -> list[Setting]:
    return [setting_of(phase) for phase in expand(phases, windows)]


def test_a_curriculum_trains_every_value_with_all_phases() -> None:
    phases = expand([pl.Curriculum("beta", [1, 30], [ADAM, LBFGS]), ADAM])
    assert [phase.label for phase in phases] == [
        "Adam, beta = 1",
        "LBFGS, beta = 1",
        "Adam, beta = 30",
        "LBFGS, beta = 30",
        "Adam",
    ]
    assert [phase.steps for phase in phases] == [10, 5, 10, 5, 10]
    assert setting_of(phases[-1]) == Setting()


def test_windows_grow_from_the_start() -> None:
    assert [s.until for s in settings(pl.Windows("t", [0.5, 1.0], ADAM))] == [0.5, 1.0]


def test_a_march_has_one_stage_a_window() -> None:
    assert [s.window for s in settings(pl.March(ADAM), windows=3)] == [0, 1, 2]


def test_stages_inside_stages_add_up() -> None:
    nested = pl.Windows("t", [0.5, 1.0], pl.Curriculum("a", [1, 2], ADAM))
    found = [(s.until, s.parameters["a"]) for s in settings(nested)]
    assert found == [(0.5, 1.0), (0.5, 2.0), (1.0, 1.0), (1.0, 2.0)]
    both = pl.Curriculum("a", [1, 2], pl.Curriculum("b", [3], ADAM))
    assert [s.parameters for s in settings(both)] == [{"a": 1, "b": 3}, {"a": 2, "b": 3}]
    assert nested.steps == sum(phase.steps for phase in expand([nested]))


def test_a_staged_phase_is_the_phase_but_for_its_name() -> None:
    (staged,) = expand([pl.Windows("t", [1.0], pl.Adam(7, batch=3, resample=2))])
    assert (staged.steps, staged.batch, staged.resample) == (7, 3, 2)


def test_innermost_phases_are_found_once() -> None:
    nested = pl.Windows("t", [0.5, 1.0], [pl.Curriculum("a", [1, 2], ADAM), LBFGS])
    assert list(innermost([nested, ADAM])) == [ADAM, LBFGS, ADAM]


def test_a_stage_prints_what_it_is_made_of() -> None:
    text = repr(pl.Curriculum("beta", [1, 30], ADAM))
    assert "beta" in text
    assert "30" in text
    assert "Adam(steps=10" in text


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: pl.Windows("t", [0.5, 0.5], ADAM), "do not increase"),
        (lambda: pl.Windows("t", [1.0, 0.5], ADAM), "do not increase"),
        (lambda: pl.Windows("t", [], ADAM), "no usable edges"),
        (lambda: pl.Windows("t", 1.0, ADAM), "no usable edges"),
        (lambda: pl.Windows("t", [float("nan")], ADAM), "no usable edges"),
        (lambda: pl.Windows("", [1.0], ADAM), "no coordinate"),
        (lambda: pl.Curriculum("beta", [], ADAM), "no usable values"),
        (lambda: pl.Curriculum("beta", ["x"], ADAM), "no usable values"),
        (lambda: pl.Curriculum("beta", "12", ADAM), "no usable values"),
        (lambda: pl.Curriculum(3, [1], ADAM), "no parameter"),
        (lambda: pl.Curriculum("beta", [1], []), "repeats no phase"),
        (lambda: pl.March("Adam"), "repeats no phase"),
        (lambda: pl.March(None), "repeats no phase"),
        (lambda: expand([pl.March(ADAM)]), "needs a network for every window"),
        (lambda: expand([pl.Windows("t", [1], pl.Windows("t", [1], ADAM))]), "inside windows"),
        (lambda: expand([pl.Windows("t", [1], pl.March(ADAM))], 2), "inside windows"),
        (lambda: expand([pl.March(pl.Windows("t", [1], ADAM))], 2), "inside windows"),
    ],
)
def test_what_makes_no_sense_is_refused(make, words: str) -> None:
    with pytest.raises(DeclarationError, match=words):
        make()


def test_a_stage_has_no_steps_of_its_own() -> None:
    with pytest.raises(DeclarationError, match="list of phases"):
        pl.March(ADAM).start(None, None)  # type: ignore[arg-type]
