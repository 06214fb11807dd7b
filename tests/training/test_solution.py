import numpy as np
import pytest
import torch
from cases import NETWORKS, PROBLEMS, assembly
from conditions.closed import Known

import pinnlab as pl
from pinnlab.errors import DeclarationError
from pinnlab.io import read_solution
from pinnlab.training import Solution

CPU = torch.device("cpu")


def solution_of(problem, surrogate=None, dtype=torch.float64, **options):
    built = assembly(problem, surrogate, dtype=dtype, **options)
    return Solution(problem, built.objective.state, dtype=dtype, device=CPU)


def known():
    """Fields sin(x) e^t and x t² on a strip."""
    problem = pl.Problem(
        pl.Interval("x", 0, 2) * pl.Time("t", 0, 1),
        ["u", "v"],
        {"e": "u.t - u.xx - v", "pair": lambda u, v: (u.x, v.x)},
        {"ends": pl.Dirichlet(u=0), "start": pl.Initial(v=1)},
    )
    functions = (lambda x, t: torch.sin(x) * torch.exp(t), lambda x, t: x * t**2)
    return solution_of(problem, Known(*functions))


X, T = np.linspace(0, 2, 7), np.linspace(0, 1, 5)


# --- values ---------------------------------------------------------------------------------
def test_values_and_derivatives_are_those_of_the_functions():
    s = known()
    x, t = X[:5], T
    exact = np.sin(x) * np.exp(t)
    np.testing.assert_allclose(s.u(x=x, t=t), exact)
    np.testing.assert_allclose(s.u.x(x=x, t=t), np.cos(x) * np.exp(t))
    np.testing.assert_allclose(s.u.xx(x=x, t=t), -exact)
    np.testing.assert_allclose(s.u.xt(x=x, t=t), np.cos(x) * np.exp(t))
    np.testing.assert_allclose(s.u.x.t(x=x, t=t), s.u.tx(x=x, t=t))
    np.testing.assert_allclose(s.v.xtt(x=x, t=t), 2.0)
    np.testing.assert_allclose(s["v"].t(x=x, t=t), 2 * x * t)


@pytest.mark.parametrize("name", ["heat_flux", "cavity", "hard_heat", "ring_advection", "beam"])
@pytest.mark.parametrize("surrogate", ["MLP", "PirateNet", "RandomFeatures"])
def test_derivatives_agree_with_differences(name, surrogate):
    problem = PROBLEMS[name]()
    s = solution_of(problem, NETWORKS[surrogate])
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for p in s.state.parameters():
            p.add_(0.3 * torch.randn(p.shape, generator=generator, dtype=p.dtype))
    low, high = problem.domain.bounds()
    rng = np.random.default_rng(0)
    x = low + (high - low) * (0.2 + 0.6 * rng.random((9, len(low))))
    columns, h = problem.coordinates.names, 1e-5
    for field in problem.fields:
        for k, column in enumerate(columns):
            step = h * np.eye(len(low))[k]
            ahead, behind = (
                s[field](**problem.coordinates.columns(x + sign * step)) for sign in (1, -1)
            )
            exact = getattr(s[field], column)(**problem.coordinates.columns(x))
            scale = max(1.0, np.abs(exact).max())
            np.testing.assert_allclose((ahead - behind) / (2 * h), exact, atol=1e-7 * scale)


def test_arrays_broadcast():
    s = known()
    grid = s.u(x=X[:, None], t=T[None, :])
    assert grid.shape == (7, 5)
    np.testing.assert_allclose(grid, np.sin(X)[:, None] * np.exp(T))
    assert s.u(x=0.3, t=0.5).shape == ()
    assert float(s.u(x=0.3, t=0.5)) == pytest.approx(np.sin(0.3) * np.exp(0.5))
    np.testing.assert_allclose(s.u(x=X, t=1), np.sin(X) * np.e)
    np.testing.assert_allclose(s.u(x=X.tolist(), t=1), np.sin(X) * np.e)
    assert s.u(x=np.zeros((0,)), t=1.0).shape == (0,)


def test_all_fields_at_once():
    values = known()(x=X, t=0.5)
    assert list(values) == ["u", "v"]
    np.testing.assert_allclose(values["v"], X / 4)


def test_numpy_in_numpy_out_and_tensors_in_tensors_out():
    s = known()
    assert isinstance(s.u(x=X, t=0.5), np.ndarray)
    out = s.u(x=torch.as_tensor(X), t=0.5)
    assert isinstance(out, torch.Tensor)
    assert not out.requires_grad
    np.testing.assert_allclose(out.numpy(), s.u(x=X, t=0.5))
    mixed = s.u.x(x=torch.as_tensor(X, dtype=torch.float32)[:, None], t=T)
    assert mixed.shape == (7, 5)
    assert mixed.dtype is torch.float64
    x = torch.as_tensor(X).requires_grad_()
    assert isinstance(s.u(x=x, t=0.5), torch.Tensor)


