"""Adam for every group of terms."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from term_gradients import matrix

from pinnlab.aggregation import MultiAdam
from pinnlab.aggregation.base import Setup, gramian_of, grouped
from pinnlab.errors import DeclarationError

NAMES = ["pde", "walls", "start"]
BETAS, EPS = (0.9, 0.99), 1e-12


def steps(aggregator, scales=(1.0, 1.0, 1.0), count=5, names=NAMES):
    combiner = aggregator.start(Setup(names, betas=BETAS, eps=EPS))
    factors = torch.tensor(scales, dtype=torch.float64)[:, None]
    found = []
    for k in range(count):
        rows = factors * matrix(len(names), 8, k)
        rows = rows if combiner.groups is None else grouped(rows, combiner.groups)
        found.append(combiner(rows, gramian_of(rows)))
    return found


def adam(gradients):
    """Steps of torch's Adam at a rate of one."""
    x = torch.nn.Parameter(torch.zeros(len(gradients[0]), dtype=torch.float64))
    optimizer, found = torch.optim.Adam([x], lr=1.0, betas=BETAS, eps=EPS), []
    for g in gradients:
        before = x.detach().clone()
        x.grad = g.clone()
        optimizer.step()
        found.append(before - x.detach())
    return found


@pytest.mark.parametrize(
    ("groups", "members"),
    [
        ((), [[0], [1], [2]]),
        ((("pde",), ("walls", "start")), [[0], [1, 2]]),
        ((("start", "pde"), ("walls",)), [[0, 2], [1]]),
        ((("pde", "walls", "start"),), [[0, 1, 2]]),
    ],
)
def test_the_step_is_the_mean_of_those_of_adam(groups, members):
    found = steps(MultiAdam(groups))
    rows = [matrix(3, 8, k) for k in range(5)]
    single = [adam([row[list(of)].sum(0) for row in rows]) for of in members]
    for k, step in enumerate(found):
        torch.testing.assert_close(step, torch.stack([s[k] for s in single]).mean(0))


@given(st.lists(st.sampled_from([1e-6, 1e-3, 1.0, 1e5, 1e10]), min_size=3, max_size=3))
def test_sizes_of_terms_do_not_matter(scales):
    # ε is 1e-6 of the smallest gradients.
    for a, b in zip(steps(MultiAdam(), scales), steps(MultiAdam()), strict=True):
        torch.testing.assert_close(a, b, rtol=1e-4, atol=1e-4)


def test_sizes_of_groups_do_not_matter_but_those_within_do():
    groups = (("pde",), ("walls", "start"))
    base, last = steps(MultiAdam(groups)), -1
    together = steps(MultiAdam(groups), (1e4, 7.0, 7.0))
    torch.testing.assert_close(together[last], base[last], rtol=1e-6, atol=1e-6)
    within = steps(MultiAdam(groups), (1.0, 1.0, 50.0))
    assert float((within[last] - base[last]).abs().max()) > 0.1


def test_groups_are_lists_of_different_names():
    with pytest.raises(DeclarationError, match=r"lists of names[\s\S]*list of lists"):
        MultiAdam(["pde", "walls"])
    for wrong in (None, 3, [3], {"pde": 1}):
        with pytest.raises(DeclarationError, match="MultiAdam needs lists of names"):
            MultiAdam(wrong)
    with pytest.raises(DeclarationError, match="MultiAdam cannot have groups"):
        MultiAdam([["pde"], []])
    with pytest.raises(DeclarationError, match="'walls' twice"):
        MultiAdam([["pde", "walls"], ["walls"]])


def test_every_term_is_in_a_group():
    with pytest.raises(
        DeclarationError,
        match=r"in `groups` that does not exist: 'wall'[\s\S]*did you mean 'walls'",
    ):
        MultiAdam([["pde", "wall"], ["start"]]).start(Setup(NAMES))
    with pytest.raises(DeclarationError, match="no group for 'start'"):
        MultiAdam([["pde"], ["walls"]]).start(Setup(NAMES))
