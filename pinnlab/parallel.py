"""Independent pieces of work on several threads.

torch gives every operation to all of its threads. An operation on one block of points lasts some
ten microseconds, no longer than it takes to wake a thread. So the blocks are shared out instead:
each thread takes some of them through all of their operations. torch lets go of the interpreter's
lock while an operation computes, so that threads rarely wait for each other.
"""

import os
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from functools import cache, partial

import torch

Task = Callable[[], object]


class _Caller(threading.local):
    """What a thread that shares out work knows of it.

    Attributes:
        threads: How many threads there are, while operations keep to one; None while torch knows.
        stays: Whether operations keep to one thread after the first work that was shared out.
    """

    threads: int | None = None
    stays = False


_caller = _Caller()


def threads() -> int:
    """How many threads may work at once: those of :func:`torch.set_num_threads`."""
    return _caller.threads or torch.get_num_threads()


@contextmanager
def threads_for_tasks() -> Iterator[None]:
    """Leave all threads to :func:`run_at_once` from the first work on that is shared out.

    Threads of torch wait for their next operation by spinning, and take the processors from tasks
    that run meanwhile. Until work is shared out, nothing changes.
    """
    before, _caller.stays = _caller.stays, True
    try:
        yield
    finally:
        _caller.stays = before
        _give_back()


def run_at_once(tasks: Sequence[Task]) -> None:
    """Run tasks on as many threads as torch has; each task keeps to one.

    The caller takes some of them itself. A task records gradients if the caller does.

    Args:
        tasks: What may run at the same time. One alone has all threads of torch.

    Raises:
        BaseException: What a task raised, after all have come to their end.
    """
    known = threads()
    count = min(known, len(tasks))
    if count < 2:
        for task in tasks:
            task()
        return
    modes = torch.is_grad_enabled(), torch.is_inference_mode_enabled()
    shares = [partial(_run, tasks[k::count], *modes) for k in range(count)]
    others: list[Future[None]] = []
    if _caller.threads is None:
        torch.set_num_threads(1)
    _caller.threads = 1  # what a task shares out, it does by itself
    try:
        others += [_pool(count - 1).submit(share) for share in shares[1:]]
        shares[0]()
    finally:
        wait(others)
        _caller.threads = known
        _give_back()
    for other in others:
        other.result()


def _give_back() -> None:
    """Let torch's operations have all threads again, unless they are to be left to tasks."""
    if _caller.threads is not None and not _caller.stays:
        torch.set_num_threads(_caller.threads)
        _caller.threads = None


def _run(tasks: Sequence[Task], recording: bool, inference: bool) -> None:
    with torch.inference_mode(inference), torch.set_grad_enabled(recording):
        for task in tasks:
            task()


@cache
def _pool(count: int) -> ThreadPoolExecutor:
    """Threads that wait for work, on which operations of torch keep to one thread."""
    one = {"initializer": torch.set_num_threads, "initargs": (1,)}
    return ThreadPoolExecutor(count, "pinnlab", **one)


# In a child process only the thread that forked is alive.
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_pool.cache_clear)
