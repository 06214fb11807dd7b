"""How numbers, names and times are written, so that every table and figure agrees.

Numbers carry three or four significant digits. A column of numbers is written in one notation: all
fixed-point with the same number of decimals, or all scientific, so that they align and compare.
"""

import math
import unicodedata
from collections.abc import Sequence

MISSING = "-"

_METRICS = {
    "relative_l2": "relative L2",
    "rel_l2": "relative L2",
    "l2": "L2",
    "l2_relative": "relative L2",
    "l1": "L1",
    "relative_l1": "relative L1",
    "h1": "H1",
    "relative_h1": "relative H1",
    "max": "max",
    "linf": "max",
    "relative_max": "relative max",
    "mse": "mean square",
    "rmse": "root mean square",
    "mae": "mean absolute",
}


def metric_name(name: str) -> str:
    """A metric's key as it is read: ``"relative_l2"`` to ``"relative L2"``."""
    return _METRICS.get(name.lower(), clean(name).replace("_", " "))


def error_name(label: str) -> str:
    """The label of an error as it is read: ``"u relative_l2"`` to ``"u relative L2"``."""
    field, _, metric = label.rpartition(" ")
    return f"{clean(field)} {metric_name(metric)}".strip()


def clean(text: object, limit: int = 0) -> str:
    """A text on one line without control characters, cut to ``limit`` characters if that is set.

    Names come from users and files; a terminal escape sequence or a line break in one of them must
    not spoil a table.
    """
    one_line = " ".join(str(text).split())
    safe = "".join(c for c in one_line if unicodedata.category(c)[0] != "C")
    return safe[: limit - 1].rstrip() + "…" if 0 < limit < len(safe) else safe


def number(value: float | None, digits: int = 3) -> str:
    """One number with ``digits`` significant digits.

    Example:
        >>> number(0.0031284), number(12.0), number(0.52, 2), number(None)
        ('3.13e-03', '12', '0.52', '-')
    """
    if value is None:
        return MISSING
    value = float(value)
    if not math.isfinite(value):
        return str(value)
    if value == 0 or 1e-2 <= abs(value) < 1e5:
        if value == int(value):
            return str(int(value))
        decimals = max(0, digits - 1 - math.floor(math.log10(abs(value)))) if value else 0
        return f"{value:.{decimals}f}"
    return f"{value:.{digits - 1}e}"


def column(values: Sequence[float | None], digits: int = 4) -> list[str]:
    """Numbers of one column in one notation, so that they align at the point.

    Example:
        >>> column([1.0, 0.25, None]), column([1.0, 3e-7])
        (['1.000', '0.250', '-'], ['1.000e+00', '3.000e-07'])
    """
    sizes = [abs(float(v)) for v in values if v is not None and math.isfinite(v) and v != 0]
    if not sizes:
        return [number(v) for v in values]
    low, high = min(sizes), max(sizes)
    if low < 1e-3 or high >= 1e5 or high / low >= 1e4:
        return [_one(v, f".{digits - 1}e") for v in values]
    if all(v is None or not math.isfinite(v) or v == int(v) for v in values):
        return [_one(v, ".0f") for v in values]
    # The smallest entry keeps all but one of its digits.
    decimals = max(0, min(digits - 2 - math.floor(math.log10(low)), 6))
    return [_one(v, f".{decimals}f") for v in values]


def _one(value: float | None, spec: str) -> str:
    if value is None:
        return MISSING
    return format(float(value), spec) if math.isfinite(value) else str(float(value))


def with_error(value: float, error: float | None) -> str:
    """An estimate and its standard error, to two digits of the error, with one exponent.

    Example:
        >>> with_error(0.0031831, 2.04e-5), with_error(1.25, 0.013)
        ('(3.183 ± 0.020)e-03', '1.250 ± 0.013')
    """
    if error is None or not math.isfinite(error) or not math.isfinite(value) or error <= 0:
        return number(value, 4)
    size = max(abs(value), error)
    exponent = math.floor(math.log10(size))
    shift = exponent if not -2 <= exponent < 4 else 0
    scaled, spread = value / 10.0**shift, error / 10.0**shift
    decimals = max(0, min(1 - math.floor(math.log10(spread)), 8))
    body = f"{scaled:.{decimals}f} ± {spread:.{decimals}f}"
    return f"({body})e{shift:+03d}" if shift else body


def duration(seconds: float | None) -> str:
    """A time as it is read.

    Example:
        >>> duration(0.0123), duration(75), duration(7260)
        ('12.3 ms', '1 min 15 s', '2 h 01 min')
    """
    if seconds is None or not math.isfinite(seconds):
        return MISSING
    if seconds < 1:
        return f"{1e3 * seconds:.3g} ms"
    if seconds < 60:
        return f"{seconds:.3g} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest:02d} s"
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes:02d} min"
