"""Problems of very many dimensions from the declaration to files and pictures."""

import signal

import numpy as np
import pytest
import torch

import pinnlab as pl
from pinnlab.errors import DataError
from pinnlab.geometry import Disk, HyperBall, Hypercube, RealSpace
from pinnlab.training.many_dimensions import reach

DIM = 20


def exact(x):
    """(1 - |x|²) sin(Σx / √d): 0 on the unit sphere."""
    return (1 - np.sum(x**2, -1)) * np.sin(np.sum(x, -1) / DIM**0.5)


def source(x):
    # With s = Σx/√d and |∇s| = 1: Δ[(1 - r²) sin s] = -2 d sin s - 4 s cos s - (1 - r²) sin s.
    s = torch.sum(x, -1) * DIM**-0.5
    r2 = torch.sum(x**2, -1)
    return -2 * DIM * pl.sin(s) - 4 * s * pl.cos(s) - (1 - r2) * pl.sin(s)


def poisson():
    ball = HyperBall("x", dim=DIM)
    x = ball.sample(300, sampler="radial", rng=np.random.default_rng(5)).x
    names = [f"x{k}" for k in range(DIM)]
    reference = pl.Reference.load(
        dict(zip(names, x.T, strict=True)) | {"u": exact(x)}, names, ["u"]
    )
    return pl.Problem(
        ball,
        "u",
        {"poisson": lambda u, x: pl.laplacian(u) - source(x)},
        {"sphere": pl.Dirichlet(u=0, hard=True)},
        reference=reference,
    )


POINTS = {"interior": 64, "sampler": "radial"}


@pytest.fixture(scope="module")
def solved(tmp_path_factory):
    return pl.solve(
        poisson(),
        pl.MLP(width=16, depth=2),
        points=POINTS,
        phases=pl.Adam(150, lr=5e-3, resample=1),
        dtype="float64",
        progress=False,
        out=tmp_path_factory.mktemp("runs") / "ball",
    )


def test_it_learns(solved):
    # Zero and the best constant have an error of 1; 150 steps go far below.
    assert solved.error()["u"]["relative_l2"] < 0.15
    on_sphere = solved.problem.domain.sample_boundary(5, rng=np.random.default_rng(0)).x
    assert np.abs(solved.u(x=on_sphere)).max() < 1e-14


def test_check_tells_the_points(solved):
    report = solved.problem.check(points=POINTS)
    assert report.ok
    assert "64 points: interior" in str(report)


def test_check_tells_another_sampler():
    cube = pl.Problem(
        Hypercube("x", dim=100), "u", {"e": lambda u, x: u - 1}, {"faces": pl.Dirichlet(u=0)}
    )
    told = str(cube.check(quick=True))
    assert "4000 points: interior, uniform: sobol is of no use in so many columns" in told
    assert "400 points: boundary, uniform" in told
    assert "sobol" not in str(cube.check(points={"sampler": "lhs"}, quick=True))


def test_pictures_and_report(solved):
    figures = solved.plot()
    assert list(figures)[:2] == ["u against the reference", "u along lines through the middle"]
    pairs = figures["u against the reference"].axes[0].collections[0].get_offsets()
    known = np.sort(solved.problem.reference.fields["u"])
    np.testing.assert_allclose(np.sort(pairs[:, 0]), known)
    axis, diagonal, _ = figures["u along lines through the middle"].axes
    assert axis.get_title(loc="left") == "first axis"
    # Along both lines the ends are on the sphere, where u = 0.
    for axes in (axis, diagonal):
        s, u = axes.lines[0].get_data()
        assert (s[0], s[-1]) == pytest.approx((-1, 1))
        assert abs(u[0]) < 1e-8
    s, u = diagonal.lines[0].get_data()
    x = s[:, None] * np.full(DIM, DIM**-0.5)
    np.testing.assert_allclose(u, solved.u(x=x), atol=1e-12)
    assert (solved.folder / "report.html").is_file()
    names = {path.name for path in (solved.folder / "plots").iterdir()}
    assert {"u-against-the-reference.png", "u-along-lines-through-the-middle.png"} <= names


def test_it_comes_back_from_its_file(solved):
    again = pl.load(solved.folder, problem=solved.problem)
    x = np.random.default_rng(1).uniform(-0.2, 0.2, (7, DIM))
    np.testing.assert_array_equal(again.u(x=x), solved.u(x=x))


def test_exports(solved, tmp_path):
    with np.load(solved.export(tmp_path / "u.npz", points=12)) as arrays:
        assert arrays["x"].shape == (12, DIM)
        np.testing.assert_array_equal(arrays["u"], solved.u(x=arrays["x"]))
    lines = solved.export(tmp_path / "u.csv", points=12).read_text().splitlines()
    assert lines[0] == ",".join([f"x{k}" for k in range(DIM)] + ["u"])
    assert len(lines) == 13
    for ending in ("vtu", "xdmf", "pvd"):
        with pytest.raises(DataError, match=rf"'u.{ending}' cannot hold points of {DIM}"):
            solved.export(tmp_path / f"u.{ending}")


