"""Make the reference files of this folder that are our own.

    pip install "pinnlab[test]"
    python configs/data/make_reference.py

Exact solutions on grids, noisy measurements with a fixed seed, and two finite-element solutions
with quadratic elements of scikit-fem on the meshes under geometries/.
"""

from pathlib import Path

import meshio
import numpy as np
import skfem
from skfem.helpers import ddot, dot, eye, grad, sym_grad, trace

FOLDER = Path(__file__).parent
GEOMETRIES = FOLDER.parents[1] / "geometries"


def table(name: str, **columns: np.ndarray) -> None:
    """A CSV file with one column a quantity."""
    rows = np.stack([column.ravel() for column in columns.values()], axis=1)
    np.savetxt(FOLDER / name, rows, "%.10g", ",", header=",".join(columns), comments="")


def robin() -> None:
    """The exact solution e^(-x) cos(pi y)."""
    x, y = np.meshgrid(np.linspace(0, 1, 31), np.linspace(0, 1, 31))
    table("robin.csv", x=x, y=y, u=np.exp(-x) * np.cos(np.pi * y))


def peak() -> None:
    """A peak on 2 % of a square, 0 elsewhere."""
    x, y = np.meshgrid(np.linspace(-1, 1, 41), np.linspace(-1, 1, 41))
    table("peak.csv", x=x, y=y, u=np.exp(-100 * ((x - 0.5) ** 2 + (y - 0.5) ** 2)))


def periodic_advection() -> None:
    """Two waves that travel at speed 4 and decay with diffusivity 0.05."""
    x, t = np.meshgrid(np.linspace(0, 2 * np.pi, 61), np.linspace(0, 1, 21))
    u = np.exp(-0.05 * t) * np.sin(x - 4 * t) + np.exp(-0.2 * t) * np.cos(2 * (x - 4 * t)) / 2
    table("periodic_advection.csv", x=x, t=t, u=u)


def two_materials() -> None:
    """The temperature in the metal, x <= 0."""
    x, y = np.meshgrid(np.linspace(-1, 0, 31), np.linspace(0, 1, 31))
    slope = -1 / np.tanh(np.pi / 2) / 5
    a = np.sin(np.pi / 2 * y) * (np.cosh(np.pi / 2 * x) + slope * np.sinh(np.pi / 2 * x))
    table("two_materials.csv", x=x, y=y, a=a)


def burgers_noisy() -> None:
    """2000 values of Burgers.npz at random points, with noise of 1 % of their deviation."""
    data, rng = np.load(FOLDER / "Burgers.npz"), np.random.default_rng(0)
    x, t = np.meshgrid(data["x"].ravel(), data["t"].ravel(), indexing="ij")
    u = data["usol"]
    rows = rng.choice(u.size, 2000, replace=False)
    noise = 0.01 * u.std() * rng.standard_normal(len(rows))
    table("burgers_noisy.csv", x=x.ravel()[rows], t=t.ravel()[rows], u=u.ravel()[rows] + noise)


