"""Hard conditions hold to rounding, whatever the network, and leave it free elsewhere."""

from pathlib import Path

import numpy as np
import pytest
import torch
from cases import assembly
from conditions.closed import Known

import pinnlab as pl
from pinnlab.errors import DeclarationError
from pinnlab.problems.hard import ansatz_of

SQUARE = pl.Box(x=(0, 1), y=(0, 1))
LINE = pl.Interval("x", 0, 1)
TIME = pl.Time("t", 0, 1)
GEOMETRIES = Path(__file__).resolve().parents[2] / "geometries"


def four_holes():
    holes = [
        pl.Disk(center=(x, y), radius=0.1, name=f"hole{k}")
        for k, (x, y) in enumerate([(0.25, 0.25), (0.75, 0.25), (0.25, 0.75), (0.75, 0.75)])
    ]
    shape = SQUARE
    for hole in holes:
        shape = shape - hole
    return shape


def ring():
    return pl.Disk(center=(0, 0), radius=2, name="outer") - pl.Disk(
        center=(0.2, 0), radius=0.5, name="inner"
    )


def mesh_of_arrays():
    return pl.Mesh.from_arrays(
        [(0, 0), (1, 0), (2, 0), (0, 1), (1, 1), (2, 1)],
        {"quad": [(0, 1, 4, 3), (1, 2, 5, 4)]},
        groups={"left": [(0, 3)], "right": [(2, 5)]},
    )


def hard(**values):
    return pl.Dirichlet(hard=True, **values)


