"""Updates by themselves against torch's own optimisers."""

import copy

import pytest
import torch

from pinnlab.optim.updates import Descent, FusedAdam

F64 = torch.float64


def parameters():
    generator = torch.Generator().manual_seed(0)
    shapes = [(3, 4), (4,), (2, 3), (1,)]
    return [torch.randn(s, generator=generator, dtype=F64, requires_grad=True) for s in shapes]


def groups(made):
    return [{"params": made[:2], "lr": 1e-2}, {"params": made[2:], "lr": 3e-3}]


def take(optimizer, made, number):
    for k, p in enumerate(made):
        p.grad = torch.sin(p.detach() * (number + 1) + k)
    optimizer.step()


@pytest.mark.parametrize("decay", [0.0, 0.1])
def test_it_takes_the_steps_of_torch(decay):
    ours, theirs = parameters(), parameters()
    kind = torch.optim.AdamW if decay else torch.optim.Adam
    one = FusedAdam(groups(ours), betas=(0.8, 0.99), eps=1e-6, weight_decay=decay)
    other = kind(groups(theirs), betas=(0.8, 0.99), eps=1e-6, weight_decay=decay)
    for number in range(6):
        if number == 3:
            for optimizer in (one, other):
                optimizer.param_groups[0]["lr"] = 5e-3
        take(one, ours, number)
        take(other, theirs, number)
    for a, b in zip(ours, theirs, strict=True):
        torch.testing.assert_close(a, b, rtol=1e-12, atol=1e-14)


def test_it_goes_on_from_a_state():
    made = parameters()
    first = FusedAdam(groups(made))
    for number in range(3):
        take(first, made, number)
    copied = [p.detach().clone().requires_grad_() for p in made]
    second = FusedAdam(groups(copied))
    take(second, [p.detach().clone().requires_grad_() for p in made], 0)
    second.load_state_dict(copy.deepcopy(first.state_dict()))
    for number in range(3, 6):
        take(first, made, number)
        take(second, copied, number)
    for a, b in zip(made, copied, strict=True):
        assert torch.equal(a, b)


def test_a_parameter_without_a_gradient_stays():
    ours, theirs = parameters(), parameters()
    one, other = FusedAdam(groups(ours)), torch.optim.Adam(groups(theirs))
    for number in range(4):
        for optimizer, made in ((one, ours), (other, theirs)):
            for k, p in enumerate(made):
                p.grad = None if (number, k) == (2, 1) else torch.cos(p.detach() * (number + 1))
            optimizer.step()
    for a, b in zip(ours, theirs, strict=True):
        torch.testing.assert_close(a, b, rtol=1e-12, atol=1e-14)


def test_descent_takes_the_steps_of_torch():
    ours, theirs = parameters(), parameters()
    one, other = Descent(groups(ours)), torch.optim.SGD(groups(theirs))
    for number in range(3):
        take(one, ours, number)
        take(other, theirs, number)
    assert all(torch.equal(a, b) for a, b in zip(ours, theirs, strict=True))
