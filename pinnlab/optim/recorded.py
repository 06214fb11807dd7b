"""Whole steps of Adam as one CUDA graph.

A step of a small network is some hundred operations of a few microseconds each, less than it takes
to start them. Recorded once, they are started together. A recorded step reads and writes fixed
memory: new points are copied to where the first step read them, unless they were drawn there;
directions are drawn in the graph, by a generator that it knows; the learning rate is a tensor; and
whether loss and gradient are finite is decided on the device, where it keeps the update from being
made, and is read by the host only now and then.
"""

import logging
import warnings
from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from pinnlab.objective.inputs import Inputs, Reads
from pinnlab.objective.objective import Objective
from pinnlab.optim.base import Status, Stepper, StepReport
from pinnlab.optim.first_order_stepper import FirstOrderStepper, non_finite_message

logger = logging.getLogger(__name__)

WARM_UP = 3  # steps before the recording, which set up libraries, memory and optimiser
LOOK_EVERY = 100  # steps between looks at whether updates are being made
AGREEMENT = 1e-3  # relative, of a replayed loss with the one evaluated at the same place


class Recorder:
    """An action on fixed memory: carried out a few times, then recorded, then replayed.

    Args:
        action: Reads and writes the same memory in every call, and reads no number back.
        device: Where.
        generators: What the action draws random numbers from; seeds given between calls hold.
        record: Whether to record at all; otherwise the action is carried out in every call.

    Attributes:
        calls: How many there were.
    """

    def __init__(
        self,
        action: Callable[[], None],
        device: torch.device,
        *,
        generators: Sequence[torch.Generator] = (),
        record: bool = True,
    ) -> None:
        self._action, self.calls = action, 0
        self._graph: torch.cuda.CUDAGraph | None = None
        self._device, self._generators = device, tuple(generators)
        self._stream = torch.cuda.Stream(device) if record else None

    @property
    def recorded(self) -> bool:
        """Whether calls are replays."""
        return self._graph is not None

    def __call__(self) -> None:
        """Carry the action out, once."""
        self.calls += 1
        if self._graph is not None:
            self._graph.replay()
        elif self._stream is None:
            self._action()
        elif self.calls <= WARM_UP:
            self._beside(self._stream)
        else:
            self._capture(self._stream)

    def _beside(self, stream: torch.cuda.Stream) -> None:
        """On the stream of the recording, where autograd's bookkeeping then stays."""
        usual = torch.cuda.current_stream(self._device)
        stream.wait_stream(usual)
        with torch.cuda.stream(stream):
            self._action()
        usual.wait_stream(stream)

    def _capture(self, stream: torch.cuda.Stream) -> None:
        graph = torch.cuda.CUDAGraph()
        for generator in self._generators:
            graph.register_generator_state(generator)
        with torch.cuda.graph(graph, stream=stream, capture_error_mode="thread_local"):
            self._action()
        self._graph = graph
        graph.replay()  # nothing is carried out while it is recorded