# Domain, fields, equation, conditions, parameters.
CASES = {
    "one value at both ends": (LINE, "u", "u.xx", {"a": hard(u=2.5)}),
    "two values": (
        LINE,
        "u",
        "u.xx",
        {"a": hard(u=0, on="left"), "b": hard(u=1, on="right")},
    ),
    "one end only": (LINE, "u", "u.x", {"a": hard(u=3, on="left")}),
    "a function": (LINE, "u", "u.xx", {"a": hard(u="sin(3*x)")}),
    "square": (SQUARE, "u", "u.xx + u.yy", {"a": hard(u="x*y + 1")}),
    "opposite sides": (
        SQUARE,
        "u",
        "u.xx + u.yy",
        {"a": hard(u="y", on="left"), "b": hard(u=1, on="right")},
    ),
    "corner that agrees": (
        SQUARE,
        "u",
        "u.xx + u.yy",
        {"a": hard(u="y", on="left"), "b": hard(u="x", on="bottom")},
    ),
    "square with holes": (
        four_holes(),
        "u",
        "u.xx + u.yy",
        {
            "outside": hard(u=1, on=["left", "right", "bottom", "top"]),
            "holes": hard(u=0, on=["hole0", "hole1", "hole2"]),
            "last": hard(u="x - y", on="hole3"),
        },
    ),
    "disk": (
        pl.Disk(center=(1, 2), radius=3),
        "u",
        "u.xx + u.yy",
        {"a": hard(u="x**2 - y")},
    ),
    "ring": (
        ring(),
        "u",
        "u.xx + u.yy",
        {"a": hard(u=1, on="outer"), "b": hard(u="y", on="inner")},
    ),
    "ellipse": (
        pl.Ellipse(center=(0, 0), semi_axes=(2, 1)),
        "u",
        "u.xx + u.yy",
        {"a": hard(u="x")},
    ),
    "polygon": (
        pl.Polygon([(0, 0), (2, 0), (2, 1), (1, 1), (1, 2), (0, 2)]),
        "u",
        "u.xx + u.yy",
        {"a": hard(u="x + y")},
    ),
    "ball": (
        pl.Ball(center=(0, 0, 0), radius=1),
        "u",
        "u.xx + u.yy + u.zz",
        {"a": hard(u="z")},
    ),
    "mesh": (
        mesh_of_arrays(),
        "u",
        "u.xx + u.yy",
        {"a": hard(u="y", on="left"), "b": hard(u=2, on="right")},
    ),
    "mesh file": (
        pl.Mesh(GEOMETRIES / "bracket_2d.msh"),
        "u",
        "u.xx + u.yy",
        {"a": hard(u=1)},
    ),
    "hypercube": (
        pl.Hypercube("x", dim=6),
        "u",
        lambda u: pl.laplacian(u),
        {"a": hard(u=lambda x: pl.dot(x, x))},
    ),
    "fields apart": (
        SQUARE,
        "u v p",
        "u.xx + v.yy + p.x",
        {"a": hard(u=0, v=1, on="left"), "b": hard(p="y", on="right"), "c": hard(u=2, on="right")},
    ),
    "parameters": (
        LINE,
        "u",
        "u.xx",
        {"a": hard(u="a*x + b")},
        {"a": 2.0, "b": "1 + x"},
    ),
    "start": (LINE * TIME, "u", "u.t - u.xx", {"a": pl.Initial(u="sin(pi*x)", hard=True)}),
    "start and velocity": (
        LINE * TIME,
        "u",
        "u.tt - u.xx",
        {"a": pl.Initial(u="sin(pi*x)", u_t="x*(1 - x)", hard=True)},
    ),
    "start that fits the ends": (
        LINE * TIME,
        "u",
        "u.t - u.xx",
        {"ends": hard(u=0), "start": pl.Initial(u="sin(pi*x)", hard=True)},
    ),
    "wave that fits the ends": (
        LINE * TIME,
        "u",
        "u.tt - u.xx",
        {"ends": hard(u=0), "start": pl.Initial(u="sin(pi*x)", u_t="x*(1 - x)", hard=True)},
    ),
    "ends that move": (
        LINE * TIME,
        "u",
        "u.t - u.xx",
        {"ends": hard(u="t*x"), "start": pl.Initial(u="x*(1 - x)", hard=True)},
    ),
    "rectangle in time": (
        SQUARE * TIME,
        "u",
        "u.t - u.xx - u.yy",
        {
            "cold": hard(u=0, on=["left", "bottom"]),
            "start": pl.Initial(u="x*y", hard=True),
            "warm": hard(u="x*y*(1 + t)", on=["right", "top"]),
        },
    ),
    "disk in time": (
        pl.Disk(center=(0, 0), radius=1) * pl.Time("t", 2, 5),
        "u",
        "u.t - u.xx - u.yy",
        {"rim": hard(u=0), "start": pl.Initial(u="1 - x**2 - y**2", hard=True)},
    ),
    "ordinary equation": (
        pl.Time("t", 1, 3),
        "u v",
        "u.tt + v.t",
        {"a": pl.Initial(u=1, u_t=-2, v=3, hard=True)},
    ),
    "third order": (
        pl.Time("t", 0, 1),
        "u",
        "u.ttt",
        {"a": pl.Initial(u=1, u_t=2, u_tt=5, hard=True)},
    ),
    "periodic": (SQUARE, "u v", "u.x + v.y", {"a": pl.Periodic(hard=True, order=3)}),
    "periodic both ways": (
        SQUARE,
        "u",
        "u.xx + u.yy",
        {"a": pl.Periodic(hard=True), "b": pl.Periodic(on=("bottom", "top"), hard=True)},
    ),
    "periodic with start": (
        LINE * TIME,
        "u",
        "u.t + u.x",
        {
            "ring": pl.Periodic(hard=True, order=2),
            "start": pl.Initial(u="sin(2*pi*x)", hard=True),
        },
    ),
    "periodic with walls": (
        SQUARE,
        "u",
        "u.xx + u.yy",
        {"ring": pl.Periodic(hard=True), "walls": hard(u="y", on=["bottom", "top"])},
    ),
}


def declare(name):
    domain, fields, equation, conditions, *parameters = CASES[name]
    return pl.Problem(
        domain, fields, {"equation": equation}, conditions, parameters=(*parameters, {})[0]
    )


def violations(problem, built):
    """Residuals of the hard conditions, from the same declaration with soft ones."""
    soft = {}
    for key, condition in problem.conditions.items():
        changed = {k: getattr(condition, k) for k in condition.__dataclass_fields__}
        copy = object.__new__(type(condition))
        for k, v in (changed | {"hard": False}).items():
            object.__setattr__(copy, k, v)
        soft[key] = copy
    other = assembly(problem.replace(conditions=soft), budget=pl.PointBudget(64, 200))
    other.objective.state.surrogate = built.objective.state.surrogate
    other.objective.state.ansatz = built.objective.state.ansatz
    blocks = other.objective.residuals()
    return {key: float(blocks[key].detach().abs().max()) for key in soft}


@pytest.mark.parametrize("name", CASES, ids=lambda n: n.replace(" ", "_"))
def test_hard_conditions_hold_to_rounding(name):
    problem = declare(name)
    built = assembly(problem, pl.MLP(width=6, depth=2), budget=pl.PointBudget(64, 32))
    generator = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for p in built.objective.parameters:
            p.add_(torch.randn(p.shape, generator=generator, dtype=p.dtype))
    for key, worst in violations(problem, built).items():
        # Second time derivatives and slopes across a period are sums of larger numbers.
        assert worst < 1e-9, key
    loss, _ = built.objective.loss_and_gradient()
    assert bool(loss.isfinite())
    assert bool(built.objective.flat_gradient().isfinite().all())


