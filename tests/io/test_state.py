"""Checkpoints: the round trip is exact, damage is always told, and a kill never loses a run."""

import hashlib
import os
import pickle
import signal
import subprocess
import sys
import time
from collections import OrderedDict, namedtuple

import h5py
import hypothesis.extra.numpy as hnp
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from pinnlab.errors import CheckpointError
from pinnlab.io import CheckpointFolder, load_state, save_state
from pinnlab.io._container import BLOCK, write_container
from pinnlab.io.state import FORMAT, SCHEMA

TORCH_DTYPES = [
    torch.float16, torch.bfloat16, torch.float32, torch.float64, torch.complex32, torch.complex64,
    torch.complex128, torch.uint8, torch.uint16, torch.uint32, torch.uint64, torch.int8,
    torch.int16, torch.int32, torch.int64, torch.bool, torch.float8_e4m3fn,
]  # fmt: skip


def same(a, b):
    """Whether two states are equal in type, dtype, shape and bits (NaN equals NaN)."""
    if type(a) is not type(b):
        return False
    if isinstance(a, torch.Tensor):
        if a.dtype != b.dtype or a.shape != b.shape or b.device.type != "cpu":
            return False
        if a.numel() == 0:
            return True
        raw = [t.contiguous().reshape(-1).view(torch.uint8) for t in (a, b)]
        return torch.equal(*raw)
    if isinstance(a, (np.ndarray, np.generic)):
        return a.dtype == b.dtype and a.shape == b.shape and a.tobytes() == b.tobytes()
    if isinstance(a, dict):
        return list(map(repr, a)) == list(map(repr, b)) and all(
            same(x, y) for x, y in zip(a.values(), b.values(), strict=True)
        )
    if isinstance(a, (list, tuple)):
        return len(a) == len(b) and all(map(same, a, b))
    return repr(a) == repr(b)  # tells 1 from True, 0.0 from -0.0, and takes NaN as equal


dtypes = st.one_of(
    hnp.boolean_dtypes(), hnp.integer_dtypes(endianness="?"),
    hnp.unsigned_integer_dtypes(), hnp.floating_dtypes(endianness="?"),
    hnp.complex_number_dtypes(), hnp.unicode_string_dtypes(max_len=4),
    hnp.byte_string_dtypes(max_len=4), hnp.datetime64_dtypes(),
)  # fmt: skip
arrays = hnp.arrays(dtypes, hnp.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=3))
tensors = st.builds(
    lambda dtype, shape, seed: (
        torch.randint(0, 2, (*shape, dtype.itemsize), generator=torch.Generator().manual_seed(seed))
        .to(torch.uint8)
        .reshape(-1)
        .view(dtype)
        .reshape(shape)
    ),
    st.sampled_from(TORCH_DTYPES),
    st.lists(st.integers(0, 3), max_size=3).map(tuple),
    st.integers(0, 2**31),
)
scalars = st.one_of(
    st.none(), st.booleans(), st.integers(), st.integers(-(2**200), 2**200), st.floats(),
    st.complex_numbers(), st.text(st.characters()), st.binary(),
)  # fmt: skip
states = st.recursive(
    st.one_of(scalars, arrays, tensors, arrays.map(lambda a: a.reshape(-1)[0] if a.size else a)),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.lists(inner, max_size=3).map(tuple),
        st.dictionaries(
            st.one_of(st.text(), st.integers(), st.tuples(st.integers(), st.text())),
            inner,
            max_size=3,
        ),
    ),
    max_leaves=8,
)


@given(states)
@settings(max_examples=60, deadline=None)
def test_round_trip(tmp_path_factory, state):
    path = tmp_path_factory.mktemp("state") / "s.h5"
    save_state(path, state)
    assert same(load_state(path), state)


def test_random_states_continue_their_streams(tmp_path):
    numpy, generator = np.random.default_rng(3), torch.Generator().manual_seed(3)
    numpy.normal(size=5), torch.randn(5, generator=generator)
    save_state(tmp_path / "s", {"np": numpy.bit_generator.state, "torch": generator.get_state()})
    expected = numpy.normal(size=4), torch.randn(4, generator=generator)
    state = load_state(tmp_path / "s")
    again, torch_again = np.random.default_rng(), torch.Generator()
    again.bit_generator.state = state["np"]
    torch_again.set_state(state["torch"])
    assert np.array_equal(again.normal(size=4), expected[0])
    assert torch.equal(torch.randn(4, generator=torch_again), expected[1])


