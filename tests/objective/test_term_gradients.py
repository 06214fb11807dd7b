"""One way back gives the gradient of every term, whatever the network and however it is cut."""

import pytest
import torch
from cases import NETWORKS, OPTIONS, PROBLEMS, TRAINED, assembly
from jets import cut_into_blocks
from torch import nn

import pinnlab as pl
from pinnlab.aggregation.base import grouped
from pinnlab.calculus import chain
from pinnlab.objective.term_gradients import _turns

TOLERANCE = 1e-11


def objective_of(problem, **options):
    objective = assembly(problem, **options).objective
    generator = torch.Generator().manual_seed(7)
    with torch.no_grad():
        for p in objective.parameters:
            p.add_(0.1 * torch.randn(p.shape, generator=generator, dtype=p.dtype))
    return objective


def by_itself(objective, k):
    """The gradient of one term from a loss that has no other."""
    half = 0.5 * objective.weights[objective.names[k]] * objective.terms()[k]
    found = torch.autograd.grad(half, objective.parameters, allow_unused=True)
    return torch.cat(
        [
            (torch.zeros_like(p) if g is None else g).reshape(-1)
            for p, g in zip(objective.parameters, found, strict=True)
        ]
    )


def check(objective):
    for _ in range(2):  # the second time it is known what chains do not account for
        rows, _ = objective.gradients()
        for k in range(len(rows)):
            expected = by_itself(objective, k)
            scale = max(1.0, float(expected.abs().max()))
            assert float((rows[k] - expected).abs().max()) <= TOLERANCE * scale


@pytest.mark.parametrize("numbers", [100_000, 40], ids=["one block", "many blocks"])
@pytest.mark.parametrize("name", TRAINED)
def test_every_network(name, numbers, monkeypatch):
    cut_into_blocks(monkeypatch, numbers)
    for make in (PROBLEMS["heat_flux"], PROBLEMS["cavity"]):
        check(objective_of(make(), surrogate=NETWORKS[name]))


@pytest.mark.parametrize("option", OPTIONS)
def test_every_option_of_networks(option):
    check(objective_of(PROBLEMS["heat_flux"](), surrogate=pl.MLP(6, 2, **OPTIONS[option])))


@pytest.mark.parametrize("numbers", [100_000, 40], ids=["one block", "many blocks"])
@pytest.mark.parametrize("name", PROBLEMS)
def test_every_problem(name, numbers, monkeypatch):
    cut_into_blocks(monkeypatch, numbers)
    check(objective_of(PROBLEMS[name]()))


@pytest.mark.parametrize("name", ["heat_flux", "cavity", "inverse"])
@pytest.mark.parametrize("surrogate", [pl.MLP(6, 2), pl.ModifiedMLP(6, 2)], ids=["mlp", "gated"])
def test_threads(name, surrogate, monkeypatch, torch_threads):
    cut_into_blocks(monkeypatch, 40)
    monkeypatch.setattr(chain, "SHARE_NUMBERS", 1)
    torch_threads(2)
    counts, run = [], chain.run_at_once

    def counted(tasks, **options):
        counts.append(len(tasks))
        run(tasks, **options)

    monkeypatch.setattr(chain, "run_at_once", counted)
    check(objective_of(PROBLEMS[name](), surrogate=surrogate))
    assert 2 in counts


def test_a_module_whose_layers_take_part_twice():
    class Tied(nn.Module):
        """A weight in two layers and in a factor outside of them."""

        def __init__(self):
            super().__init__()
            self.first, self.inner = nn.Linear(2, 5), nn.Linear(5, 5)
            self.last = nn.Linear(5, 1)

        def forward(self, x):
            a = torch.tanh(self.inner(torch.tanh(self.inner(torch.tanh(self.first(x))))))
            return self.last(a) * self.last.weight.sum()

    objective = objective_of(PROBLEMS["heat_flux"](), surrogate=Tied())
    check(objective)
    names = [n for n, p in objective.state.named_parameters() if p.requires_grad]
    assert {names[k] for k in objective._term_gradients.apart} == {"surrogate.last.weight"}


@pytest.mark.parametrize(
    "name, spec, apart",
    [
        ("heat_flux", pl.MLP(6, 2), set()),
        ("cavity", pl.MLP(6, 2), set()),
        ("heat_flux", pl.MLP(6, 2, weight_factorization=True), set()),
        ("heat_flux", pl.ModifiedMLP(6, 2), set()),
        ("inverse", pl.MLP(6, 2), {"unknowns.k", "unknowns.level"}),
    ],
)
def test_only_what_no_chain_accounts_for_is_pulled_term_by_term(name, spec, apart):
    objective = objective_of(PROBLEMS[name](), surrogate=spec)
    objective.gradients()
    names = [n for n, p in objective.state.named_parameters() if p.requires_grad]
    assert {names[k] for k in objective._term_gradients.apart} == apart


