"""Recorded steps do what steps one operation at a time do; recording itself needs a GPU."""

import contextlib
import functools
import logging
import math
from types import SimpleNamespace

import pytest
import torch
from cases import PROBLEMS, assembly

import pinnlab as pl
from pinnlab.errors import DeclarationError
from pinnlab.objective.compiled import CompiledLoss
from pinnlab.optim import first_order
from pinnlab.optim.base import Status
from pinnlab.optim.recorded import LOOK_EVERY, RecordedStepper, Recorder
from pinnlab.problems import PointBudget
from pinnlab.problems.assemble import assemble
from pinnlab.training import Trainer


def high_dimensional(**options):
    """Sine-Gordon in 30 dimensions along four random directions."""
    problem = pl.high_dimension.sine_gordon(dim=30)
    network, budget = pl.MLP(8, 2), PointBudget(interior=12, boundary=4)
    return assemble(problem, network, budget=budget, derivatives=pl.STDE(samples=4), **options)


def beside(objective, phase):
    """A stepper on fixed memory, without a GPU."""
    return RecordedStepper(phase.start(objective, None), record=False)


@pytest.mark.parametrize("clip", [None, 0.5])
@pytest.mark.parametrize("name", PROBLEMS)
def test_steps_on_fixed_memory_are_the_steps(name, clip):
    ours, theirs = (assembly(PROBLEMS[name]()) for _ in range(2))
    phase = pl.Adam(12, lr=1e-2, schedule=pl.Cosine(), clip=clip)
    recorded, eager = beside(ours.objective, phase), phase.start(theirs.objective, None)
    for k in range(12):
        if k % 3 == 2:
            ours.resample()
            theirs.resample()
        a, b = recorded.step(ours.objective), eager.step(theirs.objective)
        assert (a.status, a.rate) == (b.status, b.rate)
        assert torch.equal(a.loss, b.loss) and torch.equal(a.mean_squares, b.mean_squares)
    assert torch.equal(ours.objective.flat_parameters(), theirs.objective.flat_parameters())
    assert ours.objective.evaluations == theirs.objective.evaluations


@pytest.mark.parametrize("resample", [None, 1, 4])
def test_new_points_and_directions_reach_fixed_memory(resample):
    found = []
    for record in (True, False):
        made = high_dimensional()
        phase = pl.Adam(10, lr=1e-2, resample=resample)
        trainer = Trainer(made, [phase], progress=False)
        if record:
            trainer.stepper = beside(made.objective, phase)
        trainer.run()
        found.append((trainer.records, made.objective.flat_parameters()))
    (ours, p), (theirs, q) = found
    assert [r["loss"] for r in ours] == [r["loss"] for r in theirs]
    assert torch.equal(p, q)


def test_compiled_losses_are_recorded_with_the_directions_of_the_step(monkeypatch):
    monkeypatch.setattr(torch, "compile", lambda module, **_: module)
    ours, theirs = (high_dimensional(dtype=torch.float64) for _ in range(2))
    ours.objective.compiled = CompiledLoss()
    phase = pl.Adam(6, lr=1e-2)
    recorded, eager = beside(ours.objective, phase), phase.start(theirs.objective, None)
    for _ in range(6):
        for made in (ours, theirs):
            made.resample()
            made.objective.redraw()
        a, b = recorded.step(ours.objective), eager.step(theirs.objective)
        torch.testing.assert_close(a.loss, b.loss, rtol=1e-9, atol=0.0)
    assert ours.objective.fallbacks == []
    assert ours.objective.compiled.compilations == 1


@pytest.mark.parametrize("decay", [0.0, 1e-2])
def test_rates_on_the_device_are_the_rates(monkeypatch, decay):
    beside_it = functools.partial(RecordedStepper, record=False)
    monkeypatch.setattr(first_order, "RecordedStepper", beside_it)
    ours, theirs = (assembly(PROBLEMS["inverse"]()).objective for _ in range(2))
    ours.recorded = True
    # Powers of two, because rates on a device are in single precision.
    phase = pl.Adam(
        9, lr=2**-6, unknowns_lr=2**-4, weight_decay=decay, schedule=pl.Step((3, 6), 0.5)
    )
    recorded, eager = phase.start(ours, None), phase.start(theirs, None)
    for _ in range(9):
        a, b = recorded.step(ours), eager.step(theirs)
        assert a.rate == b.rate and torch.equal(a.loss, b.loss)
    groups = recorded._inner.optimizer.param_groups
    assert all(isinstance(group["lr"], torch.Tensor) for group in groups)
    assert torch.equal(ours.flat_parameters(), theirs.flat_parameters())
    again = phase.start(ours, None)
    again.load_state_dict(recorded.state_dict())
    assert again._inner.taken == 9


