"""A solution that is saved and loaded has the same values, whatever the problem was written in."""

import numpy as np
import pytest

import pinnlab as pl

X = np.linspace(-1, 1, 11)


def problem(equation="u.t + u*u.x - nu*u.xx"):
    return pl.Problem(
        pl.Interval("x", -1, 1) * pl.Time("t", 0, 1),
        "u",
        {"burgers": equation},
        {"ends": pl.Dirichlet(u=0, hard=True), "start": pl.Initial(u="-sin(pi*x)")},
        parameters={"nu": pl.Unknown(0.02, bounds=(1e-4, 1), transform="log")},
    )


def solved(declared, **options):
    return pl.solve(
        declared,
        pl.MLP(6, 2),
        points={"interior": 32, "boundary": 8},
        phases=pl.Adam(5),
        progress=False,
        **options,
    )


@pytest.mark.parametrize("scales", ["auto", None, {"u": 5.0}])
def test_a_saved_solution_loads_with_the_same_values(tmp_path, scales):
    before = solved(problem(), scales=scales)
    after = pl.load(before.save(tmp_path / "s.h5"))
    assert np.array_equal(before.u(x=X, t=0.3), after.u(x=X, t=0.3))
    assert np.array_equal(before.u.xx(x=X, t=0.3), after.u.xx(x=X, t=0.3))
    assert before.unknowns == after.unknowns


def test_a_problem_written_in_python_must_be_passed(tmp_path):
    def burgers(u, *, nu):
        return u.t + u * u.x - nu * u.xx

    before = solved(problem(burgers), out=tmp_path / "run")
    with pytest.raises(pl.CheckpointError, match="written in Python"):
        pl.load(tmp_path / "run")
    after = pl.load(tmp_path / "run", problem=problem(burgers))
    assert np.array_equal(before.u(x=X, t=0.3), after.u(x=X, t=0.3))
    assert after.metrics["status"] == "finished"
    assert after.records


def test_weights_of_another_network_are_refused(tmp_path):
    path = solved(problem()).save(tmp_path / "s.h5")
    with pytest.raises(pl.CheckpointError, match="do not fit"):
        pl.load(path, surrogate=pl.MLP(7, 2))
