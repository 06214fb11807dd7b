"""ConFIG of momenta, against the algorithm as it is printed."""

import pytest
import torch
from term_gradients import matrix

import pinnlab as pl
from pinnlab.aggregation import ConFIG, MConFIG
from pinnlab.aggregation.base import Setup, gramian_of
from pinnlab.errors import DeclarationError

NAMES = ["a", "b", "c"]
BETAS, EPS = (0.8, 0.95), 1e-8


class Printed:
    """Algorithm 1 of the paper, with vectors and loops; the first gradients of all at once.

    Args:
        m: Number of terms.
        p: Number of parameters.
    """

    def __init__(self, m, p):
        self.m = [torch.zeros(p, dtype=torch.float64) for _ in range(m)]
        self.t = [0] * m
        self.pseudo, self.v = (torch.zeros(p, dtype=torch.float64) for _ in range(2))
        self.steps = 0

    def __call__(self, gradients):
        (b1, b2), self.steps = BETAS, self.steps + 1
        for i, g in gradients.items():
            self.t[i] += 1
            self.m[i] = b1 * self.m[i] + (1 - b1) * g
        corrected = torch.stack([m / (1 - b1**t) for m, t in zip(self.m, self.t, strict=True)])
        hat = ConFIG()(corrected)
        c = (hat * (1 - b1**self.steps) - b1 * self.pseudo) / (1 - b1)
        self.pseudo = b1 * self.pseudo + (1 - b1) * c
        self.v = b2 * self.v + (1 - b2) * c**2
        return hat / ((self.v / (1 - b2**self.steps)).sqrt() + EPS)


def started(**options):
    return MConFIG(**options).start(Setup(NAMES, betas=BETAS, eps=EPS))


@pytest.mark.parametrize("per_step", [1, 2, 3])
def test_steps_are_those_of_the_algorithm(per_step):
    combiner, printed = started(per_step=per_step), Printed(3, 9)
    for step in range(12):
        wanted = combiner.wanted()
        numbers = list(range(3)) if wanted is None else list(wanted)
        assert len(numbers) == (3 if step == 0 else per_step)
        rows = matrix(3, 9, step)[numbers]
        expected = printed(dict(zip(numbers, rows, strict=True)))
        torch.testing.assert_close(combiner(rows, gramian_of(rows)), expected, rtol=1e-6, atol=1e-9)


def test_terms_take_their_turn():
    combiner, seen = started(), []
    for step in range(7):
        wanted = combiner.wanted()
        seen.append(wanted if wanted is None else tuple(wanted))
        rows = matrix(3, 4, step) if wanted is None else matrix(3, 4, step)[list(wanted)]
        combiner(rows, gramian_of(rows))
    assert seen == [None, (0,), (1,), (2,), (0,), (1,), (2,)]


def test_two_a_step_take_their_turn():
    combiner, seen = started(per_step=2), []
    for step in range(4):
        wanted = combiner.wanted()
        seen.append(wanted if wanted is None else tuple(wanted))
        rows = matrix(3, 4, step) if wanted is None else matrix(3, 4, step)[list(wanted)]
        combiner(rows, gramian_of(rows))
    assert seen == [None, (0, 1), (0, 2), (1, 2)]


def test_a_refused_step_asks_for_the_same_term_again():
    combiner = started()
    rows = matrix(3, 4)
    combiner(rows, gramian_of(rows))
    assert combiner.wanted() == combiner.wanted() == [0]


def test_second_moments_of_terms():
    combiner = started(second="terms")
    m, v = (torch.zeros(3, 9, dtype=torch.float64) for _ in range(2))
    counts, (b1, b2) = [0, 0, 0], BETAS
    for step in range(8):
        wanted = combiner.wanted()
        rows = matrix(3, 9, step) if wanted is None else matrix(3, 9, step)[list(wanted)]
        for i, g in zip(range(3) if wanted is None else wanted, rows, strict=True):
            counts[i] += 1
            m[i], v[i] = b1 * m[i] + (1 - b1) * g, b2 * v[i] + (1 - b2) * g**2
        scaled = [
            (m[i] / (1 - b1**t)) / ((v[i] / (1 - b2**t)).sqrt() + EPS) for i, t in enumerate(counts)
        ]
        expected = ConFIG()(torch.stack(scaled))
        torch.testing.assert_close(combiner(rows, gramian_of(rows)), expected)


def test_the_first_step_has_the_signs_of_con_fig():
    jacobian = matrix(3, 9)
    torch.testing.assert_close(MConFIG()(jacobian), ConFIG()(jacobian).sign(), rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("options", [{}, {"per_step": 2}, {"second": "terms"}], ids=str)
def test_two_quadratics_reach_their_common_minimum(options):
    # ½ Σ a_k (x_k - 1)² with curvatures that differ by 100 between the terms.
    target = torch.ones(6, dtype=torch.float64)
    curvatures = torch.tensor([[1.0, 2, 3, 0, 0, 1], [0, 0, 100.0, 300, 200, 100]]).double()
    x = torch.zeros(6, dtype=torch.float64)
    combiner = MConFIG(**options).start(Setup(["a", "b"]))
    for step in range(3000):
        wanted = combiner.wanted()
        rows = curvatures * (x - target)
        rows = rows if wanted is None else rows[list(wanted)]
        x = x - 0.02 * 0.998**step * combiner(rows, gramian_of(rows))
    # The rate ends at 0.02·0.998^3000 = 5e-5, the size of a last step.
    assert float((x - target).abs().max()) < 1e-3


def test_number_of_terms():
    with pytest.raises(DeclarationError, match=r"cannot renew 4 terms[\s\S]*at most the 3"):
        started(per_step=4)
    for wrong in (0, 1.5, True):
        with pytest.raises(DeclarationError, match="MConFIG cannot have per_step"):
            MConFIG(per_step=wrong)


def test_kinds_of_second_moments():
    with pytest.raises(DeclarationError, match=r"MConFIG has no second 'term'[\s\S]*terms"):
        MConFIG(second="term")


def test_one_term_is_adam():
    # With one term ConFIG changes nothing, and what is left is Adam.
    combiner = MConFIG().start(Setup(["only"], betas=BETAS, eps=EPS))
    x = torch.nn.Parameter(torch.zeros(5, dtype=torch.float64))
    adam = torch.optim.Adam([x], lr=1.0, betas=BETAS, eps=EPS)
    for step in range(6):
        g = matrix(1, 5, step)
        x.grad, before = g[0].clone(), x.detach().clone()
        adam.step()
        torch.testing.assert_close(combiner(g, gramian_of(g)), before - x.detach())


def test_phases_take_the_step_as_it_is():
    problem = pl.Problem(
        pl.Interval("x", 0, 1), "u", {"poisson": "u.xx + 1"}, {"ends": pl.Dirichlet(u=0)}
    )
    for aggregator in (MConFIG(), pl.MultiAdam()):
        with pytest.raises(DeclarationError, match="whole steps"):
            pl.solve(problem, gradients=aggregator, phases=[pl.Optimizer("SGD", 2)])
        with pytest.raises(DeclarationError, match="whole steps"):
            pl.solve(problem, gradients=aggregator, phases=[pl.Adam(2, weight_decay=0.1)])