def test_boxes_of_four_coordinates_are_shown_alike(tmp_path):
    box = pl.Box(w=(0, 1), x=(0, 1), y=(0, 1), z=(0, 2)) * pl.Time("t", 0, 1)
    problem = pl.Problem(box, "u", {"e": "u.t - u.ww"}, {"start": pl.Initial(u="w*z")})
    solution = pl.solve(
        problem, pl.MLP(4, 1), points={"interior": 20, "boundary": 20},
        phases=pl.Adam(2), progress=False,
    )  # fmt: skip
    (lines,) = (f for name, f in solution.plot().items() if "along lines" in name)
    assert len(lines.axes[0].lines) == 3  # three times
    assert lines.axes[0].get_xlim() == (-0.5, 0.5)
    with np.load(solution.export(tmp_path / "u.npz", points=9)) as arrays:
        assert {name: a.shape for name, a in arrays.items()} == dict.fromkeys("wxyztu", (9,))


@pytest.mark.parametrize(
    "domain, direction, expected",
    [
        (HyperBall("x", 4, radius=2, center=1.0), [0, 0, 1, 0], 2),
        (HyperBall("x", 4, radius=2), [0.5] * 4, 2),
        (Hypercube("x", 4, low=-1, high=3), [0.5] * 4, 4),
        (Hypercube("x", 4, low=-1, high=3), [0.6, 0, 0, -0.8], 2.5),
        (RealSpace("x", 4, scale=2.0), [1, 0, 0, 0], 6),
        (Disk((0, 0), 1.5), [0.6, 0.8], 1.5),
    ],
    ids=repr,
)
def test_how_far_a_line_runs_inside(domain, direction, expected):
    middle = domain.bounds().mean(axis=0)
    back, forth = reach(domain, middle, np.array(direction, dtype=float))
    assert (back, forth) == pytest.approx((-expected, expected))


def test_a_middle_outside_the_domain():
    ring = Disk((0, 0), 2, name="outer") - Disk((0, 0), 1, name="inner")
    assert reach(ring, np.zeros(2), np.array([1.0, 0.0])) == pytest.approx((-2, 2))


class Interrupt(pl.Callback):
    """Press Ctrl-C at a step."""

    def __init__(self, step):
        self.step = step

    def on_step(self, trainer, record):
        """Send the signal."""
        if trainer.step == self.step:
            signal.raise_signal(signal.SIGINT)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_points_drawn_anew_in_every_step_are_taken_up_bit_for_bit(dtype, tmp_path):
    domain = HyperBall("x", dim=200) * pl.Time("t", 0, 1)
    problem = pl.Problem(
        domain,
        "u",
        {"e": lambda u, x, t: pl.d(u, "t") - u * torch.sum(x, -1)},
        {"wall": pl.Dirichlet(u=0), "start": pl.Initial(u=1)},
    )

    def train(name, **options):
        return pl.solve(
            problem, pl.MLP(8, 1), points={"interior": 30, "boundary": 10, "sampler": "radial"},
            phases=pl.Adam(12, resample=1), dtype=dtype, progress=False, out=tmp_path / name,
            checkpoint_every=3, **options,
        )  # fmt: skip

    whole = train("whole", callbacks=[pl.Callback()])
    broken = train("broken", callbacks=[Interrupt(8)])
    assert broken.metrics["steps"] == 8
    resumed = train("broken", callbacks=[pl.Callback()], resume=True)
    for a, b in zip(whole.state.parameters(), resumed.state.parameters(), strict=True):
        assert torch.equal(a, b)
    assert whole.records[-1]["loss"] == resumed.records[-1]["loss"]


def test_exact_solutions_are_drawn_with_the_lines():
    domain = RealSpace("x", dim=6) * pl.Time("t", 0, 1)
    problem = pl.Problem(
        domain,
        ["u", "v"],
        {"e": "u.t - v", "f": "v.t + u"},
        {"start": pl.Initial(u=1, v=0)},
        reference=pl.Reference.exact({"u": lambda x, t: pl.cos(t) + 0 * x[:, 0]}, points=50),
    )
    solution = pl.solve(
        problem, pl.MLP(4, 1), points={"interior": 10, "boundary": 10}, phases=pl.Adam(2),
        progress=False,
    )  # fmt: skip
    figures = solution.plot()
    pairs = figures["u against the reference"].axes[0].collections[0]
    assert len(pairs.get_offsets()) == 50
    np.testing.assert_allclose(pairs.get_offsets()[:, 0], np.cos(pairs.get_array()), rtol=1e-6)
    assert "v against the reference" not in figures
    shown = figures["u along lines through the middle"].axes[1].lines
    assert [line.get_label() for line in shown if line.get_label() == "exact"] == ["exact"]
    np.testing.assert_allclose(shown[-1].get_ydata(), np.cos(1), rtol=1e-6)
    assert len(figures["v along lines through the middle"].axes[1].lines) == 3


def test_a_reference_at_one_position_has_no_picture():
    problem = pl.Problem(
        Hypercube("x", dim=6),
        "u",
        {"e": "u - 1"},
        {"faces": pl.Dirichlet(u=0)},
        reference=pl.Reference.exact({"u": 1.0}, at={"x": 0.5}),
    )
    solution = pl.solve(
        problem, pl.MLP(4, 1), points={"interior": 10, "boundary": 10}, phases=pl.Adam(2),
        progress=False,
    )  # fmt: skip
    assert "u against the reference" not in solution.plot()
