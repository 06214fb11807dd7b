"""Memory that the passes of one layout reuse.

Memory that is allocated anew in every step is handed out by the system page by page, which can
cost as much as the arithmetic of a small network. A pass borrows its arrays from a
:class:`Workspace` through a :class:`Loan`, which gives them back once nothing needs them any more.
"""

from torch import Tensor


class Slots:
    """The jet of some features on one block of points, and views of its parts.

    Features come first: a matrix product with many columns is faster than one with many rows, and
    a number per feature, such as a bias, is then constant along the fast axis.

    Attributes:
        array: All of it, ``(width, slots, points)``.
        flat: The same as a matrix, ``(width, slots * points)``.
        parts: Each slot, ``(width, points)``.
        value: The first of them.
        derivatives: All others, ``(width, slots - 1, points)``.
    """

    __slots__ = ("array", "derivatives", "flat", "parts", "value")

    def __init__(self, array: Tensor) -> None:
        self.array = array
        self.flat = array.view(len(array), -1)
        self.parts = array.unbind(1)
        self.value = self.parts[0]
        self.derivatives = array[:, 1:]


class Workspace:
    """Arrays of past passes, ready for the next one."""

    def __init__(self) -> None:
        self._free: dict[tuple, list[Slots]] = {}

    def take(self, shape: tuple[int, int, int], like: Tensor) -> Slots:
        """An array of that shape and the type of ``like``, its contents arbitrary."""
        free = self._free.get((*shape, like.dtype, like.device))
        return free.pop() if free else Slots(like.new_empty(shape))

    def give(self, slots: Slots) -> None:
        """Take an array back."""
        array = slots.array
        self._free.setdefault((*array.shape, array.dtype, array.device), []).append(slots)


class Loan:
    """What one pass has borrowed; all of it goes back when the loan is forgotten."""

    def __init__(self, workspace: Workspace, like: Tensor) -> None:
        self._workspace, self._like = workspace, like
        self._taken: dict[int, Slots] = {}

    def take(self, width: int, slots: int, points: int) -> Slots:
        """Borrow an array."""
        taken = self._workspace.take((width, slots, points), self._like)
        self._taken[id(taken)] = taken
        return taken

    def give(self, *arrays: Slots) -> None:
        """Give arrays back early."""
        for slots in arrays:
            self._workspace.give(self._taken.pop(id(slots)))

    def __del__(self) -> None:
        for slots in self._taken.values():
            self._workspace.give(slots)
