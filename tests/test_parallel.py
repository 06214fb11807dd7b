"""Independent pieces of work on several threads."""

import _thread
import os
import signal
import threading
import time
from functools import partial

import numpy as np
import pytest
import torch

from pinnlab import parallel
from pinnlab.parallel import (
    all_threads,
    one_thread,
    run_at_once,
    threads,
    threads_for_tasks,
)
from pinnlab.sampling.noise import Noise


@pytest.fixture
def two_threads(torch_threads):
    """Two threads of torch, as a user sets them; they are given back whatever happens."""
    torch_threads(2)
    yield
    assert torch.get_num_threads() == 2


@pytest.mark.usefixtures("two_threads")
def test_tasks_run_at_the_same_time_and_keep_to_one_thread():
    met = threading.Barrier(2, timeout=20)
    seen = []

    def task():
        met.wait()  # only if both run at once
        seen.append((threading.get_ident(), torch.get_num_threads(), threads()))

    run_at_once([task, task])
    assert len({ident for ident, *_ in seen}) == 2
    assert [one[1:] for one in seen] == [(1, 1), (1, 1)]
    assert threads() == 2


@pytest.mark.usefixtures("two_threads")
def test_every_task_runs_once_however_many_there_are():
    for count in (0, 1, 2, 3, 7):
        done: list[int] = []
        run_at_once([partial(done.append, k) for k in range(count)])
        assert sorted(done) == list(range(count))


def test_one_thread_runs_them_in_turn():
    done = []
    run_at_once([lambda k=k: done.append((k, threading.get_ident())) for k in range(3)])
    assert done == [(k, threading.get_ident()) for k in range(3)]


@pytest.mark.usefixtures("two_threads")
@pytest.mark.parametrize("failing", [0, 1])
def test_what_a_task_raises_arrives_after_all_have_ended(failing):
    done = []

    def fail():
        raise ValueError("this one")

    def work():
        time.sleep(0.05)
        done.append(True)

    with pytest.raises(ValueError, match="this one"):
        run_at_once([fail, work] if failing == 0 else [work, fail])
    assert done == [True]


@pytest.mark.usefixtures("two_threads")
@pytest.mark.parametrize("mode", [torch.enable_grad, torch.no_grad, torch.inference_mode])
def test_tasks_record_gradients_as_their_caller_does(mode):
    x = torch.ones(3, requires_grad=True)
    found = []
    with mode():
        run_at_once([lambda: found.append(2 * x), lambda: found.append(2 * x)])
        expected = 2 * x
    for out in found:
        assert out.requires_grad == expected.requires_grad
        assert out.is_inference() == expected.is_inference()


@pytest.mark.usefixtures("two_threads")
def test_work_within_a_task_stays_there():
    idents = []

    def task():
        run_at_once([lambda: idents.append(threading.get_ident())] * 3)

    run_at_once([task, task])
    assert len(idents) == 6
    assert len(set(idents)) == 2


@pytest.fixture
def keyboard():
    """Ctrl-C raises, also in a process that was started in the background, which ignores it."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("two_threads", "keyboard")
def test_threads_are_given_back_if_the_keyboard_interrupts_the_wait():
    def interrupts():
        time.sleep(0.1)  # the other share has come to its end
        _thread.interrupt_main()
        time.sleep(0.3)

    with pytest.raises(KeyboardInterrupt):
        run_at_once([list, interrupts])
    assert (torch.get_num_threads(), threads()) == (2, 2)
    done = []
    run_at_once([lambda: done.append(1), lambda: done.append(2)])
    assert sorted(done) == [1, 2]


@pytest.mark.usefixtures("two_threads")
def test_threads_are_left_to_tasks_of_every_step_from_the_first_on():
    with threads_for_tasks():
        run_at_once([list, list])
        assert (torch.get_num_threads(), threads()) == (2, 2)
        run_at_once([list, list], every_step=True)
        assert (torch.get_num_threads(), threads()) == (1, 2)
        run_at_once([list, list])
        assert (torch.get_num_threads(), threads()) == (1, 2)
        with threads_for_tasks():
            run_at_once([list, list], every_step=True)
        assert (torch.get_num_threads(), threads()) == (1, 2)
    assert (torch.get_num_threads(), threads()) == (2, 2)
    with pytest.raises(KeyError), threads_for_tasks():
        run_at_once([list, lambda: {}["missing"]], every_step=True)
    assert torch.get_num_threads() == 2
    run_at_once([list, list], every_step=True)  # outside of a training
    assert torch.get_num_threads() == 2


@pytest.mark.usefixtures("two_threads")
def test_points_of_many_coordinates_leave_torch_its_threads():
    with threads_for_tasks():
        Noise(np.random.default_rng(0), torch.float32).normal(3, 2**20)
        assert torch.get_num_threads() == 2


@pytest.mark.usefixtures("two_threads")
@pytest.mark.skipif(not hasattr(os, "fork"), reason="a child process is made by forking")
@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
def test_a_forked_process_has_threads_of_its_own():
    run_at_once([list, list])
    assert parallel._inboxes.cache_info().currsize
    child = os.fork()
    if child == 0:
        done = []
        run_at_once([lambda: done.append(1), lambda: done.append(2)])
        os._exit(0 if sorted(done) == [1, 2] else 1)
    for _ in range(200):
        ended, status = os.waitpid(child, os.WNOHANG)
        if ended:
            break
        time.sleep(0.05)
    else:
        os.kill(child, 9)
        os.waitpid(child, 0)
        pytest.fail("the child process waits for ever")
    assert os.waitstatus_to_exitcode(status) == 0


def counts() -> tuple[int, int]:
    """Threads of torch's operations, and those that may work at once."""
    return torch.get_num_threads(), threads()


@pytest.mark.usefixtures("two_threads")
def test_short_work_keeps_operations_to_one_thread_meanwhile():
    with one_thread():
        assert torch.get_num_threads() == 1
    with pytest.raises(KeyError), one_thread():
        {}["missing"]
    assert counts() == (2, 2)
    with threads_for_tasks():
        run_at_once([list, list], every_step=True)
        with one_thread():
            assert torch.get_num_threads() == 1
        assert counts() == (1, 2)


@pytest.mark.usefixtures("two_threads")
def test_long_work_has_all_threads_in_a_run_that_shares_out_its_steps():
    with all_threads():
        assert counts() == (2, 2)
    with threads_for_tasks():
        run_at_once([list, list], every_step=True)
        with all_threads():
            assert counts() == (2, 2)
        with pytest.raises(KeyError), all_threads():
            {}["missing"]
        assert counts() == (1, 2)


@pytest.mark.usefixtures("two_threads")
def test_a_task_keeps_to_one_thread_whatever_it_asks_for():
    seen = []

    def task():
        with all_threads():
            seen.append(torch.get_num_threads())

    run_at_once([task, task])
    assert seen == [1, 1]
