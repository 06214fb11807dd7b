import subprocess
import sys

import matplotlib
import numpy as np
import pytest

from pinnlab.errors import DataError
from pinnlab.report import plot_1d, plot_2d, save
from pinnlab.report.figure import colour_scale, limits, line_style, plain, symbol


def test_imports_are_lazy_and_a_figure_leaves_no_trace_in_matplotlib(tmp_path):
    # Reading rcParams["backend"] the usual way would itself choose one and import pyplot.
    code = f"""
import sys
from pinnlab.report import plot_1d, save
print([name for name in ("matplotlib", "rich", "PIL", "scipy") if name in sys.modules])
import matplotlib
def settings():
    return {{key: dict.__getitem__(matplotlib.rcParams, key) for key in matplotlib.rcParams.keys()}}
before = settings()
save(plot_1d([0, 1], {{"u": [0, 1]}}), {str(tmp_path / "a.png")!r})
print(settings() == before, "matplotlib.pyplot" in sys.modules)
"""
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout.split() == ["[]", "True", "False"]


def test_settings_come_back_after_an_error():
    before = dict(matplotlib.rcParams)
    with pytest.raises(DataError):
        plot_1d([0, 1], {"u": [0]})
    assert dict(matplotlib.rcParams) == before


@pytest.mark.parametrize("kind", ["png", "pdf", "svg"])
def test_figures_are_saved_the_same_each_time(tmp_path, kind):
    x = np.linspace(0, 1, 9)
    contents = []
    for name in ("a", "b"):
        figure = plot_2d(x, x, np.outer(x, x))
        contents.append(save(figure, tmp_path / "deep" / f"{name}.{kind}").read_bytes())
    assert contents[0] == contents[1]
    assert len(contents[0]) > 1000


def test_an_unknown_ending_is_refused(tmp_path):
    with pytest.raises(DataError, match="cannot be written"):
        save(plot_1d([0, 1], {"u": [0, 1]}), tmp_path / "a.xyz")


def test_symbols():
    assert symbol("u") == "$u$"
    assert symbol("lambda_1") == r"$\lambda_{1}$"
    assert symbol("velocity") == "velocity"
    assert symbol("cost $x$") == r"cost \$x\$"
    assert plain("_hidden").strip() == "_hidden"
    assert not plain("_hidden").startswith("_")
    assert len(plain("x" * 500)) == 60


def test_scales():
    assert colour_scale(np.array([-1.0, 0.5]))[0] == "RdBu_r"
    name, scale = colour_scale(np.array([0.0, 2.0, np.nan]))
    assert (name, scale.vmin, scale.vmax) == ("viridis", 0.0, 2.0)
    assert colour_scale(np.array([-0.01, 2.0]))[0] == "viridis"
    assert limits(np.array([])) == (0.0, 1.0)
    assert limits(np.array([3.0, 3.0 + 1e-14])) == pytest.approx((2.85, 3.15))
    # One value in a thousand does not decide about the colours of the others.
    spiked = np.r_[np.linspace(0, 1, 1000), 50.0]
    assert colour_scale(spiked)[1].vmax < 1.01


def test_lines_are_told_apart():
    styles = [line_style(k) for k in range(28)]
    assert len({(s["color"], str(s["linestyle"])) for s in styles}) == 28
