import torch

from pinnlab.calculus.workspace import Pool, Scratch, Slots, Workspace


def test_slots_are_views_of_one_array():
    slots = Slots(torch.zeros(2, 8), slots=3, points=4, inner=2)
    slots.parts[1].fill_(1)
    slots.value.fill_(2)
    slots.head.fill_(3)
    assert slots.flat.tolist()[0] == [3.0, 3.0, 2.0, 2.0, 1.0, 1.0, 0.0, 0.0]
    assert slots.derivatives.shape == (2, 2, 2)


def test_slots_without_derivatives():
    slots = Slots(torch.zeros(2, 4), slots=1, points=4, inner=4)
    assert slots.derivatives.shape == (2, 0, 4)
    assert len(slots.parts) == 1


def test_scratch_of_one_name_is_one_array():
    scratch = Scratch(torch.zeros((), dtype=torch.float64))
    a, b = scratch.take("a", 3, 4), scratch.take("a", 2, 5)
    assert a.data_ptr() == b.data_ptr() != scratch.take("b", 2, 5).data_ptr()
    assert a.dtype == torch.float64
    assert scratch.take("a", 4, 4).shape == (4, 4)
    assert a.shape == (3, 4)


def test_what_was_leased_can_be_leased_again_when_it_is_forgotten():
    workspace = Workspace()
    first, second = workspace.lease("kind", list), workspace.lease("kind", list)
    item = first.item
    assert item is not second.item
    del first
    assert workspace.lease("kind", list).item is item
    assert workspace.lease("other", list).item is not item


def test_kinds_that_nobody_asks_for_any_more_are_forgotten():
    workspace = Workspace()
    item = workspace.lease(0, list).item
    for kind in range(1, Workspace.KINDS + 1):
        workspace.lease(kind, list)
    assert workspace.lease(0, list).item is not item


def test_what_was_given_back_to_a_pool_is_taken_again():
    pool, like = Pool(), torch.zeros((), dtype=torch.float64)
    first, second = pool.take(like, 2, 3), pool.take(like, 2, 3)
    assert first.data_ptr() != second.data_ptr()
    pool.give(first)
    assert pool.take(like, 3, 2).data_ptr() != first.data_ptr()
    assert pool.take(like, 2, 3) is first
    pool.reclaim()
    assert {id(pool.take(like, 2, 3)), id(pool.take(like, 2, 3))} == {id(first), id(second)}