def test_a_read_only_array_and_integers_are_fine():
    s = known()
    x = np.linspace(0, 2, 3)
    x.setflags(write=False)
    np.testing.assert_allclose(s.u(x=x, t=1), np.sin(x) * np.e)
    np.testing.assert_allclose(s.u(x=[0, 1, 2], t=0), np.sin([0, 1, 2]))


def test_many_points_are_evaluated_in_parts():
    s = known()
    x = np.linspace(0, 2, 45_001)
    np.testing.assert_allclose(s.u.x(x=x, t=0.0), np.cos(x), atol=1e-12)


def test_a_vector_coordinate_is_given_as_rows():
    problem = PROBLEMS["many_dimensions"]()
    s = solution_of(problem, Known(lambda *x: sum(c**2 for c in x)))
    x = np.random.default_rng(0).random((4, 5))
    np.testing.assert_allclose(s.u(x=x), (x**2).sum(1))
    np.testing.assert_allclose(s.u(x=x[None, :]), (x**2).sum(1)[None])
    np.testing.assert_allclose(s.u(x=x[0]), (x[0] ** 2).sum())


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)
def test_the_precision_is_that_of_the_run(dtype):
    s = solution_of(PROBLEMS["heat_flux"](), dtype=dtype)
    expected = {torch.float32: np.float32, torch.float64: np.float64}[dtype]
    assert s.u(x=X / 2, t=0.1).dtype == expected
    assert s.u.xx(x=X / 2, t=0.1).dtype == expected
    assert s.residual("heat", x=X / 2, t=0.1).dtype == expected


# --- residuals ------------------------------------------------------------------------------
def test_residuals_of_equations():
    s = known()
    x, t = X[:, None], T[None, :]
    u, v = np.sin(x) * np.exp(t), x * t**2
    np.testing.assert_allclose(s.residual("e", x=x, t=t), 2 * u - v, atol=1e-14)
    pair = s.residual("pair", x=x, t=t)
    assert pair.shape == (7, 5, 2)
    np.testing.assert_allclose(pair[..., 1], np.broadcast_to(t**2, (7, 5)), atol=1e-15)
    assert isinstance(s.residual("e", x=torch.as_tensor(X), t=0.5), torch.Tensor)


def test_residuals_of_conditions_without_normals():
    s = known()
    np.testing.assert_allclose(s.residual("ends", x=2.0, t=T), np.sin(2) * np.exp(T))
    np.testing.assert_allclose(s.residual("start", x=X, t=0.0), -1.0)


def test_collapsed_derivatives_are_apart_in_a_residual():
    problem = pl.Problem(
        pl.Box(x=(0, 1), y=(0, 1)), "u", {"e": "u.xx + u.yy"}, {"sides": pl.Dirichlet(u=0)}
    )
    s = solution_of(problem, Known(lambda x, y: x**2 * y**3))
    np.testing.assert_allclose(s.residual("e", x=0.5, y=0.25), 2 / 64 + 6 / 16)


@pytest.mark.parametrize(
    "problem, name, words",
    [
        ("heat_flux", "heat flux", "no equation or condition 'heat flux'"),
        ("heat_flux", "flux", "normal"),
        ("wave_periodic", "ring", "compares two places"),
        ("cavity", "pressure", "no residual at a point"),
        ("inverse", "sensors", "no residual at a point"),
    ],
)
def test_residuals_that_have_no_meaning_are_refused(problem, name, words):
    declared = PROBLEMS[problem]()
    s = solution_of(declared)
    with pytest.raises(DeclarationError, match=words) as caught:
        s.residual(name, **dict.fromkeys(declared.coordinates.names, 0.5))
    assert "do:" in str(caught.value)


# --- errors ---------------------------------------------------------------------------------
def reference(scale=1.0, coordinates=("x", "t"), fields=("u",)):
    x = np.stack(np.meshgrid(X, T, indexing="ij"), -1).reshape(-1, 2)
    exact = np.sin(x[:, 0]) * np.exp(x[:, 1])
    return pl.Reference(coordinates, x, dict.fromkeys(fields, exact * scale))


def test_errors_against_a_reference():
    s = known()
    exact = s.error(reference())["u"]
    assert exact["relative_l2"] < 1e-15
    assert exact["max_error"] < 1e-14
    off = s.error(reference(2.0))["u"]
    assert off["relative_l2"] == pytest.approx(0.5)
    assert off["relative_l1"] == pytest.approx(0.5)
    assert set(off) >= {"relative_l2", "relative_l1", "mse", "mae", "max_error", "best_constant"}


def test_errors_use_the_names_and_not_the_order_of_columns():
    r = reference()
    swapped = pl.Reference(("t", "x"), r.points[:, ::-1], dict(r.fields))
    assert known().error(swapped)["u"]["relative_l2"] < 1e-15


