"""What aggregators remember from step to step, saved and restored."""

import pytest
import torch
from cases import AGGREGATORS
from term_gradients import matrix

from pinnlab.aggregation.base import Setup, gramian_of
from pinnlab.io.state import load_state, save_state

NAMES = ["pde", "walls", "start"]
every = pytest.mark.parametrize("name", AGGREGATORS)


def started(name, seed=3):
    return AGGREGATORS[name](NAMES).start(Setup(NAMES, betas=(0.9, 0.99), eps=1e-8, seed=seed))


def advance(combiner, first, steps):
    """Directions of some steps on gradients that change."""
    found = []
    for step in range(first, first + steps):
        wanted = combiner.wanted()
        rows = matrix(3, 13, 100 + step)
        rows = rows if wanted is None else rows[list(wanted)]
        found.append(combiner(rows, gramian_of(rows)))
    return found


@every
@pytest.mark.parametrize("taken", [0, 1, 4])
def test_a_restored_combiner_goes_on_bit_for_bit(name, taken, tmp_path):
    combiner = started(name)
    advance(combiner, 0, taken)
    save_state(tmp_path / "state.h5", combiner.state_dict())
    expected = advance(combiner, taken, 7)
    restored = started(name, seed=8)  # the state says everything
    restored.load_state_dict(load_state(tmp_path / "state.h5"))
    assert restored.wanted() is None or taken
    for a, b in zip(advance(restored, taken, 7), expected, strict=True):
        assert torch.equal(a, b)


@every
def test_a_saved_state_does_not_change_with_later_steps(name):
    combiner = started(name)
    advance(combiner, 0, 2)
    state = combiner.state_dict()
    expected = advance(combiner, 2, 3)
    advance(combiner, 5, 2)
    combiner.load_state_dict(state)
    again = advance(combiner, 2, 3)
    combiner.load_state_dict(state)
    for a, b, c in zip(expected, again, advance(combiner, 2, 3), strict=True):
        assert torch.equal(a, b)
        assert torch.equal(a, c)


@every
def test_a_direction_may_be_changed_by_whoever_gets_it(name):
    one, other = started(name), started(name)
    for step in range(4):
        for combiner, spoil in ((one, True), (other, False)):
            wanted = combiner.wanted()
            rows = matrix(3, 13, step)
            rows = rows if wanted is None else rows[list(wanted)]
            direction = combiner(rows, gramian_of(rows))
            if spoil:
                kept = direction.clone()
                direction.mul_(7)
            else:
                assert torch.equal(direction, kept)


@every
def test_coefficients_are_those_of_the_direction(name):
    combiner = started(name)
    rows = matrix(3, 13)
    direction = combiner(rows, gramian_of(rows))
    if combiner.coefficients is not None:
        assert combiner.coefficients.dtype is torch.float64
        torch.testing.assert_close(combiner.coefficients @ rows, direction)


@every
def test_combinations_of_rows_say_their_coefficients(name):
    combiner = started(name)
    advance(combiner, 0, 1)
    others = ("Bloop", "GradDrop", "MConFIG", "MultiAdam", "SparseTraining", "TorchJD")
    assert (combiner.coefficients is None) == (name in others)


def test_finished_steps():
    finished = {name for name in AGGREGATORS if started(name).finished}
    assert finished == {"MConFIG", "MultiAdam"}


@pytest.mark.parametrize("name", ["PCGrad", "GradVac", "GradDrop", "SparseTraining", "TorchJD"])
def test_the_seed_decides(name):
    same, again, other = (advance(started(name, seed), 0, 6) for seed in (3, 3, 4))
    assert all(torch.equal(a, b) for a, b in zip(same, again, strict=True))
    assert not all(torch.equal(a, b) for a, b in zip(same, other, strict=True))


@every
def test_devices_and_states_that_were_saved_on_another(name, device):
    own, there = started(name), started(name)
    expected = advance(own, 0, 5)
    state, found = None, []
    for step in range(5):
        if state is not None:  # as a checkpoint gives it back: on the CPU
            there = started(name)
            there.load_state_dict(_on_cpu(state))
        wanted = there.wanted()
        rows = matrix(3, 13, 100 + step).to(device)
        rows = rows if wanted is None else rows[list(wanted)]
        found.append(there(rows, gramian_of(rows)))
        state = there.state_dict()
    assert all(direction.device.type == device.type for direction in found)
    if name != "GradDrop" or device.type == "cpu":  # whose draws are those of the device
        for a, b in zip(found, expected, strict=True):
            torch.testing.assert_close(a.cpu(), b)


def _on_cpu(state):
    if isinstance(state, dict):
        return {key: _on_cpu(value) for key, value in state.items()}
    return state.cpu() if isinstance(state, torch.Tensor) else state
