import pytest
import torch

import pinnlab as pl
from pinnlab.problems.assemble import PointBudget, assemble


def poisson(size):
    return pl.Problem(
        domain=pl.Interval("x", 0, 1),
        fields=["u"],
        parameters={"f": 10.0 * size},
        equations={"poisson": "u.xx + f"},
        conditions={"ends": pl.Dirichlet(u=0, hard=True)},
    )


def built(problem, **options):
    budget = PointBudget(interior=64, boundary=8)
    return assemble(problem, pl.MLP(16, 2), budget=budget, dtype=torch.float64, **options)


@pytest.mark.parametrize("size", [1e-4, 1e3, 1e6])
def test_the_size_of_a_field_follows_from_a_linear_equation(size):
    scale = float(built(poisson(size)).objective.state.surrogate.output_scale)
    reference = float(built(poisson(1e3)).objective.state.surrogate.output_scale)
    assert scale == pytest.approx(reference * size / 1e3, rel=0.1)
    assert 0.1 * size < scale < 100 * size


@pytest.mark.parametrize("scales", ["auto", None], ids=["near one", "switched off"])
def test_outputs_are_left_alone(scales):
    problem = poisson(0.3 if scales == "auto" else 1e6)
    surrogate = built(problem, scales=scales).objective.state.surrogate
    assert surrogate.output_scale.tolist() == [1.0]
    assert not surrogate.scaled


def test_given_sizes_and_data_come_first():
    assert built(poisson(1e6), scales={"u": 7.0}).objective.state.surrogate.output_scale == 7.0
    data = pl.Data({"x": [0.2, 0.5], "u": [3.0, 4.0]}, columns={"x": "x", "u": "u"})
    problem = poisson(1e6).replace(conditions={"sensors": data})
    assert built(problem).objective.state.surrogate.output_scale == 4.0


def test_a_found_size_is_saved_with_the_solution(tmp_path):
    solution = pl.solve(poisson(1e4), pl.MLP(8, 1), phases=pl.Adam(3), progress=False)
    assert solution.settings["sizes"]["u"] > 100
    solution.save(tmp_path / "s.h5")
    x = torch.linspace(0, 1, 5).tolist()
    assert pl.load(tmp_path / "s.h5").u(x=x) == pytest.approx(solution.u(x=x), rel=1e-6)
