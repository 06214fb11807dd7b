"""DeepXDE's geometries, and that taking them over leaves the process as it was."""

import subprocess
import sys
import textwrap

import numpy as np
import pytest
import torch

from pinnlab.errors import GeometryError
from pinnlab.geometry import Ball, Box, Disk, Ellipse, PointSet, Polygon, SpaceTime, Time
from pinnlab.geometry import from_deepxde as take
from pinnlab.geometry._deepxde import import_deepxde


@pytest.fixture(scope="module")
def dde():
    return import_deepxde().geometry


@pytest.fixture
def planar_products(monkeypatch):
    """Cross products of vectors of the plane, which DeepXDE takes and NumPy 2.5 refuses."""
    cross = np.cross

    def product(a, b, **options):
        if np.shape(a)[-1] == np.shape(b)[-1] == 2:
            (a0, a1), (b0, b1) = np.moveaxis(a, -1, 0), np.moveaxis(b, -1, 0)
            return a0 * b1 - a1 * b0
        return cross(a, b, **options)

    monkeypatch.setattr(np, "cross", product)


def rng():
    return np.random.default_rng(6)


def test_primitives_become_ours(dde):
    line = take(dde.Interval(-1, 1))
    assert isinstance(line, Box)
    assert line.pieces == ("left", "right")
    box = take(dde.Rectangle([0, 0.1], [2, 1]), names=("a", "b"))
    assert box.axes == {"a": (0, 2), "b": (0.1, 1)}  # not 0.10000000149
    assert isinstance(take(dde.Cuboid([0, 0, 0], [1, 1, 1])), Box)
    disk = take(dde.Disk([0.3, 0.45], 0.2), name="hole")
    assert isinstance(disk, Disk)
    assert (disk.center, disk.radius, disk.pieces) == ((0.3, 0.45), 0.2, ("hole",))
    assert isinstance(take(dde.Sphere([0, 0, 0], 1)), Ball)
    assert take(dde.Ellipse([0, 0], 2, 1, 0.1)).measure() == pytest.approx(2 * np.pi)
    assert isinstance(take(dde.Ellipse([0, 0], 2, 1)), Ellipse)
    assert take(dde.Triangle([0, 0], [1, 0], [0, 1])).measure() == 0.5
    assert isinstance(take(dde.Polygon([[0, 0], [2, 0], [2, 1], [0, 2]])), Polygon)
    cube = take(dde.Hypercube([0] * 4, [1] * 4), names=tuple("abcd"))
    assert cube.pieces[0] == "a_low"


@pytest.mark.parametrize(
    "make",
    [
        lambda g: g.Rectangle([0, 0], [2, 1]),
        lambda g: g.Disk([0.3, 0.45], 0.2),
        lambda g: g.Ellipse([0.5, 0], 2, 1, 0.4),
        lambda g: g.Triangle([0, 0], [1, 0], [0, 1]),
        lambda g: g.Polygon([[0, 0], [2, 0], [2, 1], [1, 0.2], [0, 2]]),
        lambda g: g.Sphere([0, 0, 1], 1),
        lambda g: g.Rectangle([0, 0], [2, 1]) - g.Disk([1, 0.5], 0.2),
        lambda g: (
            (g.Rectangle([0, 0], [1, 1]) | g.Rectangle([0.5, 0.5], [2, 2])) & g.Disk([1, 1], 1)
        ),
        lambda g: g.StarShaped([0.1, 0.2], 1.0, [0.2, 0.1], [0.1, -0.2]),
    ],
)
@pytest.mark.usefixtures("planar_products")
def test_both_agree_on_what_is_inside(dde, make):
    theirs = make(dde)
    ours = take(theirs)
    low, high = ours.bounds()
    x = low - 0.1 + (high - low + 0.2) * rng().random((5000, len(low)))
    clear = np.abs(ours.level(x)) > 1e-5  # their corners are in single precision
    assert np.array_equal(ours.contains(x)[clear], np.asarray(theirs.inside(x)).ravel()[clear])