def test_held_memory_is_written_over_and_never_exchanged():
    made = high_dimensional()
    stepper = beside(made.objective, pl.Adam(10))
    stepper.step(made.objective)
    before = [t.data_ptr() for t in stepper._held]
    for _ in range(3):
        made.objective.set_points(made.draw())
        made.objective.redraw()
        stepper.step(made.objective)
    assert [t.data_ptr() for t in stepper._held] == before
    now = made.objective.inputs(made.objective.reads(), directions=False).tensors()
    assert all(torch.equal(a, b) for a, b in zip(stepper._held, now, strict=True))


def test_weights_that_change_reach_the_step():
    ours, theirs = (assembly(PROBLEMS["inverse"]()).objective for _ in range(2))
    phase = pl.Adam(6, lr=1e-2)
    recorded, eager = beside(ours, phase), phase.start(theirs, None)
    for k in range(4):
        for objective in (ours, theirs):
            objective.weights[objective.names[0]] = 1.0 + k
        assert torch.equal(recorded.step(ours).loss, eager.step(theirs).loss)
    assert torch.equal(ours.flat_parameters(), theirs.flat_parameters())


def test_mini_batches_start_a_new_recording():
    phases = [pl.Adam(4, batch=5), pl.Adam(4)]
    losses = []
    for record in (True, False):
        made = assembly(PROBLEMS["poisson_line"]())
        trainer = Trainer(made, phases, progress=False)
        if record:
            trainer.stepper = beside(made.objective, phases[0])
        trainer.run()
        losses.append([r["loss"] for r in trainer.records])
    assert losses[0] == losses[1]


def test_sets_of_points_that_change_their_size_are_read_where_they_are():
    ours, theirs = (assembly(PROBLEMS["heat_flux"]()) for _ in range(2))
    phase = pl.Adam(20, lr=1e-2)
    recorded, eager = beside(ours.objective, phase), phase.start(theirs.objective, None)
    for k in range(9):
        losses = []
        for made, stepper in ((ours, recorded), (theirs, eager)):
            drawn = made.draw()
            if 3 <= k < 6:
                drawn = {p: x.take(torch.arange(len(x) - 1)) for p, x in drawn.items()}
            made.objective.set_points(drawn)
            losses.append(stepper.step(made.objective).loss.clone())
        assert torch.equal(*losses)


def test_a_gradient_that_is_not_finite_moves_nothing():
    made = assembly(PROBLEMS["poisson_line"]())
    objective = made.objective
    stepper = beside(objective, pl.Adam(500, lr=1e-2))
    for _ in range(3):
        assert stepper.step(objective).status is Status.OK
    before = objective.flat_parameters()
    with torch.no_grad():
        bias = objective.parameters[1]
        kept = bias.clone()
        bias.fill_(math.nan)
    reports = [stepper.step(objective) for _ in range(LOOK_EVERY)]
    bad = [r for r in reports if r.status is Status.NON_FINITE]
    assert bad and "term" in bad[0].message  # found when it is looked for, told in words
    with torch.no_grad():
        bias.copy_(kept)
    assert torch.equal(objective.flat_parameters(), before)
    state = stepper.state_dict()["state"]
    assert all(float(entry["step"]) == 3 for entry in state.values())
    assert [stepper.step(objective).status for _ in range(2)] == [Status.OK] * 2
    assert not torch.equal(objective.flat_parameters(), before)


def test_a_run_that_fails_for_good_stops():
    made = assembly(PROBLEMS["poisson_line"]())
    phase = pl.Adam(3 * LOOK_EVERY, lr=1e-2)
    with torch.no_grad():
        made.objective.parameters[0].fill_(math.nan)
    trainer = Trainer(made, [phase], progress=False)
    trainer.stepper = beside(made.objective, phase)
    trainer.run()
    assert trainer.status == "failed" and "term" in trainer.message
    assert trainer.step < 10


def test_a_state_goes_from_one_kind_of_step_to_the_other():
    ours, theirs = (assembly(PROBLEMS["inverse"]()).objective for _ in range(2))
    phase = pl.Adam(20, lr=1e-2, schedule=pl.Cosine())
    recorded, eager = beside(ours, phase), phase.start(theirs, None)
    for _ in range(4):
        recorded.step(ours), eager.step(theirs)
    swapped = phase.start(ours, None)
    swapped.load_state_dict(recorded.state_dict())
    again = beside(theirs, phase)
    again.load_state_dict(eager.state_dict())
    for _ in range(4):
        assert torch.equal(swapped.step(ours).loss, again.step(theirs).loss)
    assert torch.equal(ours.flat_parameters(), theirs.flat_parameters())


