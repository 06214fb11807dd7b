"""The run log: whole lines, resuming without doubles, numbers that are not finite."""

import json
import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from pinnlab.errors import DataError
from pinnlab.io import RunLog, read_log


@pytest.fixture
def path(tmp_path):
    return tmp_path / "run" / "log.jsonl"


def test_lines_are_there_at_once(path):
    with RunLog(path) as log:
        log.write(step=0, loss=1.5, terms={"pde": 1.0}, flags=[True, None, "x"])
        assert read_log(path) == [
            {"step": 0, "loss": 1.5, "terms": {"pde": 1.0}, "flags": [True, None, "x"]}
        ]
        log.write(step=np.int64(1), loss=torch.tensor(2.5), grad=np.ones(2), t=(1, 2))
    assert read_log(path)[1] == {"step": 1, "loss": 2.5, "grad": [1, 1], "t": [1, 2]}
    with pytest.raises(DataError, match="is closed"):
        log.write(step=2)
    log.close()


def test_not_finite_numbers(path):
    with RunLog(path, fsync=True) as log:
        log.write(a=math.nan, b=math.inf, c=[-math.inf], d=torch.tensor([math.nan]))
    line = path.read_text()
    strict = json.loads(line, parse_constant=lambda name: pytest.fail(f"{name} is not JSON"))
    assert strict == {"a": "NaN", "b": "Infinity", "c": ["-Infinity"], "d": ["NaN"]}
    found = read_log(path)[0]
    assert math.isnan(found["a"])
    assert math.isnan(found["d"][0])
    assert (found["b"], found["c"]) == (math.inf, [-math.inf])


values = st.recursive(
    st.one_of(
        st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False),
        st.text().filter(lambda text: text not in ("NaN", "Infinity", "-Infinity")),
    ),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(st.text(), inner)),
    max_leaves=6,
)  # fmt: skip


@given(st.lists(st.dictionaries(st.sampled_from("abc"), values), max_size=4))
@settings(max_examples=50, deadline=None)
def test_round_trip(tmp_path_factory, entries):
    path = tmp_path_factory.mktemp("log") / "l.jsonl"
    with RunLog(path) as log:
        for entry in entries:
            log.write(**entry)
    assert read_log(path) == entries


def test_a_resumed_run_does_not_repeat_steps(path):
    with RunLog(path) as log:
        log.write(event="start")
        for step in range(6):
            log.write(step=step, loss=float(step))
        log.write(event="phase end")
    with RunLog(path, resume_after=3) as log:
        assert [line.get("step") for line in read_log(path)] == [None, 0, 1, 2, 3]
        log.write(step=4, loss=9.0)
    assert [line.get("step") for line in read_log(path)] == [None, 0, 1, 2, 3, 4]
    with RunLog(path) as log:
        log.write(step=5)
    assert len(read_log(path)) == 7


def test_half_written_line_is_left_out_and_cut_off(path):
    with RunLog(path) as log:
        log.write(step=0)
        log.write(step=1)
    whole = path.read_bytes()
    for end in range(len(whole) - 1, len(whole) // 2, -1):
        path.write_bytes(whole[:end])
        assert read_log(path) == [{"step": 0}]
    with RunLog(path) as log:
        log.write(step=1)
    assert path.read_bytes() == whole
    path.write_bytes(whole + b"\0\0\0\0\n")  # what a power failure can leave
    assert len(read_log(path)) == 2
    with RunLog(path):
        pass
    assert path.read_bytes() == whole


def test_blank_lines_are_harmless(path):
    path.parent.mkdir()
    path.write_text('{"step": 0}\n\n{"step": 1}\n')
    assert len(read_log(path)) == 2


def test_refusals(path):
    with pytest.raises(DataError, match="cannot be read"):
        read_log(path)
    path.parent.mkdir()
    for line in ("loss 3", "[1]", '"a"', "{"):
        path.write_text(f'{{"step": 0}}\n{line}\n{{"step": 1}}\n')
        with pytest.raises(DataError, match="Line 2 of the log"):
            read_log(path)
        with pytest.raises(DataError, match="Line 2 of the log"):
            RunLog(path)
    path.unlink()
    with RunLog(path) as log:
        with pytest.raises(DataError, match=r"cannot be written(.|\n)*\['f'\] is a builtin"):
            log.write(f=print)
        with pytest.raises(DataError, match="a key of"):
            log.write(f={1: 2})
        log.write(step=1)
    assert read_log(path) == [{"step": 1}]
