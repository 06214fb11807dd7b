"""A configuration file as the objects it declares.

The top level of a file is the signature of :func:`pinnlab.solve`: ``problem``, the parts that are
objects, and under ``run`` the remaining arguments.
"""

import functools
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from pinnlab.config import leaves
from pinnlab.config.derivatives_form import derivatives, fitting
from pinnlab.config.document import Document, Node, dotted, parse_document, read_document
from pinnlab.config.findings import Finding, refusal
from pinnlab.config.geometry_form import GeometryForm
from pinnlab.config.leaves import refuse, shown
from pinnlab.config.overrides import override
from pinnlab.config.problem_form import EXACT, RECORDS, equations, parameters_section
from pinnlab.config.schema import Schema
from pinnlab.config.signature import parameters
from pinnlab.config.weights_form import fixed_weights, named_terms, weights
from pinnlab.config.wording import Mistakes, findings_of, gathered
from pinnlab.errors import nearest
from pinnlab.problems.problem import Problem

# Arguments of solve that have a section of their own; the others stand under `run`.
SECTIONS = (
    "surrogate", "points", "derivatives", "gradients", "weights", "phases", "callbacks",
)  # fmt: skip
# Said by the command, not by the file.
_NOT_WRITTEN = ("problem", "resume", "config_text", "resolved_text")


@dataclass(frozen=True)
class RunConfig:
    """What a file declares.

    Args:
        problem: The problem.
        options: Arguments of :func:`pinnlab.solve` that the file gives.
        text: The file as given, with the changes of the command line as comments.
        path: The file.
        given: The section ``problem`` as the file says it, with absolute paths.
    """

    problem: Problem
    options: dict[str, Any]
    text: str = field(repr=False, default="")
    path: Path | None = None
    given: Mapping[str, Any] | None = field(repr=False, default=None)

    @property
    def resolved(self) -> dict[str, Any]:
        """Plain data with every default filled in; loads to the same objects."""
        from pinnlab.config.describe import to_config

        return to_config(self.problem, given=self.given, **self.options)

    @property
    def resolved_text(self) -> str:
        """The same as YAML."""
        from pinnlab.config.describe import to_yaml

        return to_yaml(self.resolved)

    def prepared(self, folder: Path) -> Any:
        """The trainer of a run in a folder, before anything is trained or written.

        Raises:
            PinnlabError: If a run would be refused.
        """
        from pinnlab.training.solve import prepared

        options = {k: v for k, v in self.options.items() if k not in ("out", "progress")}
        return prepared(self.problem, **options, folder=folder, progress=False)[0]

    def solve(self, **changes: Any) -> Any:
        """Run it; ``changes`` are arguments of :func:`pinnlab.solve`."""
        from pinnlab.training.solve import solve

        texts = {"config_text": self.text, "resolved_text": self.resolved_text}
        arguments: dict[str, Any] = texts | self.options | changes
        return solve(self.problem, **arguments)


def load_config(path: str | Path, overrides: Iterable[str] = ()) -> RunConfig:
    """Read a YAML file into objects.

    Args:
        path: The file; relative paths in it count from its folder.
        overrides: Changes such as ``"phases.0.steps=10"``.

    Returns:
        The problem, and the arguments for :func:`pinnlab.solve`.

    Raises:
        ConfigError: If anything is wrong; ``findings`` holds every error with its place.
    """
    return _build(read_document(path), list(overrides), Path(path))


def parse_config(
    text: str, *, overrides: Iterable[str] = (), folder: str | Path = ".", name: str = "<text>"
) -> RunConfig:
    """Read YAML text into objects; see :func:`load_config`.

    Args:
        text: The YAML.
        overrides: Changes such as ``"run.seed=1"``.
        folder: What relative paths count from.
        name: What to call the text in messages.

    Raises:
        ConfigError: If anything is wrong; ``findings`` holds every error with its place.
    """
    return _build(parse_document(text, name=name, folder=folder), list(overrides), None)


def _build(document: Document, changes: Sequence[str], path: Path | None) -> RunConfig:
    override(document, changes)
    marks = list(_python_marks(document.root))
    if marks:
        raise refusal(marks)
    try:
        problem, options = read_run(document.root.data, {"folder": document.folder})
    except ValidationError as error:
        raise refusal(findings_of(error, document)) from None
    said = "".join(f"# changed on the command line: {change}\n" for change in changes)
    text = document.text if not said else document.text.rstrip("\n") + "\n" + said
    return RunConfig(problem, options, text, path, _absolute(document))


def _absolute(document: Document) -> dict[str, Any]:
    """The section ``problem`` as given, every ``file`` as an absolute path."""

    def made(value: Any) -> Any:
        if isinstance(value, list):
            return [made(entry) for entry in value]
        if not isinstance(value, dict):
            return value
        out = {key: made(entry) for key, entry in value.items()}
        if isinstance(value.get("file"), str):
            out["file"] = str((document.folder / value["file"]).resolve())
        return out

    return made(document.locate(("problem",))[1].data)


def _python_marks(root: Node) -> Iterable[Finding]:
    """Functions and objects that a resolved file can only name."""
    for path, node in root.walk():
        if (
            node.entries is not None
            and len(node.entries) == 1
            and (set(node.entries) <= {"callable", "python"})
        ):
            ((kind, name),) = node.entries.items()
            what = "a Python function" if kind == "callable" else "an object made in Python"
            yield Finding(
                f"'{name.value}' is {what}, which a file cannot hold",
                node.place, dotted(path), expected="a number, a text or a mapping",
                got=f"{{{kind}: {name.value}}}",
                do="pass the problem in Python, or write the function as a text",
            )  # fmt: skip