def test_optimizer_continues_where_it_stopped(tmp_path):
    def make():
        weights = torch.nn.Parameter(torch.tensor([1.0, -2.0], dtype=torch.float64))
        return weights, torch.optim.Adam([weights], amsgrad=True)

    def step(weights, optimizer):
        optimizer.zero_grad()
        (weights**4).sum().backward()
        optimizer.step()

    weights, optimizer = make()
    for _ in range(3):
        step(weights, optimizer)
    save_state(tmp_path / "s", {"w": weights, "opt": optimizer.state_dict()})
    step(weights, optimizer)
    again, optimizer_again = make()
    state = load_state(tmp_path / "s")
    with torch.no_grad():
        again.copy_(state["w"])
    optimizer_again.load_state_dict(state["opt"])
    step(again, optimizer_again)
    assert torch.equal(again, weights)


def test_subclasses_and_views_become_plain(tmp_path):
    pair = namedtuple("pair", "a b")
    matrix = torch.arange(6.0).reshape(2, 3)
    state = {
        "ordered": OrderedDict(b=1, a=2),
        "pair": pair(1, 2),
        "parameter": torch.nn.Parameter(torch.ones(2)),
        "transposed": matrix.T,
        "slice": np.arange(10)[::-3],
        "conj": torch.tensor([1 + 2j]).conj(),
        "size": torch.Size([2, 3]),
    }
    save_state(tmp_path / "s", state)
    found = load_state(tmp_path / "s")
    assert found["ordered"] == {"b": 1, "a": 2}
    assert list(found["ordered"]) == ["b", "a"]
    assert found["pair"] == (1, 2)
    assert type(found["parameter"]) is torch.Tensor
    assert torch.equal(found["transposed"], matrix.T)
    assert found["slice"].tolist() == [9, 6, 3, 0]
    assert found["conj"].tolist() == [1 - 2j]
    assert found["size"] == (2, 3)


def test_loaded_tensors_can_be_changed(tmp_path):
    save_state(tmp_path / "s", [torch.zeros(2), torch.zeros(2, dtype=torch.bfloat16), np.zeros(2)])
    for value in load_state(tmp_path / "s"):
        value += 1
        assert value[0] == 1


def test_huge_integers(tmp_path):
    number = -(7**20000)  # longer than Python prints by default
    save_state(tmp_path / "s", number)
    assert load_state(tmp_path / "s") == number


def recursive():
    state = {}
    state["a"] = [state]
    return state


def deep():
    state = []
    for _ in range(100_000):
        state = [state]
    return state


@pytest.mark.parametrize(
    "state, words",
    [
        ({"a": [1, {2}]}, r"state\['a'\]\[1\] cannot be saved(.|\n)*builtins.set"),
        ({"f": print}, r"state\['f'\] cannot be saved"),
        ({print: 1}, "a key of state cannot be saved"),
        ({"o": np.array([None])}, r"state\['o'\] holds values(.|\n)*pickle"),
        ({"o": np.zeros(2, [("a", float)])}, "pickle"),
        ({"s": torch.ones(2).to_sparse()}, "not a dense tensor"),
        ({"m": torch.ones(2, device="meta")}, "not a dense tensor"),
        (recursive(), r"state\['a'\]\[0\] refers to itself"),
        (deep(), "nested too deeply"),
    ],
)
def test_what_cannot_be_saved_is_named(tmp_path, state, words):
    with pytest.raises(CheckpointError, match=words):
        save_state(tmp_path / "s.h5", state)
    assert list(tmp_path.iterdir()) == []  # nothing half-written stays


def test_a_failed_save_leaves_the_old_file(tmp_path):
    save_state(tmp_path / "s.h5", 1)
    with pytest.raises(CheckpointError):
        save_state(tmp_path / "s.h5", [torch.ones(3), torch.ones(2).to_sparse()])
    assert load_state(tmp_path / "s.h5") == 1
    assert len(list(tmp_path.iterdir())) == 1


