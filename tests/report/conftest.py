import numpy as np
import pytest

from pinnlab.report import (
    Finding,
    History,
    Phase,
    ProblemText,
    RunData,
    Statement,
    Term,
    UnknownValue,
)


@pytest.fixture
def history() -> History:
    step = np.arange(0, 300, 10)
    seldom = np.full(step.size, np.nan)
    seldom[::5] = np.exp(-step[::5] / 100)
    return History(
        step=step,
        total=3 * np.exp(-step / 50),
        terms={"burgers": np.exp(-step / 50), "ends": 0.2 * np.exp(-step / 50)},
        weights={"burgers": np.ones(step.size), "ends": 1 + step / 30},
        unknowns={"nu": 0.05 * np.exp(-step / 60) + 0.003},
        errors={"u relative_l2": seldom},
        learning_rate=np.full(step.size, 1e-3),
        phases=[
            Phase("Adam", 0, 200, 4.0, "finished"),
            Phase("LBFGS", 200, 290, 2.5, "converged"),
        ],
    )


@pytest.fixture
def run(history: History) -> RunData:
    return RunData(
        title="Burgers equation",
        status="converged",
        problem=ProblemText(
            name="burgers",
            domain="x in [-1, 1], t in [0, 1]",
            fields=["u"],
            equations=[Statement("burgers", latex=r"\frac{\partial u}{\partial t} = \nu u_{xx}")],
            conditions=[Statement("start", text="u = -sin(pi*x)", kind="Initial")],
            parameters={"nu": "0.01/pi", "k": 0.5},
        ),
        findings=[
            Finding("ok", "names fit"),
            Finding("warning", "nothing covers 'top'", "top", "add one"),
        ],
        settings={"surrogate": {"kind": "MLP", "width": 64}, "phases": [{"kind": "Adam"}]},
        defaults=["surrogate.width"],
        versions={"pinnlab": "0.1", "seed": 0},
        history=history,
        terms=[Term("burgers", 1.25e-5, 1.0, 1.9e-5, 4000), Term("ends", 3e-9, 10.0)],
        metrics={"u": {"relative_l2": 3.1e-3, "max": 0.0123}},
        baseline={"u": {"relative_l2": 1.0, "max": 1.2}},
        reference="Burgers.npz",
        unknowns={"nu": UnknownValue(0.0031822, 2.1e-5, 0.0031831)},
        warnings=["the front is thin"],
        folder="runs/burgers",
    )