@pytest.mark.parametrize("name", CASES, ids=lambda n: n.replace(" ", "_"))
def test_check_proves_them(name):
    report = declare(name).check(points={"interior": 64, "boundary": 32})
    proofs = [
        f for f in report.findings if "by construction" in f.what and f.where in CASES[name][3]
    ]
    assert len(proofs) == len(CASES[name][3])
    assert report.ok, str(report)
    assert all("holds by construction" in f.what for f in proofs)


@pytest.mark.parametrize(
    "name", [n for n in CASES if "periodic" not in n], ids=lambda n: n.replace(" ", "_")
)
def test_the_network_is_free_inside(name):
    problem = declare(name)
    built = assembly(problem, budget=pl.PointBudget(64, 8))
    x = problem.domain.sample(50, rng=np.random.default_rng(0)).x
    solution = pl.Solution(
        problem, built.objective.state, dtype=torch.float64, device=torch.device("cpu")
    )
    columns = problem.coordinates.columns(x)
    before = solution(**columns)
    with torch.no_grad():
        for p in built.objective.parameters:
            p.add_(0.3)
    after = solution(**columns)
    for field in problem.fields:
        constrained = any(field in getattr(c, "values", {}) for c in problem.conditions.values())
        moved = np.abs(after[field] - before[field])
        assert np.median(moved) > 1e-4, field
        assert constrained or (moved > 0).all()


def test_a_value_may_be_written_in_every_way_of_a_soft_one():
    values = [
        "where(x > 0.5, x, 0.5)",
        lambda x: pl.where(x > 0.5, x, 0.5),
        lambda x: torch.maximum(x, 0.5 + 0 * x),
    ]
    solutions = []
    for value in values:
        problem = pl.Problem(LINE, "u", {"e": "u.xx"}, {"a": hard(u=value)})
        state = assembly(problem).objective.state
        solutions.append(
            pl.Solution(problem, state, dtype=torch.float64, device=torch.device("cpu"))
        )
    x = np.linspace(0, 1, 12)
    for other in solutions[1:]:
        np.testing.assert_allclose(other.u.xx(x=x), solutions[0].u.xx(x=x), atol=1e-12)


def test_a_value_without_derivatives_is_refused():
    problem = pl.Problem(LINE, "u", {"e": "u.xx"}, {"a": hard(u=lambda x: x.value * 2)})
    with pytest.raises(DeclarationError, match="derivatives are unknown"):
        assembly(problem).objective.loss()


def test_only_the_soft_conditions_are_terms():
    problem = pl.Problem(
        LINE, "u", {"e": "u.xx"}, {"a": hard(u=0, on="left"), "b": pl.Neumann(u=1, on="right")}
    )
    assert [term.name for term in problem.terms] == ["e", "b"]
    assert list(problem.hard) == ["a"]


def test_the_ansatz_says_what_holds():
    ansatz = ansatz_of(declare("two values"))
    assert ansatz.hard["u"].text == "u = 0 on left; u = 1 on right"


# Derivatives by one column of a vector coordinate have no name.
@pytest.mark.parametrize(
    "name", [n for n in CASES if n != "hypercube"], ids=lambda n: n.replace(" ", "_")
)
def test_derivatives_of_the_ansatz_agree_with_differences(name):
    problem = declare(name)
    coordinates = problem.coordinates
    built = assembly(problem, pl.MLP(width=5, depth=1), budget=pl.PointBudget(32, 8))
    solution = pl.Solution(
        problem, built.objective.state, dtype=torch.float64, device=torch.device("cpu")
    )
    x = problem.domain.sample(200, rng=np.random.default_rng(0)).x
    h = 1e-5 * np.ptp(problem.domain.bounds(), axis=0)
    # Away from the boundary, where distances to corners have steep higher derivatives.
    free = torch.as_tensor(
        problem.domain.distance(coordinates.columns(torch.as_tensor(x)), ["boundary"])
        if problem.domain.pieces and coordinates.space.names
        else np.ones(len(x))
    ).numpy()
    x = x[np.argsort(-free)[:20]]
    for field in problem.fields:
        for k, column in enumerate(coordinates.names):
            for lower in ("", *coordinates.names):
                quantity = getattr(solution[field], lower) if lower else solution[field]
                shift = np.zeros(x.shape[1])
                shift[k] = h[k]
                ahead, behind = (quantity(**coordinates.columns(x + s * shift)) for s in (1, -1))
                exact = getattr(quantity, column)(**coordinates.columns(x))
                scale = max(1.0, np.abs(exact).max())
                # Truncation h² times third derivatives, rounding 1e-16 / h.
                np.testing.assert_allclose(
                    (ahead - behind) / (2 * h[k]), exact, rtol=0, atol=3e-6 * scale
                )