def test_combinations_name_their_primitives(dde):
    plate = dde.Rectangle([0, 0], [1, 1]) - dde.Disk([0.3, 0.5], 0.1) - dde.Disk([0.7, 0.5], 0.2)
    shape = take(plate)
    assert shape.pieces == ("left", "right", "bottom", "top", "disk1", "disk2")
    assert shape.measure("disk2") == pytest.approx(0.4 * np.pi)
    boxes = take(dde.Rectangle([0, 0], [1, 1]) | dde.Rectangle([1, 0], [2, 1]))
    assert boxes.resolve("rectangle2") == tuple(
        f"rectangle2.{side}" for side in ("left", "right", "bottom", "top")
    )
    assert boxes.measure() == pytest.approx(2)


def test_a_star_shape(dde):
    cosines, sines = [0.2, 0.0, -0.1], [0.1, -0.2, 0.0]
    star = take(dde.StarShaped([0.5, 0], 1.0, cosines, sines), name="coast")
    # ½∫r² dθ of a Fourier series is π (r0² + ½ Σ (a² + b²)).
    area = np.pi * (1 + 0.5 * (0.04 + 0.01 + 0.01 + 0.04))
    assert star.measure() == pytest.approx(area, rel=1e-4)
    s = star.sample_boundary(200, "coast", rng=rng())
    assert star.on_piece(s.x, "coast").all()
    x = torch.tensor(star.sample(50, rng=rng()).x)
    assert star.distance(star.coordinates.columns(x), ["coast"]).min() > 0


def test_time_and_products(dde):
    assert isinstance(take(dde.TimeDomain(0, 2)), Time)
    domain = take(dde.GeometryXTime(dde.Interval(-1, 1), dde.TimeDomain(0, 2)), ["r"], time="s")
    assert isinstance(domain, SpaceTime)
    assert domain.coordinates.names == ("r", "s")
    assert domain.measure() == 4


def test_point_clouds(dde):
    inner, edge = rng().random((9, 2)), rng().random((4, 2)) + 2
    assert take(dde.PointCloud(inner)).pieces == ()
    cloud = take(dde.PointCloud(inner, edge, np.tile([1.0, 0.0], (4, 1))))
    assert isinstance(cloud, PointSet)
    s = cloud.sample_boundary(9, rng=rng())
    assert s.x.shape == (4, 2)
    assert s.normals.tolist() == [[1.0, 0.0]] * 4


def test_any_other_class_serves_as_it_is(dde):
    class Diamond(dde.geometry.Geometry):
        def __init__(self):
            super().__init__(2, (np.array([-1.0, -1.0]), np.array([1.0, 1.0])), 2.0)

        def inside(self, x):
            return np.abs(x).sum(axis=1) <= 1

        def on_boundary(self, x):  # for one point at a time
            return np.all(np.isclose(np.abs(x).sum(axis=1), 1))

        def boundary_normal(self, x):
            print("a remark")
            return np.sign(x)

        def random_points(self, n, random="pseudo"):
            raise AssertionError("not uniform, not asked for")

        random_boundary_points = random_points

    shape = take(Diamond(), name="edge")
    assert "Diamond" in repr(shape)
    assert shape.measure() == pytest.approx(2, rel=1e-3)
    # The four corners each lose the length over which they are thinner than a scanning step.
    assert shape.measure("edge") == pytest.approx(4 * 2**0.5, rel=4e-3)
    s = shape.sample_boundary(100, "edge", rng=rng())
    assert np.allclose(np.abs(s.x).sum(axis=1), 1)
    assert np.allclose(s.normals, np.sign(s.x) / 2**0.5)
    assert shape.contains(shape.sample(50, rng=rng()).x).all()
    assert shape.on_piece(s.x, "edge").all()
    with pytest.raises(GeometryError, match="no smooth distance function"):
        shape.implicit({})
    hole = Box(x=(-2, 2), y=(-2, 2)) - shape
    assert hole.measure() == pytest.approx(14, rel=2e-3)
    assert hole.measure("edge") == pytest.approx(4 * 2**0.5, rel=1e-2)


