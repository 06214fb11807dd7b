import torch

from pinnlab.calculus.workspace import Loan, Slots, Workspace


def test_slots_are_views_of_one_array():
    slots = Slots(torch.zeros(2, 3, 4))
    slots.parts[1].fill_(1)
    slots.value.fill_(2)
    assert slots.flat.tolist()[0] == [2.0] * 4 + [1.0] * 4 + [0.0] * 4
    assert slots.derivatives.shape == (2, 2, 4)


def test_a_loan_gives_back_what_it_took_when_it_is_forgotten():
    workspace = Workspace()
    loan = Loan(workspace, torch.zeros((), dtype=torch.float64))
    a, b = loan.take(2, 3, 4), loan.take(2, 3, 4)
    assert a is not b
    loan.give(a)
    assert loan.take(2, 3, 4) is a
    del loan
    later = Loan(workspace, torch.zeros((), dtype=torch.float64))
    assert {id(later.take(2, 3, 4)), id(later.take(2, 3, 4))} == {id(a), id(b)}


def test_arrays_of_another_shape_or_type_are_others():
    workspace = Workspace()
    Loan(workspace, torch.zeros(())).take(2, 3, 4)
    assert Loan(workspace, torch.zeros(())).take(2, 3, 5).array.shape == (2, 3, 5)
    assert Loan(workspace, torch.zeros((), dtype=torch.float64)).take(2, 3, 4).array.dtype == (
        torch.float64
    )