# --- conflicts ------------------------------------------------------------------------------
def report_on(domain, conditions):
    equation = "u.t - u.xx" if domain.coordinates.time else "u.xx + u.yy"
    problem = pl.Problem(
        domain, "u", {"e": equation}, conditions, free=["right", "top"] if domain is SQUARE else ()
    )
    return problem.check(points={"interior": 64, "boundary": 32})


def test_a_piece_with_two_values_is_an_error():
    report = report_on(SQUARE, {"a": hard(u=0), "b": hard(u=1, on="left")})
    assert not report.ok
    assert {f.where for f in report.findings if f.level == "error"} <= {"a", "b"}
    assert any("does not hold by construction" in f.what for f in report.findings)


def test_a_start_that_is_not_periodic_is_an_error():
    report = report_on(
        LINE * TIME, {"a": pl.Periodic(hard=True), "b": pl.Initial(u="x", hard=True)}
    )
    assert [f.where for f in report.findings if f.level == "error"] == ["a"]


MEETING = {
    "corner": (SQUARE, {"a": hard(u=0, on="left"), "b": hard(u=1, on="bottom")}, "by 1"),
    "corner of functions": (
        SQUARE,
        {"a": hard(u="1 + y", on="left"), "b": hard(u="2*x", on="bottom")},
        "by 1",
    ),
    "start against ends": (
        LINE * TIME,
        {"a": hard(u=1), "b": pl.Initial(u="sin(pi*x)", hard=True)},
        "u differs by 1 at the start",
    ),
    "velocity against ends": (
        LINE * TIME,
        {"a": hard(u=0), "b": pl.Initial(u=0, u_t=2, hard=True)},
        "time derivative 1 of u differs by 2 at the start",
    ),
    "moving ends": (
        LINE * TIME,
        {"a": hard(u="sin(3*t)"), "b": pl.Initial(u=0, u_t=0, hard=True)},
        "time derivative 1 of u differs by 3 at the start",
    ),
}


@pytest.mark.parametrize("name", MEETING, ids=lambda n: n.replace(" ", "_"))
def test_values_that_meet_and_differ_are_reported(name):
    domain, conditions, words = MEETING[name]
    report = report_on(domain, conditions)
    (warning,) = (f for f in report.findings if f.level == "warning")
    assert warning.where == "a, b"
    assert words in warning.what
    assert "agree" in warning.do


@pytest.mark.parametrize("name", CASES, ids=lambda n: n.replace(" ", "_"))
def test_values_that_agree_are_not_reported(name):
    report = declare(name).check(points={"interior": 64, "boundary": 32})
    assert not [f for f in report.findings if "differs by" in f.what]


# --- refusals -------------------------------------------------------------------------------
@pytest.mark.parametrize(
    "condition, words",
    [
        (hard(u=0, on=lambda x: x > 0.5), "on a predicate"),
        (hard(u="level"), "its value is trained"),
        (hard(u="v + 1"), "its value is trained"),
        (pl.Initial(u_t=0, hard=True), "initial state of 'u' cannot hold"),
        (pl.Initial(u="level", hard=True), "its value is trained"),
    ],
    ids=["predicate", "unknown", "field", "velocity alone", "unknown start"],
)
def test_what_cannot_be_built_in_is_refused(condition, words):
    problem = pl.Problem(
        LINE * TIME,
        "u v",
        {"e": "u.tt + v.x*level"},
        {"c": condition},
        parameters={"level": pl.Unknown(1.0)},
    )
    with pytest.raises(DeclarationError, match=words) as caught:
        assembly(problem)
    assert "hard=False" in str(caught.value)


def test_a_problem_of_hard_conditions_and_equations_only_trains_the_equations():
    problem = declare("square")
    built = assembly(problem, Known(lambda x, y: 0 * x))
    # N = 0, so that u is the lift xy + 1, which is harmonic.
    assert built.objective.terms().tolist() == pytest.approx([0.0], abs=1e-20)
