"""The look of every figure, and how figures are made and saved.

Figures are plain Matplotlib ``Figure`` objects on the Agg canvas. ``pyplot`` is never imported and
the settings are used inside a context only, so that a program's own figures keep their look and its
own choice of window system. Matplotlib is imported when the first figure is made.

Colours: lines use the palette of Okabe and Ito (2008), which people with any form of colour
blindness tell apart, and change their dashes when the palette is used up; fields use viridis,
fields of both signs a diverging red-blue map that is white at zero, errors cividis.
"""

import io
import math
import re
from collections.abc import Callable, Iterable, Sequence
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar

import numpy as np

from pinnlab.errors import DataError
from pinnlab.report.numbers import clean

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.colors import Normalize
    from matplotlib.figure import Figure

DPI = 150

FIELD_MAP, SIGNED_MAP, ERROR_MAP = "viridis", "RdBu_r", "cividis"

INK = "#1f2430"
MUTED = "#6b7280"
PALETTE = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#7A5195")
DASHES: tuple[Any, ...] = ("-", (0, (5, 2)), (0, (1.2, 1.4)), (0, (5, 1.5, 1.2, 1.5)))

STYLE: dict[str, Any] = {
    "font.family": "sans-serif",
    "font.sans-serif": ["DejaVu Sans"],
    "font.size": 9.0,
    "mathtext.fontset": "dejavusans",
    "axes.titlesize": 10.0,
    "axes.titleweight": "normal",
    "axes.titlepad": 7.0,
    "axes.labelsize": 9.5,
    "axes.labelcolor": INK,
    "axes.edgecolor": "#9aa1ac",
    "axes.linewidth": 0.7,
    "axes.formatter.limits": (-3, 4),
    "axes.formatter.use_mathtext": True,
    "axes.grid": False,
    "axes.unicode_minus": True,
    "text.color": INK,
    "text.usetex": False,
    "xtick.color": "#9aa1ac",
    "ytick.color": "#9aa1ac",
    "xtick.labelcolor": INK,
    "ytick.labelcolor": INK,
    "xtick.labelsize": 8.5,
    "ytick.labelsize": 8.5,
    "xtick.major.size": 3.0,
    "ytick.major.size": 3.0,
    "xtick.major.width": 0.7,
    "ytick.major.width": 0.7,
    "xtick.minor.size": 0.0,
    "ytick.minor.size": 0.0,
    "grid.color": "#e4e7ec",
    "grid.linewidth": 0.7,
    "legend.fontsize": 8.5,
    "legend.frameon": False,
    "legend.handlelength": 2.0,
    "lines.linewidth": 1.6,
    "lines.solid_capstyle": "round",
    "figure.facecolor": "white",
    "savefig.facecolor": "white",
    "savefig.bbox": None,
    "pdf.fonttype": 42,  # fonts as outlines that editors can read
    "svg.fonttype": "path",  # the same picture on a machine without the font
    "svg.hashsalt": "pinnlab",  # the same file for the same figure
    "path.simplify": True,
}

P = ParamSpec("P")
R = TypeVar("R")


def styled(function: Callable[P, R]) -> Callable[P, R]:
    """Run a function under the style, and leave Matplotlib's settings as they were."""

    @wraps(function)
    def inside(*args: P.args, **kwargs: P.kwargs) -> R:
        import matplotlib

        with matplotlib.rc_context(STYLE):  # pyright: ignore[reportArgumentType]
            return function(*args, **kwargs)

    return inside


