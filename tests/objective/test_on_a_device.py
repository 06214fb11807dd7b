"""On an accelerator a step neither reads numbers back nor waits for numbers of the host.

Tried on torch's device ``meta``, whose tensors have shapes but no numbers: every branch for devices
other than the processor is taken, and whatever would need a number is found.
"""

import traceback

import pytest
import torch
from cases import PROBLEMS, assembly
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode

import pinnlab as pl
from pinnlab.calculus.host_numbers import host_numbers, number_like
from pinnlab.objective.compiled import flattened
from pinnlab.problems import PointBudget
from pinnlab.problems.assemble import assemble

HIGH = {
    "ball, along unit vectors": ("sine_gordon", {}, pl.STDE(4)),
    "ball, along signs": ("allen_cahn", {}, pl.Hutchinson(3)),
    "ball, exactly": ("poisson", {}, None),
    "three neighbours": ("poisson", {"solution": "three_body"}, pl.STDE(4)),
    "in time": ("semilinear_heat", {}, pl.STDE(4)),
    "control": ("hjb_lqg", {}, None),
    "finance": ("black_scholes_barenblatt", {}, pl.STDE(4)),
}


def place():
    frames = [f for f in traceback.extract_stack() if "/pinnlab/" in f.filename]
    return f"{frames[-1].filename}:{frames[-1].lineno}" if frames else "?"


class Readings(TorchDispatchMode):
    """Notes what makes the host wait for the device."""

    def __init__(self):
        super().__init__()
        self.found = []

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        out = func(*args, **(kwargs or {}))
        tensors = [a for a in args if isinstance(a, torch.Tensor)]
        devices = {t.device.type for t in tensors}
        name = str(func)
        waits = any(word in name for word in ("local_scalar", "nonzero", "masked_select"))
        copies = "copy" in name and "cpu" in devices and getattr(out, "device", None) == META
        if (waits and "meta" in devices) or copies:
            self.found.append(f"{name} in {place()}")
        return out


class Uploads(TorchFunctionMode):
    """Notes tensors made on the device from numbers of the host."""

    def __init__(self, found):
        super().__init__()
        self.found = found

    def __torch_function__(self, func, types, args=(), kwargs=None):
        kwargs = kwargs or {}
        if func in (torch.tensor, torch.as_tensor) and kwargs.get("device") == META:
            self.found.append(f"{func.__name__} in {place()}")
        return func(*args, **kwargs)


META = torch.device("meta")


def waits_of_a_step(objective):
    """What a second evaluation with gradient waits for; the first may set things up."""
    reads = objective.reads()
    inputs = objective.inputs(reads)
    objective.state.to("meta")
    there = objective.at(inputs.with_tensors([t.to("meta") for t in inputs.tensors()]))
    there.loss_and_gradient()
    there.forget()
    with Readings() as mode, Uploads(mode.found):
        loss, _ = there.loss_and_gradient()
    assert loss.device == META
    return mode.found


@pytest.mark.parametrize("name", PROBLEMS)
def test_a_step_waits_for_nothing(name):
    assert waits_of_a_step(assembly(PROBLEMS[name](), dtype=torch.float32).objective) == []


@pytest.mark.parametrize("name", HIGH)
def test_a_step_in_many_dimensions_waits_for_nothing(name):
    kind, options, derivatives = HIGH[name]
    problem = getattr(pl.high_dimension, kind)(dim=12, **options)
    budget = PointBudget(interior=9, boundary=5)
    made = assemble(problem, pl.MLP(6, 2), budget=budget, derivatives=derivatives)
    assert waits_of_a_step(made.objective) == []


def test_a_wait_is_found():
    x = torch.ones(3, device="meta")
    with Readings() as mode, Uploads(mode.found):
        torch.tensor([1.0], device=META)
        x.copy_(torch.ones(3))
        with pytest.raises(RuntimeError):
            x.sum().item()
    assert len(mode.found) == 2


def test_numbers_of_the_host_are_brought_once():
    a = host_numbers((1.0, 2.0), torch.float64, torch.device("cpu"))
    assert a is host_numbers((1.0, 2.0), torch.float64, torch.device("cpu"))
    assert torch.equal(a, torch.tensor([1.0, 2.0], dtype=torch.float64))
    like = torch.ones(2, dtype=torch.float32)
    assert number_like(3, like).dtype == torch.float32
    assert number_like(torch.tensor(0.5, dtype=torch.float64), like).dtype == torch.float32
    assert number_like(torch.tensor(0.5), like.to("meta")).device == META


@pytest.mark.parametrize("name", HIGH)
def test_a_step_is_a_list_of_operations_there(name):
    kind, options, derivatives = HIGH[name]
    problem = getattr(pl.high_dimension, kind)(dim=5, **options)
    budget = PointBudget(interior=4, boundary=3)
    derivatives = derivatives and pl.STDE(2)
    objective = assemble(problem, pl.MLP(3, 1), budget=budget, derivatives=derivatives).objective
    reads = objective.reads()
    inputs = objective.inputs(reads, transparent=True)
    objective.state.to("meta")
    there = inputs.with_tensors([t.to("meta") for t in inputs.tensors()])
    module, plans = flattened(objective, there)
    assert not plans  # no chain in one there
    loss, squares, *gradients = module(
        *[p.detach() for p in objective.parameters], *there.tensors()
    )
    assert loss.shape == () and squares.shape == (len(objective.names),)
    assert [g.shape for g in gradients] == [p.shape for p in objective.parameters]