def allen_cahn_periodic() -> None:
    """u_t = 1e-4 u_xx + 5 (u - u^3) on [-1, 1], periodic, from x^2 cos(pi x).

    Fourier modes in space and the exponential Runge-Kutta method ETDRK4 of Cox and Matthews (2002),
    J. Comput. Phys. 176, 430-455, in time, its coefficients by the contour integrals of Kassam and
    Trefethen (2005), SIAM J. Sci. Comput. 26, 1214-1233. 4096 modes and twice the step change it by
    6e-7 (relative L2).
    """
    modes, steps, kept = 2048, 8000, 100
    x = -1 + 2 * np.arange(modes) / modes
    linear = 5 - 1e-4 * (np.pi * np.fft.rfftfreq(modes, 1 / modes)) ** 2
    h = 1 / steps
    circle = np.exp(1j * np.pi * (np.arange(1, 33) - 0.5) / 32)
    z = h * linear[:, None] + circle

    def mean(values: np.ndarray) -> np.ndarray:
        return h * values.mean(axis=1).real

    half, whole = np.exp(h * linear / 2), np.exp(h * linear)
    q = mean((np.exp(z / 2) - 1) / z)
    f1 = mean((-4 - z + np.exp(z) * (4 - 3 * z + z**2)) / z**3)
    f2 = mean((2 + z + np.exp(z) * (z - 2)) / z**3)
    f3 = mean((-4 - 3 * z - z**2 + np.exp(z) * (4 - z)) / z**3)

    def reaction(v: np.ndarray) -> np.ndarray:
        return np.fft.rfft(-5 * np.fft.irfft(v, modes) ** 3)

    v = np.fft.rfft(x**2 * np.cos(np.pi * x))
    rows = [np.fft.irfft(v, modes)]
    for step in range(1, steps + 1):
        at = reaction(v)
        a = half * v + q * at
        at_a = reaction(a)
        at_b = reaction(half * v + q * at_a)
        at_c = reaction(half * a + q * (2 * at_b - at))
        v = whole * v + f1 * at + 2 * f2 * (at_a + at_b) + f3 * at_c
        if step % (steps // kept) == 0:
            rows.append(np.fft.irfft(v, modes))
    u = np.stack(rows)[:, :: modes // 256]
    np.savez_compressed(
        FOLDER / "allen_cahn_periodic.npz",
        x=np.append(x[:: modes // 256], 1.0),
        t=np.linspace(0, 1, kept + 1),
        u=np.hstack([u, u[:, :1]]).astype(np.float32),
    )


def named_nodes(file: meshio.Mesh, kind: str, name: str) -> np.ndarray:
    """Vertices of the facets in a physical group."""
    found = [
        block.data[rows]
        for block, rows in zip(file.cells, file.cell_sets[name], strict=True)
        if block.type == kind and rows is not None and len(rows)
    ]
    return np.unique(np.concatenate(found))


def facets_within(mesh: skfem.Mesh, nodes: np.ndarray) -> np.ndarray:
    """Boundary facets whose vertices are all among the nodes."""
    boundary = mesh.boundary_facets()
    return boundary[np.isin(mesh.facets[:, boundary], nodes).all(axis=0)]


def bracket_elasticity() -> None:
    """Plane stress, E = 1, nu = 0.3; one end clamped, the other moved down by 1."""
    file = meshio.read(GEOMETRIES / "bracket_2d.msh")
    mesh = skfem.MeshTri(file.points[:, :2].T, file.cells_dict["triangle"].T)
    basis = skfem.Basis(mesh, skfem.ElementVector(skfem.ElementTriP2()))
    lame, mu = 0.3 / (1 - 0.3**2), 1 / (2 * 1.3)

    @skfem.BilinearForm
    def stiffness(u, v, w):
        strain = sym_grad(u)
        return ddot(lame * eye(trace(strain), 2) + 2 * mu * strain, sym_grad(v))

    clamped = basis.get_dofs(facets_within(mesh, named_nodes(file, "line", "clamped")))
    loaded = basis.get_dofs(facets_within(mesh, named_nodes(file, "line", "loaded")))
    start = basis.zeros()
    start[loaded.all(["u^2", "u^2"])] = -1.0
    fixed = np.union1d(clamped.all(), loaded.all())
    moved = skfem.solve(*skfem.condense(stiffness.assemble(basis), x=start, D=fixed))
    u, v = moved[basis.nodal_dofs]
    x, y = mesh.p
    np.savez_compressed(FOLDER / "bracket_elasticity.npz", x=x, y=y, u=u, v=v)


def bracket_heat() -> None:
    """Steady conduction: bore at 1, underside at 0, all else insulated."""
    file = meshio.read(GEOMETRIES / "bracket_3d.msh")
    mesh = skfem.MeshTet(file.points.T, file.cells_dict["tetra"].T)
    basis = skfem.Basis(mesh, skfem.ElementTetP2())
    stiffness = skfem.BilinearForm(lambda u, v, w: dot(grad(u), grad(v))).assemble(basis)
    cold = basis.get_dofs(facets_within(mesh, named_nodes(file, "triangle", "base")))
    hot = basis.get_dofs(facets_within(mesh, named_nodes(file, "triangle", "bore")))
    start = basis.zeros()
    start[hot.all()] = 1.0
    fixed = np.union1d(cold.all(), hot.all())
    found = skfem.solve(*skfem.condense(stiffness, x=start, D=fixed))[basis.nodal_dofs[0]]
    x, y, z = mesh.p
    np.savez_compressed(FOLDER / "bracket_heat.npz", x=x, y=y, z=z, T=found)


if __name__ == "__main__":
    for make in (
        robin, peak, periodic_advection, two_materials, burgers_noisy, allen_cahn_periodic,
        bracket_elasticity, bracket_heat,
    ):  # fmt: skip
        make()
