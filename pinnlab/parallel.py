"""Independent pieces of work on several threads.

torch gives every operation to all of its threads. An operation on one block of points lasts some
ten microseconds, no longer than it takes to wake a thread. So the blocks are shared out instead:
each thread takes some of them through all of their operations. torch lets go of the interpreter's
lock while an operation computes, so that threads rarely wait for each other.
"""

import os
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from functools import cache, partial
from queue import SimpleQueue

import torch

Task = Callable[[], object]


class _Caller(threading.local):
    """What a thread that shares out work knows of it.

    Attributes:
        threads: How many threads there are, while operations keep to one; None while torch knows.
        lasting: Whether operations may keep to one thread between works that are shared out.
    """

    threads: int | None = None
    lasting = False


_caller = _Caller()


def threads() -> int:
    """How many threads may work at once: those of :func:`torch.set_num_threads`."""
    return _caller.threads or torch.get_num_threads()


@contextmanager
def threads_for_tasks() -> Iterator[None]:
    """Leave all threads to tasks from the first ones on that come in every step.

    Threads of torch wait for their next operation by spinning, and take the processors from tasks
    that run meanwhile. Until such tasks come, nothing changes.
    """
    before, _caller.lasting = _caller.lasting, True
    try:
        yield
    finally:
        _caller.lasting = before
        if not before:
            _give_back()


def run_at_once(tasks: Sequence[Task], *, every_step: bool = False) -> None:
    """Run tasks on as many threads as torch has; each task keeps to one.

    The caller takes some of them itself. A task records gradients if the caller does.

    Args:
        tasks: What may run at the same time. One alone has all threads of torch.
        every_step: Whether they are most of what a step of training does. Then the operations
            between them keep to one thread as well, see :func:`threads_for_tasks`.

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
    ended: SimpleQueue[BaseException | None] = SimpleQueue()
    given, errors = 0, []
    lasts = _caller.threads is not None or (every_step and _caller.lasting)
    torch.set_num_threads(1)
    _caller.threads = 1  # what a task shares out, it does by itself
    try:
        try:
            for inbox, share in zip(_inboxes(count - 1), shares[1:], strict=True):
                inbox.put((share, ended))
                given += 1
            shares[0]()
        finally:
            errors += [ended.get() for _ in range(given)]
    finally:  # even if the keyboard interrupts while others are at work
        _caller.threads = known
        if not lasts:
            _give_back()
    for error in errors:
        if error is not None:
            raise error


def one_thread() -> AbstractContextManager[None]:
    """Keep operations of torch to one thread meanwhile.

    For what is so short that several threads only wait for each other.
    """
    return _torch_threads(1)


def all_threads() -> AbstractContextManager[None]:
    """Give operations of torch back the threads that :func:`threads_for_tasks` took, meanwhile.

    For linear algebra that lasts much longer than a task.
    """
    return _torch_threads(threads())


@contextmanager
def _torch_threads(count: int) -> Iterator[None]:
    """Let operations of torch have so many threads meanwhile."""
    before = torch.get_num_threads()
    if count == before:
        yield
        return
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def _give_back() -> None:
    """Let torch's operations have all threads again."""
    if _caller.threads is not None:
        torch.set_num_threads(_caller.threads)
        _caller.threads = None


def _run(tasks: Sequence[Task], recording: bool, inference: bool) -> None:
    with torch.inference_mode(inference), torch.set_grad_enabled(recording):
        for task in tasks:
            task()


# What a thread is to do, and where it tells that it came to its end, or why not.
_Order = tuple[Task, SimpleQueue[BaseException | None]]


@cache
def _inboxes(count: int) -> list[SimpleQueue[_Order]]:
    """Where threads wait for work, on which operations of torch keep to one thread.

    An executor does the same and takes twice as long to begin and to end, a tenth of a millisecond
    each where a step has left the cache cold.
    """
    inboxes: list[SimpleQueue[_Order]] = [SimpleQueue() for _ in range(count)]
    for inbox in inboxes:
        threading.Thread(target=_serve, args=(inbox,), name="pinnlab", daemon=True).start()
    return inboxes


def _serve(inbox: SimpleQueue[_Order]) -> None:
    torch.set_num_threads(1)
    while True:
        share, ended = inbox.get()
        reason: BaseException | None = None
        try:
            share()
        except BaseException as error:
            reason = error
        ended.put(reason)
        del share, ended, reason  # nothing is kept alive while there is nothing to do


# In a child process only the thread that forked is alive.
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_inboxes.cache_clear)
