import torch
from cases import PROBLEMS, assembly

import pinnlab as pl


def state(**options):
    return assembly(PROBLEMS["inverse"](), pl.MLP(width=4, depth=1), **options).objective.state


def test_one_module_owns_every_trained_number():
    s = state()
    names = dict(s.named_parameters())
    assert {"unknowns.k", "unknowns.level"} <= set(names)
    assert sum(name.startswith("surrogate.") for name in names) == len(names) - 2
    assert set(s.state_dict()) >= set(names)


def test_values_are_seen_through_the_transform_and_carry_gradients():
    s = state()
    values = s.values()
    assert float(values["k"].detach()) == s.unknown_values()["k"]
    values["k"].backward()
    assert s.unknowns["k"].grad is not None
    with torch.no_grad():
        s.unknowns["k"].fill_(100.0)
    assert s.unknown_values()["k"] <= 10.0 * (1 + 1e-12)  # its upper bound


def test_a_state_is_restored_from_its_dictionary():
    first, second = state(seed=1), state(seed=2)
    with torch.no_grad():
        first.unknowns["level"].fill_(0.7)
    second.load_state_dict(first.state_dict())
    assert second.unknown_values() == first.unknown_values()
    x = torch.rand(4, 1, dtype=torch.float64)
    assert torch.equal(first.outputs(x), second.outputs(x))


def test_unknowns_come_last_among_the_parameters():
    objective = assembly(PROBLEMS["inverse"]()).objective
    unknowns = list(objective.state.unknowns.values())
    assert [id(p) for p in objective.parameters[-2:]] == [id(u) for u in unknowns]


def test_constants_are_not_trained():
    objective = assembly(PROBLEMS["heat_flux"]()).objective
    assert objective.state.values()["k"] == 0.7
    assert not objective.state.unknowns