def test_unwritable_target(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(CheckpointError, match="cannot be written"):
        save_state(tmp_path / "file" / "s.h5", 1)


def test_other_tools_can_read_the_numbers(tmp_path):
    save_state(tmp_path / "s.h5", {"w": torch.arange(3.0)})
    with h5py.File(tmp_path / "s.h5") as file:
        assert file.attrs["format"] == FORMAT
        assert file["arrays/0"][()].tolist() == [0, 1, 2]


# ---------------------------------------------------------------------------------------------
# damage
# ---------------------------------------------------------------------------------------------


@pytest.fixture
def whole(tmp_path):
    path = tmp_path / "s.h5"
    save_state(path, {"w": torch.arange(100.0), "n": 5, "t": ("a", None)})
    return path


def test_every_truncation_is_told(whole):
    raw = whole.read_bytes()
    for size in {0, 1, 100, BLOCK - 1, BLOCK, BLOCK + 1, len(raw) // 2, len(raw) - 1}:
        whole.write_bytes(raw[:size])
        with pytest.raises(CheckpointError, match=r"truncated|damaged|not written by") as caught:
            load_state(whole)
        if size >= BLOCK:
            assert "truncated" in str(caught.value)


def test_every_flipped_bit_is_told(whole):
    raw = whole.read_bytes()
    rng = np.random.default_rng(0)
    places = [*range(0, BLOCK * 8, 37), *rng.integers(0, len(raw) * 8, 300)]
    for place in places:
        broken = bytearray(raw)
        broken[place // 8] ^= 1 << (place % 8)
        whole.write_bytes(broken)
        with pytest.raises(CheckpointError):
            load_state(whole)


def test_appended_bytes_are_told(whole):
    whole.write_bytes(whole.read_bytes() + b"x")
    with pytest.raises(CheckpointError, match="damaged"):
        load_state(whole)


def reseal(path, schema=SCHEMA, kind=FORMAT):
    """Give a changed file a right checksum again."""
    raw = path.read_bytes()[BLOCK:]
    digest = hashlib.sha256(raw).hexdigest()
    head = f"pinnlab-file {kind}\nschema {schema}\nbytes {len(raw) + BLOCK}\nsha256 {digest}\n"
    path.write_bytes(head.encode().ljust(BLOCK, b"\0") + raw)


def test_newer_schema(whole):
    reseal(whole, schema=SCHEMA + 1)
    with pytest.raises(CheckpointError, match=r"newer pinnlab(.|\n)*schema 2(.|\n)*upgrade"):
        load_state(whole)


def test_other_kind(whole):
    write_container(whole, "pinnlab-solution", 1, lambda file: None)
    with pytest.raises(CheckpointError, match=r"another kind(.|\n)*pinnlab-solution"):
        load_state(whole)


@pytest.mark.parametrize("structure", [b"{", b'{"what": 1}', b"\xff", b'{"array": 99}'])
def test_nonsense_with_a_right_checksum(whole, structure):
    def fill(file):
        file["structure"] = np.frombuffer(structure, np.uint8)
        file.create_group("arrays")

    write_container(whole, FORMAT, SCHEMA, fill)
    with pytest.raises(CheckpointError, match="damaged"):
        load_state(whole)
    write_container(whole, FORMAT, SCHEMA, lambda file: None)
    with pytest.raises(CheckpointError, match="damaged"):
        load_state(whole)


@pytest.mark.parametrize("content", [b"", b"hello\n" * 200, pickle.dumps({"a": 1}), b"\x89HDF"])
def test_foreign_files(tmp_path, content):
    (tmp_path / "s.h5").write_bytes(content)
    with pytest.raises(CheckpointError, match="not written by pinnlab"):
        load_state(tmp_path / "s.h5")


def test_foreign_hdf5(tmp_path):
    with h5py.File(tmp_path / "s.h5", "w") as file:
        file["a"] = 1
    with pytest.raises(CheckpointError, match="not written by pinnlab"):
        load_state(tmp_path / "s.h5")


def test_missing_file_and_folder(tmp_path):
    with pytest.raises(CheckpointError, match=r"There is no file(.|\n)*nothing"):
        load_state(tmp_path / "s.h5")
    with pytest.raises(CheckpointError, match=r"There is no file(.|\n)*a folder"):
        load_state(tmp_path)


# ---------------------------------------------------------------------------------------------
# the folder
# ---------------------------------------------------------------------------------------------


def test_folder_keeps_the_newest(tmp_path):
    folder = CheckpointFolder(tmp_path / "run" / "checkpoints", keep=2)
    assert folder.latest() is None
    for step in (0, 10, 20, 30):
        folder.save(step, {"s": step})
    assert [file.name for file in folder.files()] == [
        "checkpoint-000003-step-20.h5",
        "checkpoint-000004-step-30.h5",
    ]
    assert folder.latest() == (30, {"s": 30})


def test_latest_is_the_one_saved_last_also_after_going_back(tmp_path):
    folder = CheckpointFolder(tmp_path, keep=2)
    for step in (100, 200, 50):
        folder.save(step, step)
    assert folder.latest() == (50, 50)


def test_damaged_newest_is_passed_over_with_a_warning(tmp_path):
    folder = CheckpointFolder(tmp_path, keep=2)
    folder.save(1, "one")
    newest = folder.save(2, "two")
    newest.write_bytes(newest.read_bytes()[:-10])
    with pytest.warns(UserWarning, match=r"checkpoint-000002-step-2.h5.*truncated"):
        assert folder.latest() == (1, "one")
    with pytest.warns(UserWarning, match="passed over"):
        assert folder.latest() == (1, "one")
    folder.save(2, "again")
    assert folder.latest() == (2, "again")


def test_all_damaged(tmp_path):
    folder = CheckpointFolder(tmp_path, keep=2)
    for step in (1, 2):
        folder.save(step, step).write_bytes(b"")
    with (
        pytest.warns(UserWarning, match="passed over"),
        pytest.raises(CheckpointError, match=r"No checkpoint in(.|\n)*is whole"),
    ):
        folder.latest()


def test_a_failed_save_removes_nothing(tmp_path):
    folder = CheckpointFolder(tmp_path, keep=1)
    folder.save(1, "good")
    with pytest.raises(CheckpointError):
        folder.save(2, {1, 2})
    assert folder.latest() == (1, "good")


def test_leftovers_and_foreign_files(tmp_path):
    folder = CheckpointFolder(tmp_path)
    (tmp_path / ".checkpoint-000001-step-1.h5.tmp-99-ab").write_bytes(b"half")
    (tmp_path / "notes.txt").write_text("mine")
    folder.save(1, 1)
    assert sorted(file.name for file in tmp_path.iterdir()) == [
        "checkpoint-000001-step-1.h5",
        "notes.txt",
    ]


def test_folder_refuses(tmp_path):
    with pytest.raises(CheckpointError, match="must keep something"):
        CheckpointFolder(tmp_path, keep=0)
    with pytest.raises(CheckpointError, match="step of 0 or more"):
        CheckpointFolder(tmp_path).save(-1, None)


SAVER = """
import sys, torch
from pinnlab.io import CheckpointFolder
folder = CheckpointFolder(sys.argv[1], keep=1)
found = folder.latest()
step = found[0] + 1 if found else 0
while True:
    weights = torch.full((200_000,), float(step))
    folder.save(step, {"weights": weights, "again": [weights, step]})
    print(step, flush=True)
    step += 1
"""


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="needs SIGKILL")
def test_killed_while_saving(tmp_path):
    """After a kill at any moment the folder loads, whole, at or after the last reported step."""
    rng, reported = np.random.default_rng(0), -1
    folder = CheckpointFolder(tmp_path, keep=1)
    for _ in range(4):
        process = subprocess.Popen(
            [sys.executable, "-c", SAVER, str(tmp_path)], stdout=subprocess.PIPE, text=True
        )
        assert process.stdout is not None
        reported = int(process.stdout.readline())  # it is saving from here on
        time.sleep(rng.uniform(0, 0.3))
        os.kill(process.pid, signal.SIGKILL)
        rest = process.stdout.read().split("\n")[:-1]
        process.wait()
        process.stdout.close()
        reported = int(rest[-1]) if rest else reported
        step, state = folder.latest()
        assert step in (reported, reported + 1)
        assert state["again"][1] == step
        assert torch.equal(state["weights"], torch.full((200_000,), float(step)))
