"""Errors against functions agree with errors against arrays, at the same points each time."""

import numpy as np
import pytest
import torch
from cases import F64, assembly

import pinnlab as pl
from pinnlab.errors import DataError, DeclarationError
from pinnlab.problems import comparison
from pinnlab.problems.comparison import as_points, exact_parts
from pinnlab.training import Solution
from pinnlab.training.pictures import draw


def line(**options) -> pl.Problem:
    return pl.Problem(
        pl.Interval("x", 0, 1),
        "u",
        {"poisson": "u.xx + a*sin(pi*x)"},
        {"ends": pl.Dirichlet(u=0)},
        parameters={"a": 2.0},
        reference=pl.Reference.exact({"u": "a*sin(pi*x)/pi**2"}, points=50, **options),
    )


def solution(problem: pl.Problem, dtype: torch.dtype = F64) -> Solution:
    made = assembly(problem, dtype=dtype)
    return Solution(problem, made.objective.state, dtype=dtype, device=torch.device("cpu"))


def test_errors_are_those_against_the_same_values_as_arrays():
    s = solution(line())
    exact = as_points(s.problem)
    assert exact is not None and exact.points.shape == (50, 1)
    np.testing.assert_allclose(
        exact.fields["u"], 2 * np.sin(np.pi * exact.points[:, 0]) / np.pi**2, rtol=1e-14
    )
    assert s.error()["u"] == pytest.approx(s.error(exact)["u"], rel=1e-12)


def test_parts_are_the_same_points_in_every_comparison(monkeypatch):
    problem = pl.high_dimension.allen_cahn(1000)
    monkeypatch.setattr(comparison, "_LEAST", 7)
    monkeypatch.setattr(comparison, "_ELEMENTS", 7000)
    reference = pl.Reference.exact(problem.reference.exact, points=20, sampler="radial")
    first, again = (
        [(points.x.clone(), values["u"]) for points, values in exact_parts(problem, reference)]
        for _ in range(2)
    )
    assert [len(x) for x, _ in first] == [7, 7, 6]
    for (x, u), (y, v) in zip(first, again, strict=True):
        assert torch.equal(x, y) and torch.equal(u, v)
    assert not torch.equal(first[0][0], first[1][0])


def test_errors_do_not_depend_on_the_size_of_parts(monkeypatch):
    """Each part is drawn from a stream of its own, so the errors are equal in the mean only."""
    s = solution(line())
    whole = s.error()["u"]["relative_l2"]
    monkeypatch.setattr(comparison, "_MOST", 13)
    assert s.error()["u"]["relative_l2"] == pytest.approx(whole, rel=0.2)


def test_one_position():
    problem = pl.Problem(
        pl.RealSpace("x", dim=4) * pl.Time("t", 0, 0.3),
        "u",
        {"heat": lambda u: u.t - pl.laplacian(u)},
        reference=pl.Reference.exact({"u": 0.5}, at={"x": 0, "t": 0.3}),
    )
    s = solution(problem)
    value = s.u(x=np.zeros((1, 4)), t=np.array([0.3])).item()
    errors = s.error()["u"]
    assert errors["relative_l2"] == pytest.approx(abs(value - 0.5) / 0.5, rel=1e-12)
    assert errors["relative_l1"] == pytest.approx(errors["relative_l2"])


def test_exact_solution_has_no_error():
    class Exact(torch.nn.Module):
        def forward(self, x):
            return 2 * torch.sin(torch.pi * x) / torch.pi**2

    problem = line()
    made = assembly(problem, Exact())
    s = Solution(problem, made.objective.state, dtype=F64, device=torch.device("cpu"))
    assert s.error()["u"]["relative_l2"] < 1e-15


def test_plots_show_the_exact_solution():
    (figure,) = draw(solution(line())).values()
    labels = [text.get_text() for legend in figure.axes[0].findobj() for text in _texts(legend)]
    assert any("reference" in label for label in labels)


def _texts(item):
    return item.get_texts() if hasattr(item, "get_texts") else []


def test_evaluate_follows_an_exact_solution():
    s = pl.solve(
        pl.high_dimension.poisson(10),
        pl.MLP(width=4, depth=1),
        phases=[pl.Adam(4)],
        points={"interior": 8},
        callbacks=[pl.Evaluate(every=2)],
        progress=False,
    )
    recorded = [r["errors"]["u"]["relative_l2"] for r in s.records if "errors" in r]
    assert len(recorded) >= 2 and s.metrics["errors"]["u"]["relative_l2"] == recorded[-1]


def test_refused_at_the_declaration():
    with pytest.raises(DataError, match="field 'v'"):
        line().replace(reference=pl.Reference.exact({"v": "x"}))
    with pytest.raises(DeclarationError, match="asks for 'y', which is not known"):
        line().replace(reference=pl.Reference.exact({"u": "x + y"}))