def test_errors_of_the_problems_own_reference():
    s = known()
    s = Solution(s.problem.replace(reference=reference()), s.state, dtype=s.dtype, device=s.device)
    assert s.error()["u"]["relative_l2"] < 1e-15


@pytest.mark.parametrize(
    "given, words",
    [
        (None, "no reference to compare with"),
        (reference(fields=("w",)), "does not fit the problem"),
        (reference(coordinates=("x", "time")), "does not fit the problem"),
    ],
)
def test_a_reference_that_does_not_fit_is_refused(given, words):
    with pytest.raises(DeclarationError, match=words):
        known().error(given)


# --- saving ---------------------------------------------------------------------------------
def test_a_saved_solution_holds_everything(tmp_path):
    problem = PROBLEMS["inverse"]()
    s = pl.solve(
        problem,
        pl.MLP(width=4, depth=1),
        points={"interior": 16, "boundary": 4},
        phases=[pl.Adam(5, lr=0.05)],
        dtype="float64",
        progress=False,
    )
    path = s.save(tmp_path / "s.h5")
    record = read_solution(path)
    for name, value in s.state.state_dict().items():
        assert torch.equal(torch.as_tensor(np.asarray(record.weights[name])), value), name
    assert record.unknowns == s.unknowns
    assert record.metrics["status"] == "finished"
    assert record.problem["equations"] == {"heat": "k*u.xx + 1 = 0"}
    assert record.problem["dtype"] == "float64"
    np.testing.assert_allclose(record.fields["u"], s.u(x=record.coordinates["x"]), rtol=1e-14)
    assert len(record.history["loss"]) == len(s.records)
    assert {k for k in record.history if k.startswith("unknowns")} == {
        "unknowns/k",
        "unknowns/level",
    }


def test_a_loaded_solution_has_the_same_values(tmp_path):
    problem = PROBLEMS["hard_heat"]()
    s = pl.solve(
        problem,
        pl.MLP(width=4, depth=1),
        points={"interior": 16, "boundary": 4},
        phases=[pl.Adam(3, lr=0.05)],
        dtype="float64",
        progress=False,
    )
    s.save(tmp_path / "s.h5")
    again = pl.load(tmp_path / "s.h5")
    at = {"x": 0.3, "y": X / 2, "t": 0.7}
    np.testing.assert_array_equal(again.u.xx(**at), s.u.xx(**at))


def test_a_file_is_not_overwritten_unless_asked(tmp_path):
    s = known()
    s.save(tmp_path / "s.h5")
    with pytest.raises(pl.PinnlabError, match="exists"):
        s.save(tmp_path / "s.h5")
    s.save(tmp_path / "s.h5", overwrite=True)


@pytest.mark.parametrize("name", ["s.vtu", "s.csv", "s.npz"])
def test_export(tmp_path, name):
    s = known()
    s.export(tmp_path / name, points=11, times=3)
    assert any(tmp_path.iterdir())


# --- names ----------------------------------------------------------------------------------
@pytest.mark.parametrize(
    "call, words",
    [
        (lambda s: s.u(x=0.5), "Coordinate 't' is missing"),
        (lambda s: s.u(x=0.5, t=0.5, z=1), "'z' is no coordinate"),
        (lambda s: s.u(xx=0.5, t=0.5), "did you mean 'x'?"),
        (lambda s: s.u(), "Coordinate 'x' is missing"),
        (lambda s: s.u(x=X, t=T), "do not broadcast"),
        (lambda s: s["w"], "no field 'w'"),
        (lambda s: s.u(x="left", t=0), "no array of numbers"),
        (lambda s: s.u(x=[0.1, None], t=0), "no array of numbers"),
    ],
)
def test_wrong_coordinates_are_refused(call, words):
    with pytest.raises(DeclarationError) as caught:
        call(known())
    assert words in str(caught.value)
    assert "expected:" in str(caught.value)


def test_wrong_attributes_say_what_there_is():
    s = known()
    with pytest.raises(AttributeError, match=r"no 'w'; its fields are u, v"):
        _ = s.w
    with pytest.raises(AttributeError, match=r"'u.xy' is no derivative; .* x, t"):
        _ = s.u.xy
    with pytest.raises(AttributeError):
        _ = s._private
    assert not hasattr(s, "__array__")


def test_a_solution_prints_itself():
    s = solution_of(PROBLEMS["inverse"]())
    assert repr(s) == "Solution(u of 'inverse', untrained, k = 2, level = 0)"
    assert repr(known().u.xt) == "u.xt(x, t)"
    assert repr(known().u) == "u(x, t)"


def test_unknowns_are_values_and_not_trained_numbers():
    s = solution_of(PROBLEMS["inverse"]())
    assert s.unknowns == {"k": pytest.approx(2.0), "level": 0.0}
