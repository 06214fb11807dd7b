"""The command line: ``pinnlab run FILE [key.path=value ...]`` and its companions.

Every command imports what it needs when it runs. Exit codes: 0 all is well, 1 a run failed or was
interrupted, 2 the input cannot be used. Errors are told without a traceback unless the environment
variable ``PINNLAB_DEBUG`` is 1.
"""

import argparse
import os
import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pinnlab._version import __version__
from pinnlab.errors import ConfigError, PinnlabError

if TYPE_CHECKING:
    from pinnlab.config.run_config import RunConfig
    from pinnlab.problems.check import Finding

OK, FAILED, BAD_INPUT, INTERRUPTED = 0, 1, 2, 130


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command.

    Args:
        argv: Arguments without the program's name; those of the process by default.

    Returns:
        The exit code.
    """
    parser = _parser()
    arguments, rest = parser.parse_known_args(argv)
    # Changes may stand behind options; argparse takes a list of them in one place only.
    changes = [each for each in rest if "=" in each and not each.startswith("-")]
    if len(changes) < len(rest) or (rest and not hasattr(arguments, "overrides")):
        parser.error(f"unrecognized arguments: {' '.join(rest)}")
    if changes:
        arguments.overrides = [*arguments.overrides, *changes]
    if not hasattr(arguments, "command"):
        parser.print_help()
        return OK
    command: Callable[[argparse.Namespace], int] = arguments.command
    debug = os.environ.get("PINNLAB_DEBUG") == "1"
    try:
        return command(arguments)
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:  # the reader of a pipe, such as `head`, has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return OK
    except (PinnlabError, OSError) as error:
        if debug:
            raise
        print(f"pinnlab: {error}", file=sys.stderr)
        return BAD_INPUT
    except Exception as error:
        if debug:
            raise
        print(
            f"pinnlab failed: {type(error).__name__}: {error}\n"
            "  set PINNLAB_DEBUG=1 for the traceback",
            file=sys.stderr,
        )
        return FAILED


# --- running -------------------------------------------------------------------------------------
def _run(arguments: argparse.Namespace) -> int:
    from pinnlab.config import load_config

    config = load_config(arguments.file, arguments.overrides)
    folder = Path(arguments.out or _default_folder(config))
    _make_room(folder, arguments.overwrite)
    options: dict[str, Any] = {"out": str(folder)}
    if arguments.quiet:
        options["progress"] = False
    return _finish(config.solve(**options), folder, arguments.quiet)


def _default_folder(config: "RunConfig") -> Path:
    return Path(config.options.get("out") or Path("runs") / (config.path or Path("run")).stem)


def _make_room(folder: Path, overwrite: bool) -> None:
    """Refuse a folder with files, or move an earlier run aside."""
    from pinnlab.config.run_folder import is_run_folder

    if not folder.exists() or (folder.is_dir() and not any(folder.iterdir())):
        return
    if not overwrite:
        raise ConfigError(
            f"'{folder}' exists already and is not empty",
            expected="a new folder",
            got="files of an earlier run",
            do=f"`pinnlab resume {folder}`, another --out, or --overwrite to move it aside",
        )
    if not is_run_folder(folder):
        raise ConfigError(
            f"'{folder}' is not overwritten, because it is no run folder",
            expected="a folder that an earlier run wrote",
            got="other files",
            do="choose another --out",
        )
    number = 1
    while (aside := folder.with_name(f"{folder.name}.{number}")).exists():
        number += 1
    folder.rename(aside)
    print(f"the earlier run is now in {aside}", file=sys.stderr)


def _finish(solution: Any, folder: Path, quiet: bool) -> int:
    status = solution.metrics.get("status", "finished")
    if not quiet:
        print(_summary(folder))
    elif status in ("failed", "interrupted"):
        print(f"{status}: {solution.metrics.get('message', '')}", file=sys.stderr)
    return FAILED if status in ("failed", "interrupted") else OK


def _resume(arguments: argparse.Namespace) -> int:
    from pinnlab.config import load_config
    from pinnlab.config.run_folder import read_run_folder

    folder = Path(arguments.folder)
    read_run_folder(folder)  # says so if it is none
    file = folder / "resolved.yaml"
    if not file.is_file():
        raise ConfigError(
            f"'{folder}' does not say what was run",
            expected="resolved.yaml, which `pinnlab run` writes",
            got="no such file",
            do="resume it in Python: solve(problem, ..., out=folder, resume=True)",
        )
    config = load_config(file, arguments.overrides)
    given = folder / "config.yaml"
    text = given.read_text(encoding="utf-8") if given.is_file() else config.text
    said = "".join(f"# changed on resuming: {change}\n" for change in arguments.overrides)
    options: dict[str, Any] = {"out": str(folder), "resume": True, "config_text": text + said}
    if arguments.quiet:
        options["progress"] = False
    return _finish(config.solve(**options), folder, arguments.quiet)


def _check(arguments: argparse.Namespace) -> int:
    from pinnlab.config import load_config
    from pinnlab.training.solve import split_weights

    config = load_config(arguments.file, arguments.overrides)
    options = {
        name: config.options[name]
        for name in ("surrogate", "points", "weights", "derivatives", "seed")
        if name in config.options
    }
    options["weights"], _ = split_weights(options.get("weights"))
    report = config.problem.check(**options)
    if report.ok:
        report = replace(report, findings=(*report.findings, *_refusals(config)))
    print(report)
    return OK if report.ok else BAD_INPUT


def _refusals(config: "RunConfig") -> "list[Finding]":
    """Why a run would be refused that has no fault in its problem."""
    from pinnlab.problems.check import Finding

    try:
        config.prepared(_default_folder(config))
    except PinnlabError as error:
        told = {"expected": error.expected, "got": error.got}
        parts = [f"{word}: {value}" for word, value in told.items() if value is not None]
        return [Finding("error", "; ".join([error.what, *parts]), "training", error.do or "")]
    return []


# --- looking at runs -----------------------------------------------------------------------------
def _show(arguments: argparse.Namespace) -> int:
    print(_summary(Path(arguments.folder)))
    return OK


def _summary(folder: Path) -> str:
    from pinnlab.config.run_folder import read_run_folder
    from pinnlab.report.conflicts import conflict_text
    from pinnlab.report.numbers import duration
    from pinnlab.report.tables import metric_table, phase_table, term_table, unknown_table

    run, color = read_run_folder(folder), _is_terminal()
    head = f"{run.folder}: {run.status}" + (f", {run.message}" if run.message else "")
    parts = [f"{head} ({duration(run.wall_time())})"]
    if run.metrics:
        parts.append(metric_table(run.metrics, run.baseline, color=color))
    if run.unknowns:
        parts.append(unknown_table(run.unknowns, color=color))
    if run.all_terms():
        parts.append(term_table(run.all_terms(), color=color))
    if conflicts := conflict_text(run.history, color=color):
        parts.append(conflicts)
    if run.phases:
        parts.append(phase_table(run.phases, color=color))
    versions = {k: v for k, v in run.versions.items() if k in ("pinnlab", "torch", "device")}
    if versions:
        parts.append(", ".join(f"{name} {value}" for name, value in versions.items()))
    if (folder / "report.html").is_file():
        parts.append(f"report: {folder / 'report.html'}")
    return "\n\n".join(parts)


def _compare(arguments: argparse.Namespace) -> int:
    from pinnlab.config.run_folder import read_run_folder
    from pinnlab.report.tables import comparison_table

    runs = [read_run_folder(folder) for folder in arguments.folders]
    print(comparison_table(runs, color=_is_terminal()))
    return OK


def _export(arguments: argparse.Namespace) -> int:
    from pinnlab._api import load

    source = Path(arguments.folder)
    solution = load(source)
    ending = arguments.to
    if ending == "vtu" and solution.problem.coordinates.time is not None:
        ending = "pvd"  # one .vtu for each moment, and the file that lists them
    folder = source if source.is_dir() else source.parent
    target = Path(arguments.out) if arguments.out else folder / f"fields.{ending}"
    print(solution.export(target, points=arguments.grid, times=arguments.times))
    return OK


def _is_terminal() -> bool:
    return sys.stdout.isatty() and "NO_COLOR" not in os.environ


# --- finding one's way ---------------------------------------------------------------------------
def _list(arguments: argparse.Namespace) -> int:
    from pinnlab.config.describe_class import catalogue, first_sentence, section

    found = section(arguments.kind) if arguments.kind else catalogue()
    for kind, members in found.items():
        print(f"{kind}:")
        width = max(map(len, members), default=0)
        for name, target in members.items():
            print(f"  {name.ljust(width)}  {first_sentence(target)}")
    return OK


def _describe(arguments: argparse.Namespace) -> int:
    from pinnlab.config.describe_class import describe_class

    print(describe_class(arguments.name))
    return OK


def _init(arguments: argparse.Namespace) -> int:
    from pinnlab.config.templates import template

    text = template(arguments.name)
    target = Path(arguments.out or f"{arguments.name.lower()}.yaml")
    if target.exists() and not arguments.overwrite:
        raise ConfigError(
            f"'{target}' exists already",
            expected="a new file",
            got=str(target),
            do="choose another --out, or --overwrite",
        )
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(text, encoding="utf-8")
    print(f"{target} written; next: pinnlab check {target}; pinnlab run {target}")
    return OK


def _schema(arguments: argparse.Namespace) -> int:
    import json

    from pinnlab.config.json_schema import json_schema

    text = json.dumps(json_schema(), indent=2)
    if arguments.out:
        Path(arguments.out).write_text(text + "\n", encoding="utf-8")
    else:
        print(text)
    return OK


# --- arguments -----------------------------------------------------------------------------------
def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="pinnlab", description="Declare PDEs as they stand in a textbook; solve them."
    )
    parser.add_argument("--version", action="version", version=f"pinnlab {__version__}")
    commands = parser.add_subparsers(metavar="COMMAND", title="commands")

    run = _command(commands, "run", _run, "solve the problem of a file")
    _add_file(run)
    run.add_argument("--out", help="run folder; by default `run.out` of the file, or runs/NAME")
    run.add_argument("--overwrite", action="store_true", help="move an earlier run aside")
    run.add_argument("--quiet", action="store_true", help="no progress line, no tables")

    _add_file(_command(commands, "check", _check, "say what is wrong before training"))

    resume = _command(commands, "resume", _resume, "go on with an interrupted run")
    resume.add_argument("folder", metavar="DIR", help="run folder")
    _add_overrides(resume)
    resume.add_argument("--quiet", action="store_true", help="no progress line, no tables")

    show = _command(commands, "show", _show, "errors, terms and times of a run")
    show.add_argument("folder", metavar="DIR", help="run folder")

    compare = _command(commands, "compare", _compare, "several runs side by side")
    compare.add_argument("folders", metavar="DIR", nargs="+", help="run folders")

    export = _command(commands, "export", _export, "write the fields for other programs")
    export.add_argument("folder", metavar="DIR", help="run folder or solution file")
    export.add_argument("--to", default="vtu", choices=("vtu", "csv", "npz", "xdmf"))
    export.add_argument("--grid", type=int, default=101, metavar="N", help="points a direction")
    export.add_argument("--times", type=int, default=11, metavar="N", help="moments")
    export.add_argument("--out", metavar="FILE", help="by default fields.* in the run folder")

    listing = _command(commands, "list", _list, "what a file can name")
    listing.add_argument("kind", nargs="?", help="such as surrogate, phase, equation")

    describe = _command(
        commands, "describe", _describe, "arguments, defaults and equation of a name"
    )
    describe.add_argument("name", metavar="NAME")

    init = _command(commands, "init", _init, "write a commented starter file")
    init.add_argument(
        "name", metavar="NAME", help="poisson, heat, burgers, wave, ode, inverse, plate"
    )
    init.add_argument("--out", metavar="FILE", help="by default NAME.yaml")
    init.add_argument("--overwrite", action="store_true", help="replace the file")

    schema = _command(commands, "schema", _schema, "the JSON schema of run files, for editors")
    schema.add_argument("--out", metavar="FILE", help="by default the standard output")
    return parser


def _command(
    commands: Any, name: str, function: Callable[[argparse.Namespace], int], text: str
) -> argparse.ArgumentParser:
    parser = commands.add_parser(name, help=text, description=text[0].upper() + text[1:] + ".")
    parser.set_defaults(command=function)
    return parser


def _add_file(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("file", metavar="FILE", help="YAML file")
    _add_overrides(parser)


def _add_overrides(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "overrides", metavar="key.path=value", nargs="*", help="changes, such as phases.0.steps=10"
    )


if __name__ == "__main__":
    sys.exit(main())