def new_figure(width: float, height: float) -> "Figure":
    """An empty figure of a size in inches, laid out without overlaps, on the Agg canvas."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), dpi=DPI, layout="constrained")
    FigureCanvasAgg(figure)
    return figure


@styled
def save(figure: "Figure", path: str | Path, dpi: int = DPI) -> Path:
    """Write a figure; the ending says how: png, pdf, svg, jpg, ...

    Fields are drawn as pixels inside a PDF or SVG and everything else as lines and text, so that
    such a file stays small and sharp.

    Args:
        figure: Any Matplotlib figure.
        path: Where to; folders that do not exist are made.
        dpi: Pixels per inch of what is drawn as pixels.

    Returns:
        The path.

    Raises:
        DataError: If Matplotlib cannot write files with that ending.
    """
    path = Path(path)
    known = figure.canvas.get_supported_filetypes()
    kind = path.suffix.lower().lstrip(".")
    if kind not in known:
        raise DataError(
            f"A figure cannot be written as '{path.name}'",
            expected="an ending out of " + ", ".join(sorted(known)),
            got=path.suffix or "no ending",
            do="use .png, .pdf or .svg",
        )
    path.parent.mkdir(parents=True, exist_ok=True)
    # Without a date, two runs with the same numbers write the same file.
    undated = {"pdf": {"CreationDate": None}, "svg": {"Date": None}}.get(kind)
    figure.savefig(path, dpi=dpi, metadata=undated)
    return path


@styled
def png(figure: "Figure", dpi: int = DPI) -> bytes:
    """The figure as the bytes of a PNG."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=dpi)
    return buffer.getvalue()


# --- texts ---------------------------------------------------------------------------------------

_LOWER = (
    "alpha|beta|gamma|delta|epsilon|zeta|eta|theta|iota|kappa|lambda|mu|nu|xi|pi|rho|sigma|tau|"
    "upsilon|phi|chi|psi|omega"
)
_UPPER = "Gamma|Delta|Theta|Lambda|Xi|Pi|Sigma|Upsilon|Phi|Psi|Omega"
GREEK = frozenset(f"{_LOWER}|{_UPPER}".split("|"))
_SYMBOL = re.compile(r"([A-Za-z]+?)(?:_?([0-9]+|(?<=_)[A-Za-z]{1,3}))?$")


def symbol(name: object, limit: int = 32) -> str:
    r"""A name as it is set in a figure: a letter in italics, ``nu`` as ν, anything else as it is.

    Example:
        >>> symbol("u"), symbol("nu"), symbol("x1"), symbol("pressure")
        ('$u$', '$\\nu$', '$x_{1}$', 'pressure')
    """
    text = clean(name, limit)
    match = _SYMBOL.match(text)
    if match:
        base, low = match.groups()
        if len(base) == 1 or base in GREEK:
            letter = f"\\{base}" if base in GREEK else base
            return f"${letter}_{{{low}}}$" if low else f"${letter}$"
    return plain(text, limit)


def plain(name: object, limit: int = 60) -> str:
    """A text that Matplotlib shows as it stands: dollars are no mathematics, and not too long."""
    text = clean(name, limit).replace("$", r"\$")
    return "\u2009" + text if text.startswith("_") else text  # a legend skips "_..." otherwise


# --- pieces that several figures share -----------------------------------------------------------