class RecordedStepper(Stepper):
    """Loss, gradient and update of Adam as one recorded action.

    The numbers are those of :class:`FirstOrderStepper` on the same device; its state is the same
    as well, so that a run may go on with the one or the other.

    Args:
        inner: Owns the optimiser, which is able to be recorded.
        record: Whether to record; without, every step is carried out operation by operation on the
            same fixed memory.
    """

    def __init__(self, inner: FirstOrderStepper, *, record: bool = True) -> None:
        self._inner, self._record = inner, record
        self._reads: Reads | None = None
        self._shapes: tuple = ()
        self._held: list[Tensor] = []
        self._source: torch.Generator | None = None
        self._replay: Recorder | None = None
        self._look_in = 1
        self.fallback = ""

    def step(self, objective: Objective) -> StepReport:
        """See :meth:`Stepper.step`."""
        if self.fallback:
            return self._inner.step(objective)
        self._load(objective)
        rate = self._inner.set_rate()
        assert self._replay is not None and self._source is not None
        expected = self._expected(objective)
        self._source.manual_seed(objective.direction_seed)
        try:
            self._replay()
        except (RuntimeError, AttributeError) as reason:
            # The parameters have not moved: what fails is recording, which carries nothing out.
            if not self._record or self._replay.recorded:
                raise
            self._give_up(objective, str(reason).splitlines()[0][:200])
            return self._inner.step(objective)
        if expected is not None:
            self._compare(objective, expected)
        objective.evaluations += 1
        self._inner.taken += 1
        return self._report(objective, rate)

    # --- memory ------------------------------------------------------------------------------
    def _load(self, objective: Objective) -> None:
        """Bring points and weights to where the step reads them."""
        if self._reads is None:
            self._reads = objective.reads()
            objective.forget()  # directions are drawn for what is kept, and nobody reads these
        inputs = objective.inputs(self._reads, directions=False)
        tensors = inputs.tensors()
        shapes = tuple((t.shape, t.dtype) for t in tensors)
        if shapes != self._shapes:
            self._begin(objective, inputs, tensors)
            self._shapes = shapes
            return
        for held, new in zip(self._held, tensors, strict=True):
            if held.data_ptr() != new.data_ptr():
                held.copy_(new)

    def _begin(self, objective: Objective, inputs: Inputs, tensors: list[Tensor]) -> None:
        """Take these arrays as the ones that are read from now on."""
        like = objective.parameters[0]
        self._held, self._source = tensors, torch.Generator(like.device)
        there = objective.at(inputs, self._source)
        self.loss = like.new_zeros(())
        self.squares = like.new_zeros(len(objective.names))
        # Adam's own switch, read on the device: 1 keeps it from moving anything.
        self.rejected = torch.zeros((), dtype=torch.float32, device=like.device)
        self.in_a_row = torch.zeros_like(self.rejected)
        self._inner.optimizer.found_inf = self.rejected  # type: ignore[attr-defined]
        self._replay = Recorder(
            lambda: self._act(there),
            like.device,
            generators=[self._source],
            record=self._record,
        )

    def _act(self, there: Objective) -> None:
        """One step; everything it makes is made anew, from fixed memory to fixed memory."""
        there.forget()
        loss, squares = there.loss_and_gradient()
        self.loss.copy_(loss)
        self.squares.copy_(squares)
        gradients = [p.grad for p in there.parameters if p.grad is not None]
        norms = torch._foreach_norm(gradients)
        finite = torch.isfinite(torch.stack([loss, *norms]).sum())
        self.rejected.copy_(finite.logical_not())
        self.in_a_row.add_(1).mul_(self.rejected)
        with warnings.catch_warnings():
            # The steps before the recording are told to be slower than need be.
            warnings.filterwarnings("ignore", message=".*capturable.*")
            self._inner.clip(there)
            self._inner.optimizer.step()

    # --- what became of it -------------------------------------------------------------------
    def _report(self, objective: Objective, rate: float) -> StepReport:
        self._look_in -= 1
        bad = False
        if self._look_in <= 0:
            bad = self.in_a_row.item() > 0
            self._look_in = 1 if bad else LOOK_EVERY
        if not bad:
            return StepReport(Status.OK, self.loss, self.squares, 1, rate=rate)
        message = non_finite_message(objective, self.squares)
        return StepReport(Status.NON_FINITE, self.loss, self.squares, 1, message=message)

    def _expected(self, objective: Objective) -> float | None:
        """The loss, evaluated for comparison before the first replay."""
        assert self._replay is not None
        if not self._record or self._replay.recorded or self._replay.calls < WARM_UP:
            return None
        with torch.no_grad():
            loss = float(objective.loss())
        objective.forget()
        return loss

    def _compare(self, objective: Objective, expected: float) -> None:
        found = float(self.loss)
        if abs(found - expected) > AGREEMENT * abs(expected):
            self._give_up(objective, f"its loss is {found:.6e} instead of {expected:.6e}")

    def _give_up(self, objective: Objective, reason: str) -> None:
        self.fallback = f"the step is not recorded: {reason}"
        self._replay, self._source, self._held = None, None, []
        self._inner.optimizer.found_inf = None  # type: ignore[attr-defined]
        objective.fallbacks.append(self.fallback)
        logger.warning("%s; training goes on without", self.fallback)

    # --- state -------------------------------------------------------------------------------
    def state_dict(self) -> dict:
        """See :meth:`Stepper.state_dict`."""
        return self._inner.state_dict()

    def load_state_dict(self, state: dict) -> None:
        """See :meth:`Stepper.load_state_dict`."""
        self._inner.load_state_dict(state)