def test_terms_on_their_own_points_take_one_turn():
    a, b, c = (0, 10), (10, 14), (14, 20)
    assert list(_turns([(a,), (b,), (c,)])) == [[0, 1, 2]]
    assert list(_turns([(a,), (a,), (b, c), (a,)])) == [[0, 2], [1], [3]]
    assert list(_turns([(a, b), (b, c), (c,)])) == [[0, 2], [1]]


@pytest.mark.parametrize("name", PROBLEMS)
def test_groups_are_the_sums_of_their_terms(name):
    objective = objective_of(PROBLEMS[name]())
    m = len(objective.names)
    by_points = [[objective.names.index(n) for n in names] for names in objective.together()]
    for groups in (by_points, [[*range(m)]], [[*range(0, m, 2)], [*range(1, m, 2)]]):
        groups = [group for group in groups if group]
        rows, squares = objective.gradients()
        for _ in range(2):
            found, same = objective.gradients(groups=groups)
            torch.testing.assert_close(found, grouped(rows, groups), rtol=1e-10, atol=1e-12)
            torch.testing.assert_close(same, squares)


@pytest.mark.parametrize("name", PROBLEMS)
def test_terms_that_read_the_same_points_are_together(name):
    objective = objective_of(PROBLEMS[name]())
    lists = objective.together()
    assert sorted(n for names in lists for n in names) == sorted(objective.names)
    read = {term.name: set(term.placements) for term in objective.terms_}
    of_list = [set().union(*(read[n] for n in names)) for names in lists]
    for k, points in enumerate(of_list):
        assert all(points.isdisjoint(other) for other in of_list[:k])
    for names in lists:  # nothing that could be divided
        reached = set(read[names[0]])
        for _ in names:
            reached |= set().union(*(read[n] for n in names if read[n] & reached))
        assert all(read[n] <= reached for n in names)


def test_groups_by_points_take_one_turn():
    objective = objective_of(PROBLEMS["cavity"]())
    groups = [[objective.names.index(n) for n in names] for names in objective.together()]
    assert 1 < len(groups) < len(objective.names)
    span, numbers = objective.frozen.joined(False).span, objective.frozen.numbers
    owned = [
        tuple(span(numbers[p]) for k in group for p in objective.terms_[k].placements)
        for group in groups
    ]
    assert len(list(_turns(owned))) == 1


def test_some_groups_alone():
    objective = objective_of(PROBLEMS["cavity"]())
    rows, squares = objective.gradients()
    some, few = objective.gradients([0, 2, 3], [[3, 0], [2]])
    torch.testing.assert_close(some, torch.stack([rows[0] + rows[3], rows[2]]))
    torch.testing.assert_close(few, squares[[0, 2, 3]])


def test_some_terms_alone():
    objective = objective_of(PROBLEMS["cavity"]())
    rows, squares = objective.gradients()
    for wanted in ([1], [0, 3], [2]):
        some, few = objective.gradients(wanted)
        torch.testing.assert_close(some, rows[wanted], rtol=1e-11, atol=1e-13)
        torch.testing.assert_close(few, squares[wanted])
    # Weights and points reach the parts.
    objective.set_weights({"mass": 4.0})
    torch.testing.assert_close(objective.gradients([1])[0], 4 * rows[[1]], rtol=1e-11, atol=1e-13)
    objective.set_points(
        {p: points.take(torch.arange(3)) for p, points in objective.points.items()}
    )
    torch.testing.assert_close(objective.gradients([1])[0], objective.gradients()[0][[1]])


def test_factors_on_single_points_count():
    objective = objective_of(PROBLEMS["heat_flux"]())
    blocks = objective.residuals()
    factors = {name: torch.rand(len(r), dtype=r.dtype) for name, r in blocks.items()}
    objective.set_weights({}, factors)
    rows, raw = objective.gradients()
    loss, same = objective.loss_and_gradient()
    torch.testing.assert_close(raw, same)
    torch.testing.assert_close(raw, objective.terms())
    torch.testing.assert_close(rows.sum(0), objective.flat_gradient(), rtol=1e-11, atol=1e-13)
    by_hand = sum(
        0.5 * objective.weights[k] * (factors[k] * r.square().sum(-1)).mean()
        for k, r in blocks.items()
    )
    torch.testing.assert_close(loss, by_hand.detach())
    rho, jacobian = objective.jacobian()
    torch.testing.assert_close(rho.square().sum() / 2, loss)
    torch.testing.assert_close(jacobian.rmv(rho), rows.sum(0), rtol=1e-11, atol=1e-13)