def line_style(index: int) -> dict[str, Any]:
    """Colour and dashes of the i-th line; no two of the first 28 are alike."""
    return {
        "color": PALETTE[index % len(PALETTE)],
        "linestyle": DASHES[(index // len(PALETTE)) % len(DASHES)],
    }


def light_axes(axes: "Axes", grid: str = "both") -> None:
    """Axes for lines: no box, a faint grid."""
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(True, axis=grid)  # pyright: ignore[reportArgumentType]
    axes.set_axisbelow(True)


def name_upright(axes: "Axes", name: str) -> None:
    """Name the vertical axis; a letter stands upright, which is easier to read."""
    text = symbol(name)
    if text.startswith("$"):
        axes.set_ylabel(text, rotation=0, ha="right", va="center")
    else:
        axes.set_ylabel(text)


def say(axes: "Axes", text: str) -> None:
    """Write in empty axes why they are empty."""
    axes.text(
        0.5, 0.5, text, transform=axes.transAxes, ha="center", va="center", color=MUTED
    )  # fmt: skip


def finite(values: Iterable[Any] | np.ndarray) -> np.ndarray:
    """The finite entries of some numbers, flattened."""
    flat = np.asarray(values, dtype=float).ravel()
    return flat[np.isfinite(flat)]


def limits(*values: np.ndarray) -> tuple[float, float]:
    """Smallest and largest finite value; a little around it if they agree, (0, 1) if there is none.

    A spread that is nothing but rounding counts as none: colours must not magnify it.
    """
    numbers = np.concatenate([finite(v) for v in values]) if values else np.empty(0)
    if numbers.size == 0:
        return 0.0, 1.0
    low, high = float(numbers.min()), float(numbers.max())
    if high - low <= 1e-12 * max(abs(low), abs(high)):
        margin = 0.05 * abs(low) or 1.0
        return low - margin, high + margin
    return low, high


def colour_scale(*values: np.ndarray, signed: bool | None = None) -> tuple[str, "Normalize"]:
    """Colour map and scale that some fields share.

    A few extreme values, such as a pressure's at a corner, would leave one colour for all others.
    If the outermost 1 % of the values takes up more than 60 % of the range, the scale leaves it
    out; arrows on the colour bar then say that there is more.

    Args:
        values: The fields.
        signed: Whether zero is a natural middle; by default if both signs reach at least a fifth
            of the largest size.
    """
    from matplotlib.colors import Normalize

    low, high = limits(*values)
    numbers = np.concatenate([finite(v) for v in values])
    if numbers.size >= 400:
        inner_low, inner_high = (float(q) for q in np.percentile(numbers, (0.5, 99.5)))
        if 0 < inner_high - inner_low < 0.4 * (high - low):
            low, high = inner_low, inner_high
    if signed is None:
        signed = low < 0 < high and min(-low, high) >= 0.2 * max(-low, high)
    if signed:
        size = max(abs(low), abs(high))
        return SIGNED_MAP, Normalize(-size, size)
    return FIELD_MAP, Normalize(low, high)


def beyond(values: np.ndarray, scale: "Normalize") -> str:
    """Which ends of a colour bar need an arrow, in Matplotlib's words."""
    numbers = finite(values)
    if not numbers.size or scale.vmin is None or scale.vmax is None:
        return "neither"
    slack = 0.02 * (scale.vmax - scale.vmin)  # an arrow for a rounding error would mislead
    low, high = numbers.min() < scale.vmin - slack, numbers.max() > scale.vmax + slack
    return ("both" if high else "min") if low else ("max" if high else "neither")


def error_scale(error: np.ndarray) -> tuple[str, "Normalize"]:
    """Colour map and scale of an absolute error, which begins at zero."""
    from matplotlib.colors import Normalize

    numbers = finite(error)
    high = float(numbers.max()) if numbers.size else 0.0
    return ERROR_MAP, Normalize(0.0, high if high > 0 else 1.0)


def colour_bar(
    figure: "Figure", artist: Any, axes: "Axes", label: str = "", extend: str = "neither"
) -> Any:
    """A slim colour bar right of a panel and exactly as high as it, with a few ticks."""
    from matplotlib.ticker import MaxNLocator

    # A part of the panel, not an axes beside it: a panel of fixed aspect does not fill its place.
    width = axes.get_position().width * figure.get_figwidth()
    place = axes.inset_axes((1.0 + 0.07 / width, 0.0, 0.11 / width, 1.0))
    bar = figure.colorbar(artist, cax=place, extend=extend)
    bar.outline.set_visible(False)  # pyright: ignore[reportCallIssue]
    bar.ax.tick_params(length=2.5)
    bar.locator = MaxNLocator(6)
    bar.update_ticks()
    if label:
        short = len(label.strip("$")) <= 8
        bar.set_label(label, rotation=0 if short else 90, ha="left" if short else "center",
                      va="center")  # fmt: skip
    return bar


def grid_shape(count: int, columns: int) -> tuple[int, int]:
    """Rows and columns for some panels, as even as it gets."""
    rows = math.ceil(count / columns)
    return rows, math.ceil(count / rows)


def as_array(name: str, values: Any, ndim: Sequence[int]) -> np.ndarray:
    """Numbers as a float array with one of the allowed numbers of axes.

    Raises:
        DataError: If they are no numbers or have another number of axes.
    """
    try:
        array = np.asarray(values, dtype=float)
    except (TypeError, ValueError) as error:
        raise DataError(
            f"'{name}' cannot be plotted",
            expected="real numbers, as a NumPy array or a list",
            got=f"{type(values).__name__} ({error})",
            do="convert it, for instance with .detach().cpu().numpy()",
        ) from error
    if array.ndim not in ndim:
        raise DataError(
            f"'{name}' has the wrong number of axes",
            expected=" or ".join(str(n) for n in ndim),
            got=f"shape {array.shape}",
            do="reshape it; one number a point is (n,)",
        )
    return array
