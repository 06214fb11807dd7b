"""The files that a finished run leaves in its folder."""

import logging
from pathlib import Path
from typing import Any

from pinnlab.calculus.symbolic import latex
from pinnlab.errors import PinnlabError
from pinnlab.objective.unknown import Unknown
from pinnlab.problems.problem import Problem
from pinnlab.report.conflict_remarks import conflict_remarks
from pinnlab.report.data import (
    Finding,
    History,
    Phase,
    ProblemText,
    RunData,
    Statement,
    Term,
    UnknownValue,
)
from pinnlab.training.files import save_solution
from pinnlab.training.pictures import HISTORY_CAPTIONS, draw
from pinnlab.training.run_numbers import versions, write_metrics
from pinnlab.training.solution import Solution
from pinnlab.training.trainer import Trainer

logger = logging.getLogger(__name__)

_KEPT = "The state of step {step} is kept, where the {monitor} was {value:.3g}."


def write_run(trainer: Trainer, solution: Solution, folder: Path) -> None:
    """Numbers, solution, pictures and report; numbers first, so that nothing computed is lost."""
    from pinnlab.report.html import write_report

    write_metrics(folder, solution.metrics)
    save_solution(solution, folder / "solution.h5", overwrite=True)
    figures = draw(solution, folder / "plots")
    # The report draws the course of the training itself, beside its tables.
    shown = {k: v for k, v in figures.items() if k not in HISTORY_CAPTIONS}
    write_report(folder / "report.html", run_data(trainer, solution, shown))


def run_data(trainer: Trainer, solution: Solution, figures: dict[str, Any]) -> RunData:
    """Everything that the report shows, as plain data."""
    problem, metrics, settings = solution.problem, solution.metrics, solution.settings
    phases = [Phase(**phase) for phase in trainer.phase_times]
    errors = metrics.get("errors", {})
    history = History.from_records(trainer.records, phases)
    chosen = {k: v for k, v in settings.items() if k not in ("resolved", "defaults")}
    return RunData(
        title=problem.name,
        status=metrics["status"],
        message=metrics["message"],
        problem=problem_text(problem),
        findings=[
            Finding(f.level, f.what, f.where, f.do)
            for f in problem.check(
                points=trainer.assembly.budget,
                derivatives=trainer.assembly.derivatives,
                quick=True,
            ).findings
        ],
        settings=chosen,
        defaults=settings["defaults"],
        versions=versions(settings),
        phases=phases,
        history=history,
        terms=[
            Term(
                name,
                value,
                trainer.objective.weights[name],
                metrics["held_out"].get(name),
                sum(len(trainer.objective.points[p]) for p in term.placements[:1]),
            )
            for term, (name, value) in zip(problem.terms, metrics["terms"].items(), strict=True)
        ]
        if metrics["terms"]
        else (),
        metrics={
            f: {k: v for k, v in e.items() if k != "best_constant"} for f, e in errors.items()
        },
        # A constant is always right about a single value: that is nothing to compare with.
        baseline={
            f: {"relative_l2": e["best_constant"]}
            for f, e in errors.items()
            if e["best_constant"] > 0
        },
        reference=problem.reference.source if problem.reference is not None else "",
        unknowns={
            name: UnknownValue(entry["value"], None, entry["true"])
            for name, entry in metrics.get("unknowns", {}).items()
        },
        figures=figures,
        notes=[_KEPT.format(**kept)] if (kept := metrics["kept"]) else (),
        warnings=[
            *metrics["warnings"],
            *(remark.text for remark in conflict_remarks(history) if remark.warning),
        ],
        seconds=metrics["seconds"],
        folder=str(solution.folder or ""),
    )


def problem_text(problem: Problem) -> ProblemText:
    """The declaration in words and formulas."""
    return ProblemText(
        name=problem.name,
        domain=repr(problem.domain),
        fields=problem.fields,
        equations=[
            Statement(name, latex=_latex(problem, equation.fn), text=equation.fn.text)
            for name, equation in problem.equations.items()
        ],
        conditions=[
            Statement(name, text=condition.describe(), kind=condition.kind)
            for name, condition in problem.conditions.items()
        ],
        parameters={
            name: f"unknown, first guess {value.initial:g}"
            if isinstance(value, Unknown)
            else getattr(value, "text", value)
            for name, value in problem.parameters.items()
        },
    )


def _latex(problem: Problem, formula: Any) -> str:
    try:
        return latex(formula, problem.coordinates, problem.fields, problem.declared.parameters)
    except PinnlabError as reason:
        logger.info("'%s' is printed as text: %s", formula.name, reason.what)
        return ""