# Formulas, which constructors annotate as anything.
_FORMULAS = (
    ("Equation", "fn"), ("Condition", "fn"), ("Integral", "expression"), ("Integral", "value"),
    ("Robin", "alpha"), ("Robin", "beta"),
    *((owner, "values") for owner in ("Dirichlet", "Neumann", "Robin", "Initial")),
)  # fmt: skip


@functools.cache
def run_schema() -> Schema:
    """The schema of run files."""
    return Schema(
        forms={
            **{owner: lambda _: leaves.FORMULA for owner in _FORMULAS},
            ("Data", "source"): lambda _: leaves.TABLE,
            ("ExactReference", "exact"): lambda _: EXACT,
            ("Mesh", "path"): lambda _: leaves.PATH,
            ("Problem", "equations"): equations,
            ("Problem", "parameters"): parameters_section,
            ("solve", "derivatives"): derivatives,
            ("solve", "points"): _points,
            ("solve", "weights"): weights,
            ("solve", "dtype"): lambda _: leaves.choice("float32", "float64", optional=True),
        },
        records=RECORDS,
        components={"geometry": GeometryForm},
    )


def _points(schema: Schema) -> leaves.Form:
    from pinnlab.problems.assemble import PointBudget

    return schema.record(PointBudget)


def sections() -> list[str]:
    """Sections of a file besides ``problem`` and ``run``."""
    from pinnlab.training.solve import solve

    return [name for name in SECTIONS if name in parameters(solve)]


def outside_run() -> tuple[str, ...]:
    """Arguments of solve that do not stand under ``run``."""
    return (*_NOT_WRITTEN, *SECTIONS)


def read_run(data: Mapping[str, Any], context: Any) -> tuple[Problem, dict[str, Any]]:
    """The problem, and arguments for :func:`pinnlab.solve`, from plain data.

    Raises:
        ValidationError: With every error.
    """
    from pinnlab.training.solve import solve

    schema = run_schema()
    mistakes = Mistakes("run", _misplaced(data, schema))
    options: dict[str, Any] = {}
    forms = {"problem": schema.record(Problem)}
    for name in sections():
        found = schema.parameter_form("solve", parameters(solve)[name])
        if found is not None:
            forms[name] = found
    for name, found in forms.items():
        if data.get(name) is None and name != "problem":
            continue
        with mistakes.at(name):
            adapter = schema.adapter(found.type)
            options[name] = adapter.validate_python(data.get(name), context=context)
    problem = options.pop("problem", None)
    run = {} if data.get("run") is None else data["run"]
    with mistakes.at("run"):
        if not isinstance(run, Mapping):
            raise refuse("This is not a mapping", expected="a mapping", got=shown(run))
        options |= schema.arguments(solve, run, context, outside_run())[1]
    if isinstance(problem, Problem):
        mistakes.found += _unknown_terms(problem, options.get("weights"))
        for place, mistake in fitting(problem, options.get("derivatives")):
            mistakes.found.append((("derivatives", *place), mistake))
    if mistakes.found or problem is None:
        raise _at_top(mistakes.found)
    return problem, options


def _misplaced(data: Mapping[str, Any], schema: Schema) -> Iterable[tuple[tuple, Exception]]:
    from pinnlab.training.solve import solve

    if "problem" not in data:
        yield (), refuse(
            "'problem' is missing", expected="domain, fields, equations and conditions",
            got=shown(data), do="add `problem:`", at="missing",
        )  # fmt: skip
    known = ["problem", *sections(), "run"]
    under = {"run": schema.keys(solve, outside_run()), "problem": schema.keys(Problem)}
    for key in data:
        if key in known:
            continue
        owner = next((section for section, keys in under.items() if key in keys), None)
        do = f"put it under `{owner}:`" if owner else nearest(key, known) or "remove it"
        yield (
            (key,),
            refuse(
                f"There is no section '{key}'", expected=", ".join(known), got=key, do=do, at="key"
            ),
        )


def _unknown_terms(problem: Problem, weights: Any) -> Iterable[tuple[tuple, Exception]]:
    names = [term.name for term in problem.terms]
    for place, name in fixed_weights(weights):
        if name not in names:
            yield ("weights", *place, name), _no_term(name, names, at="key")
    for place, name in named_terms(weights):
        if name not in names:
            yield ("weights", *place), _no_term(name, names, at="value")


def _no_term(name: str, names: Sequence[str], *, at: str) -> Exception:
    return refuse(
        f"There is no equation or condition '{name}' to weigh",
        expected=", ".join(names), got=name, do=nearest(name, names) or "remove it", at=at,
    )  # fmt: skip


def _at_top(errors: list[tuple[tuple, Exception]]) -> ValidationError:
    kept = [
        (loc, error)
        for loc, error in errors
        if not (loc == ("problem",) and _is_missing(errors))  # said once is enough
    ]
    return gathered("run", kept)


def _is_missing(errors: list[tuple[tuple, Exception]]) -> bool:
    return any(loc == () and "missing" in str(error) for loc, error in errors)