def test_four_dimensional_ball(dde):
    ball = take(dde.Hypersphere([0] * 4, 1), names=tuple("abcd"))
    assert ball.measure() == pytest.approx(np.pi**2 / 2, rel=2e-2)
    assert ball.measure("boundary") == pytest.approx(2 * np.pi**2, rel=2e-2)


def test_what_is_refused(dde):
    with pytest.raises(GeometryError, match="no geometry of deepxde"):
        take(3)
    with pytest.raises(GeometryError, match=r"(?s)named one by one.*2 names"):
        take(dde.Disk([0, 0], 1), names=("x",))
    with pytest.raises(GeometryError, match=r"(?s)named one by one.*5 names"):
        take(dde.Hypercube([0] * 5, [1] * 5))


def test_global_random_states_are_not_used(dde):
    before = np.random.get_state()[1].copy()  # noqa: NPY002
    shape = take(dde.StarShaped([0, 0], 1.0, [0.1], [0.1]))
    shape.sample(20, rng=rng())
    shape.sample_boundary(20, rng=rng())
    assert np.array_equal(before, np.random.get_state()[1])  # noqa: NPY002


# ---- the import, in processes of their own ------------------------------------------------------
def run(code, tmp_path, **environment):
    import os

    kept = {k: v for k, v in os.environ.items() if not k.startswith("DDE")}
    done = subprocess.run(
        [sys.executable, "-W", "error::UserWarning", "-c", textwrap.dedent(code)],
        env={**kept, "HOME": str(tmp_path), **environment},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done


def test_importing_pinnlab_does_not_import_heavy_packages(tmp_path):
    run(
        """
        import sys
        import pinnlab.geometry, pinnlab.sampling
        heavy = {"deepxde", "matplotlib", "sympy", "meshio", "h5py", "sklearn", "skopt"}
        assert not heavy & set(sys.modules), heavy & set(sys.modules)
        assert not [m for m in sys.modules if m.startswith(("scipy.stats", "scipy.spatial"))]
        """,
        tmp_path,
    )


def test_importing_deepxde_leaves_the_process_as_it_was(tmp_path):
    done = run(
        """
        import os, random, sys
        import numpy as np, torch
        from pinnlab.geometry._deepxde import import_deepxde

        torch.set_default_dtype(torch.float64)
        torch.manual_seed(1), random.seed(2), np.random.seed(3)
        def state():
            return (torch.get_default_dtype(), torch.get_default_device(),
                    torch.get_rng_state().tolist(), random.getstate(),
                    np.random.get_state()[1].tolist(), dict(os.environ), torch.get_num_threads())
        before = state()
        module = import_deepxde()
        assert state() == before
        assert module.backend.backend_name == "pytorch"
        assert import_deepxde() is module is sys.modules["deepxde"]
        """,
        tmp_path,
        OMPI_COMM_WORLD_SIZE="2",
    )
    assert (done.stdout, done.stderr) == ("", "")
    assert not (tmp_path / ".deepxde").exists()


def test_a_changed_device_dtype_and_random_state_are_put_back(tmp_path):
    package = tmp_path / "deepxde"
    package.mkdir()
    (package / "__init__.py").write_text(
        textwrap.dedent(
            """
            import os, random, sys
            import numpy as np, torch
            print("noise"), print("noise", file=sys.stderr)
            torch.set_default_device("meta")
            torch.set_default_dtype(torch.float16)
            torch.manual_seed(0), np.random.seed(0), random.seed(0)
            backend = os.environ["DDE_BACKEND"]
            os.environ["CHANGED"] = "1"
            """
        )
    )
    done = run(
        f"""
        import os, random, sys
        import numpy as np, torch
        sys.path.insert(0, {str(tmp_path)!r})
        from pinnlab.geometry._deepxde import import_deepxde
        torch.manual_seed(1)
        before = (torch.get_rng_state().tolist(), random.getstate(), dict(os.environ))
        assert import_deepxde().backend == "pytorch"
        assert torch.get_default_dtype() == torch.float32
        assert torch.zeros(1).device.type == "cpu"
        assert before == (torch.get_rng_state().tolist(), random.getstate(), dict(os.environ))
        """,
        tmp_path,
    )
    assert (done.stdout, done.stderr) == ("", "")
