"""What a public name is, as text: for ``pinnlab list`` and ``pinnlab describe``."""

import inspect
import re
from collections.abc import Callable
from typing import Any

from pinnlab.config.problem_form import ready_problems
from pinnlab.config.registry import ROLES, plain, public
from pinnlab.config.schema import axis_form
from pinnlab.config.signature import parameters, summary
from pinnlab.errors import ConfigError, nearest


def catalogue() -> dict[str, dict[str, Any]]:
    """Everything that a file can name, by kind: ``{"surrogate": {"MLP": class}, ...}``."""
    import pinnlab.equations as equations

    out: dict[str, dict[str, Any]] = {role.name: dict(role.members()) for role in ROLES}
    out["equation"] = {name: equations.equation(name) for name in equations.names()}
    out["problem"] = ready_problems()
    return out


def _others() -> dict[str, Any]:
    from pinnlab.conditions.equation import Equation
    from pinnlab.objective.unknown import Unknown
    from pinnlab.problems.assemble import PointBudget
    from pinnlab.problems.problem import Problem
    from pinnlab.training.solve import solve

    found = (Problem, Unknown, PointBudget, Equation, solve)
    return {target.__name__: target for target in found}


def section(name: str) -> dict[str, Any]:
    """One kind of the catalogue; singular and plural are the same.

    Raises:
        ConfigError: If there is none of that name.
    """
    known = catalogue()
    wanted = plain(name)
    for key, found in known.items():
        if wanted in (plain(key), plain(key) + "s", plain(key)[:-1] + "ies"):
            return {key: found}
    raise ConfigError(
        f"There is no kind '{name}'",
        expected=", ".join(known),
        got=name,
        do=nearest(name, known) or "choose one of them",
    )


def find(name: str) -> tuple[str, str, Any]:
    """Kind, public name and object of a name; case and underscores do not matter.

    Raises:
        ConfigError: If there is none of that name.
    """
    known = catalogue() | {"": _others()}
    for exact in (True, False):  # Sum and sum may differ by their case only
        for kind, members in known.items():
            for key, target in members.items():
                if key == name or (not exact and plain(key) == plain(name)):
                    return kind, key, target
    import pinnlab.calculus as calculus

    exported = dict(public(calculus))
    if name in exported and callable(exported[name]):
        return "function", name, exported[name]
    options = [key for members in known.values() for key in members]
    raise ConfigError(
        f"There is nothing named '{name}'",
        expected="a name that `pinnlab list` shows",
        got=name,
        do=nearest(name, options) or "see `pinnlab list`",
    )


def describe_class(name: str) -> str:
    """Signature, defaults, what it does and its equation; of an equation and a problem both."""
    kind, found, target = find(name)
    described = [_described(kind, found, target)]
    if kind == "equation" and found in ready_problems():
        described.append(_described("problem", found, ready_problems()[found]))
    return "\n\n\n".join(described)


def _described(kind: str, found: str, target: Any) -> str:
    lines = [f"{found}{_signature(target)}" + (f"    ({kind})" if kind else "")]
    lines += ["", _text(summary(target))]
    maths = formulas(target)
    if maths:
        lines += ["", *(f"    {formula}" for formula in maths)]
    rows = [p for p in parameters(target).values() if p.name != "self"]
    if rows:
        lines += ["", "arguments:"]
        width = max(len(p.key) for p in rows)
        for p in rows:
            default = "" if p.required or p.many else f" [{_plain(p.default)}]"
            lines.append(f"  {p.key.ljust(width)}  {_text(p.text)}{default}")
    if kind in (*(role.name for role in ROLES), "problem", "equation"):
        lines += ["", "in a file:", f"  {_example(found, target, kind)}"]
    references = _section(target, "References")
    if references:
        lines += ["", "references:", *(f"  {line}" for line in references)]
    return "\n".join(line.rstrip() for line in lines)


def _signature(target: Callable) -> str:
    shown = []
    for p in parameters(target).values():
        star = {inspect.Parameter.VAR_KEYWORD: "**", inspect.Parameter.VAR_POSITIONAL: "*"}
        given = "" if p.required or p.many else f"={_plain(p.default)}"
        shown.append(f"{star.get(p.kind, '')}{p.name}{given}")
    return f"({', '.join(shown)})"


def _example(name: str, target: Callable, kind: str) -> str:
    """A mapping with what must be given."""
    axis = axis_form(target)
    if axis:
        return f"{{kind: {name}, {'t' if axis[0] == 'start' else 'x'}: [0, 1]}}"
    needed = (
        [] if kind == "equation" else [p.key for p in parameters(target).values() if p.required]
    )
    return "{" + ", ".join([f"kind: {name}", *(f"{key}: ..." for key in needed)]) + "}"


def _plain(default: Any) -> str:
    return "{}" if "factory" in repr(default) else repr(default)


def first_sentence(target: Any) -> str:
    """What an object is, in one line."""
    return _text(summary(target)).split(". ")[0].rstrip(".:")


def _text(text: str) -> str:
    """Without the marks of reStructuredText."""
    text = re.sub(r":math:`([^`]*)`", r"\1", text)
    text = re.sub(r":\w+:`~?([^`]*)`", lambda m: m[1].rpartition(".")[2], text)
    return text.replace("``", "")


def formulas(target: Any) -> list[str]:
    """The displayed formulas of a docstring, in LaTeX."""
    text = inspect.getdoc(target) or ""
    blocks = re.findall(r"\.\. math::[ ]*([^\n]*(?:\n[ ]{4,}[^\n]*|\n(?=\n[ ]{4}))*)", text)
    return [
        " ".join(line.split()) for block in blocks for line in block.split("\n") if line.strip()
    ]


def _section(target: Any, name: str) -> list[str]:
    found = re.search(rf"\n{name}:\n((?:    [^\n]*\n?)+)", inspect.getdoc(target) or "")
    return [line.strip() for line in found[1].splitlines()] if found else []