def test_a_recorder_that_does_not_record_carries_out():
    calls = []
    act = Recorder(lambda: calls.append(1), torch.device("cpu"), record=False)
    for _ in range(5):
        act()
    assert len(calls) == 5 and not act.recorded


class Cuda:
    """Stands where ``torch.cuda`` would: notes what is asked of it."""

    def __init__(self, monkeypatch, fails=False):
        self.calls, self.fails = [], fails
        for name in ("Stream", "current_stream", "stream", "CUDAGraph", "graph"):
            monkeypatch.setattr(torch.cuda, name, getattr(self, name))

    class Stream:
        def __init__(self, device):
            self.device = device

        def wait_stream(self, other):
            pass

    def current_stream(self, device):
        return self.Stream(device)

    @contextlib.contextmanager
    def stream(self, stream):
        self.calls.append("beside")
        yield

    def CUDAGraph(self):
        calls = self.calls
        return SimpleNamespace(
            replay=lambda: calls.append("replay"),
            register_generator_state=lambda generator: calls.append("generator"),
        )

    @contextlib.contextmanager
    def graph(self, graph, stream, capture_error_mode):
        self.calls.append("begin")
        yield
        if self.fails:
            raise RuntimeError("operation not permitted when stream is capturing")
        self.calls.append("end")


def test_a_recorder_warms_up_records_and_replays(monkeypatch):
    cuda = Cuda(monkeypatch)
    act = Recorder(
        lambda: cuda.calls.append("act"), torch.device("cuda"), generators=[torch.Generator()]
    )
    for _ in range(6):
        act()
    warm_up = ["beside", "act"] * 3
    assert cuda.calls == [*warm_up, "generator", "begin", "act", "end", *["replay"] * 3]
    assert act.recorded and act.calls == 6


def test_steps_that_cannot_be_recorded_go_on_one_operation_at_a_time(monkeypatch, caplog):
    Cuda(monkeypatch, fails=True)
    ours, theirs = (high_dimensional().objective for _ in range(2))
    phase = pl.Adam(10, lr=1e-2)
    recorded, eager = RecordedStepper(phase.start(ours, None)), phase.start(theirs, None)
    for _ in range(3):
        assert torch.equal(recorded.step(ours).loss, eager.step(theirs).loss)
    monkeypatch.setattr(recorded, "_act", lambda there: None)  # what is recorded does nothing
    with caplog.at_level(logging.WARNING):
        for _ in range(3):
            assert torch.equal(recorded.step(ours).loss, eager.step(theirs).loss)
    assert caplog.text.count("not recorded: operation not permitted") == 1
    assert ours.fallbacks == [recorded.fallback]
    assert torch.equal(ours.flat_parameters(), theirs.flat_parameters())


def test_a_graph_that_computes_something_else_is_left(monkeypatch, caplog):
    Cuda(monkeypatch)
    objective = high_dimensional().objective
    recorded = RecordedStepper(pl.Adam(10, lr=1e-2).start(objective, None))
    for _ in range(3):
        recorded.step(objective)
    monkeypatch.setattr(recorded, "_act", lambda there: recorded.loss.mul_(1.5))
    with caplog.at_level(logging.WARNING):
        recorded.step(objective)
    assert "not recorded: its loss is" in caplog.text


def test_graphs_are_refused_where_there_is_no_gpu():
    objective = assembly(PROBLEMS["poisson_line"]()).objective
    for name in ("graph", "compiled_graph"):
        with pytest.raises(DeclarationError, match=r"(?s)recorded.*'cpu'.*leave `execution` out"):
            objective.execute(name)
    with pytest.raises(DeclarationError, match=r"(?s)no execution 'grap'.*graph"):
        objective.execute("grap")


@pytest.mark.gpu
@pytest.mark.parametrize("execution", ["graph", "compiled_graph"])
@pytest.mark.parametrize("resample", [None, 1])
def test_replayed_steps_are_the_steps(execution, resample):
    losses = []
    for chosen in ("eager", execution):
        made = high_dimensional(device="cuda")
        made.objective.execute(chosen)
        trainer = Trainer(
            made, [pl.Adam(40, lr=1e-3, resample=resample)], progress=False, log_every=1
        )
        trainer.run()
        assert made.objective.fallbacks == []
        losses.append(torch.tensor([r["loss"] for r in trainer.records]))
    torch.testing.assert_close(losses[1], losses[0], rtol=1e-3, atol=0.0)
