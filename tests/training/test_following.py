"""Points that follow the residual, in runs."""

import signal

import numpy as np
import pytest
import torch
from cases import PROBLEMS, RANDOM, assembly
from sampling.test_adaptive import chi_square
from torch import nn
from training.runs import Kill, Remember, final, run, run_to_death
from training.test_resume import assert_same

import pinnlab as pl
from pinnlab.errors import DeclarationError
from pinnlab.problems import PointBudget
from pinnlab.problems.followed import Followed
from pinnlab.training import Trainer
from pinnlab.weighting.base import Weigher, Weighting


class Flat(nn.Module):
    """u = 0, so that a residual is its source; one parameter, which nothing asks for."""

    def __init__(self, fields=1):
        super().__init__()
        self.fields = fields
        self.unused = nn.Parameter(torch.zeros(()))

    def forward(self, x):
        return 0 * self.unused + torch.zeros(len(x), self.fields, dtype=x.dtype)


def line(source="exp(-(x - 0.8)**2/0.004)", **equations):
    return pl.Problem(
        pl.Interval("x", 0, 1),
        "u",
        {"spike": f"u.xx + {source}"} | equations,
        {"ends": pl.Dirichlet(u=0), "mean": pl.Integral("u + 1", 1)},
    )


def trained(problem, callback, interior=400, surrogate=None, phases=None, **options):
    """A trainer that has not made a step."""
    built = assembly(problem, surrogate or Flat(), PointBudget(interior, 8), seed=1)
    return Trainer(built, phases or [pl.Adam(5)], callbacks=[callback], progress=False, **options)


def x_of(points, problem_term):
    return points[problem_term.placements[0]].x


def equation_points(trainer, term=0):
    return x_of(trainer.points, trainer.objective.terms_[term])


# --- whose residuals ------------------------------------------------------------------------
def test_equations_on_the_same_points_count_together():
    problem = line(other=pl.Equation("u.x + 3*x", weight=4.0))
    built = assembly(problem, Flat(), PointBudget(10, 8))
    followed = Followed(built)
    (placement,) = followed.placements
    x = built.objective.points[placement].x[:, 0]
    squares = followed.squares(built.objective.points)[placement]
    source = torch.exp(-((x - 0.8) ** 2) / 0.004)
    torch.testing.assert_close(squares, source**2 + 4 * (3 * x) ** 2)
    only = Followed(built, ["other"])
    torch.testing.assert_close(only.squares(built.objective.points)[placement], 36 * x**2)


def test_sizes_are_found_without_touching_the_objective():
    built = assembly(PROBLEMS["cavity"]())
    objective = built.objective
    before, number = objective.loss().item(), objective.batch_number
    followed = Followed(built)
    followed.squares({p: built.draw_at(p, 7) for p in followed.placements})
    assert objective.batch_number == number
    assert objective.loss().item() == before


@pytest.mark.parametrize("name", PROBLEMS)
def test_sizes_are_those_of_the_residuals(name):
    built = assembly(PROBLEMS[name]())
    blocks, followed = built.objective.residuals(), Followed(built)
    found = followed.squares(built.objective.points)
    for placement, names in followed.terms.items():
        expected = sum(built.objective.weights[n] * blocks[n].square().sum(1) for n in names)
        torch.testing.assert_close(found[placement], expected)


# --- RAD ------------------------------------------------------------------------------------
@pytest.mark.parametrize("share", [1.0, 0.4])
def test_rad_points_have_the_density(share):
    callback = pl.RAD(1, share=share, k=2, c=0.5, candidates=100_000)
    made = trained(line(), callback, interior=2000)
    callback.move(made)
    x = np.sort(equation_points(made)[:, 0].numpy())
    assert len(np.unique(x)) == 2000
    fine = (np.arange(100_000) + 0.5) / 100_000
    density = np.exp(-2 * (fine - 0.8) ** 2 / 0.004)
    density = (density / density.mean() + 0.5) / 1.5
    density = share * density + (1 - share)
    edges = np.linspace(0, 1, 26)
    expected = 2000 * np.histogram(fine, edges, weights=density / len(fine))[0]
    assert chi_square(np.histogram(x, edges)[0], expected) > 1e-3


def test_rad_redraws_conditions_and_leaves_integrals_whole():
    problem = pl.Problem(
        pl.Box(x=(0, 1), y=(0, 1)), "u", {"e": "u.xx + x"},
        {"walls": pl.Dirichlet(u=0), "mean": pl.Integral("u + 1", 1),
         "seen": pl.Data({"x": [0.2], "y": [0.3], "u": [1.0]})},
    )  # fmt: skip
    callback = pl.RAD(1, candidates=500)
    made = trained(problem, callback)
    before = dict(made.points)
    callback.move(made)
    terms = {t.name: t.placements[0] for t in made.objective.terms_}
    assert not torch.equal(made.points[terms["walls"]].x, before[terms["walls"]].x)
    assert torch.equal(made.points[terms["seen"]].x, before[terms["seen"]].x)
    assert float(made.points[terms["mean"]].weights.sum()) == pytest.approx(1.0)


def test_equations_that_are_not_followed_stay_even():
    problem = PROBLEMS["two_materials"]()
    names = [t.name for t in problem.terms if t.kind == "equation"]
    callback = pl.RAD(1, candidates=500, equations=names[0])
    made = trained(problem, callback, surrogate=pl.MLP(5, 2), interior=50)
    assert len(callback.followed.placements) == 1
    callback.move(made)
    assert made.points[made.objective.terms_[1].placements[0]].weights is not None


# --- RAR ------------------------------------------------------------------------------------
def test_rar_adds_the_worst_until_the_set_is_full():
    callback = pl.RAR(2, add=30, candidates=1000, largest=100)
    counts = []

    class Count(pl.Callback):
        def on_step(self, trainer, record):
            counts.append(len(equation_points(trainer)))

    built = assembly(line(), Flat(), PointBudget(40, 8), seed=1)
    made = Trainer(built, [pl.Adam(11)], callbacks=[callback, Count()], progress=False, log_every=1)
    old = equation_points(made).clone()
    made.run()
    assert counts == [40, 70, 70, 100] + 7 * [100]
    x = equation_points(made)
    assert torch.equal(x[:40], old)
    # The 30 of 1000 even candidates next to 0.8 lie within 0.015 of it.
    assert ((x[40:] - 0.8).abs() < 0.017).all()
    assert made.records[-1]["sampling"] == {"points": 100}


def test_rar_d_draws_with_the_density():
    callback = pl.RAR(1, add=1000, candidates=50_000, greedy=False, k=2, c=0)
    made = trained(line(), callback, interior=10)
    callback.move(made)
    x = equation_points(made)[10:, 0]
    # The squared residual is a normal density of variance 0.001.
    assert float(x.mean()) == pytest.approx(0.8, abs=4 * np.sqrt(0.001 / 1000))
    assert float(x.var()) == pytest.approx(0.001, rel=4 * np.sqrt(2 / 1000))


# --- R3 -------------------------------------------------------------------------------------
@pytest.mark.parametrize("kept", [True, False])
def test_r3_keeps_exactly_the_points_above_the_mean(kept):
    callback = pl.R3()
    made = trained(line("exp(3*x)"), callback, surrogate=pl.MLP(5, 2))
    x, residual = equation_points(made).clone(), made.objective.residuals()["spike"][:, 0].abs()
    if kept:
        made.objective.loss()
        assert "spike" in made.objective.latest
    evaluations = made.objective.evaluations
    ends = x_of(made.points, made.objective.terms_[1])
    callback.move(made)
    assert made.objective.evaluations == evaluations + (not kept)
    above, new = x[residual > residual.mean()], equation_points(made)
    assert 0 < len(above) < len(x) == len(new)
    assert torch.equal(new[: len(above)], above)
    assert not set(new[len(above) :, 0].tolist()) & set(x[:, 0].tolist())
    assert x_of(made.points, made.objective.terms_[1]) is ends or torch.equal(
        x_of(made.points, made.objective.terms_[1]), ends
    )
    assert callback.told == {"retained": len(above) / len(x)}


def test_r3_gathers_points_where_the_residual_is_large():
    callback = pl.R3()
    made = trained(line(), callback, surrogate=Flat())
    for _ in range(40):
        callback.move(made)
    near = (equation_points(made)[:, 0] - 0.8).abs() < 0.1
    # Only what is above the mean stays, so that nearly all points end up there.
    assert 0.5 < float(near.double().mean()) < 1


def test_r3_releases_points_of_equal_residuals():
    callback = pl.R3()
    made = trained(pl.Problem(pl.Interval("x", 0, 1), "u", {"one": "u.x + 1"}), callback)
    x = equation_points(made).clone()
    callback.move(made)
    assert not set(equation_points(made)[:, 0].tolist()) & set(x[:, 0].tolist())


def test_r3_waits_while_residuals_are_not_finite():
    callback = pl.R3()
    made = trained(line(), callback, surrogate=pl.MLP(5, 2))
    with torch.no_grad():
        made.objective.parameters[0][0] = torch.inf
    x = equation_points(made).clone()
    callback.move(made)
    assert torch.equal(equation_points(made), x)


def test_r3_takes_the_whole_set_where_steps_take_batches():
    callback = pl.R3(3)
    made = trained(line(), callback, phases=[pl.Adam(7, batch=32)])
    made.run()
    assert len(equation_points(made)) == 400
    near = (equation_points(made)[:, 0] - 0.8).abs() < 0.12
    assert float(near.double().mean()) > 0.35


# --- causal R3 ------------------------------------------------------------------------------
def in_time(source="1"):
    return pl.Problem(
        pl.Interval("x", 0, 1) * pl.Time("t", 1, 3), "u", {"e": f"u.t + {source}"},
        {"start": pl.Initial(u=0)},
    )  # fmt: skip


def test_the_gate_is_a_factor_on_the_residual_in_loss_and_choice():
    callback = pl.CausalR3(alpha=5.0, gamma=0.4, rate=1e-3, tolerance=2.0)
    made = trained(in_time("x"), callback)
    callback.on_start(made)
    x, t = equation_points(made).clone().unbind(1)
    gate = 0.5 * (1 - torch.tanh(5 * ((t - 1) / 2 - 0.4)))
    loss = float((gate * x).square().mean())
    assert float(made.objective.loss().detach()) == pytest.approx(0.5 * loss)
    size, before = gate * x, equation_points(made).clone()
    callback.move(made)
    above = before[size > size.mean()]
    assert torch.equal(equation_points(made)[: len(above)], above)
    assert callback.told["gate"] == pytest.approx(0.4 + 1e-3 * np.exp(-2 * loss))
    t = equation_points(made)[:, 1]
    moved = 0.5 * (1 - torch.tanh(5 * ((t - 1) / 2 - callback.told["gate"])))
    torch.testing.assert_close(made.objective.point_weights["e"], moved**2)


# --- AAS ------------------------------------------------------------------------------------
def test_aas_moves_points_to_the_residual():
    problem = pl.Problem(
        pl.Box(x=(-1, 1), y=(0, 3)), "u",
        {"e": "u.xx + exp(-((x - 0.4)**2 + ((y - 0.9)/1.5)**2)/0.05)"},
    )  # fmt: skip
    callback = pl.AAS(1, steps=150, share=0.75, beta=1e-2, candidates=2000, batch=150, width=8)
    made = trained(problem, callback, interior=401)
    callback.move(made)
    x = equation_points(made)
    assert len(x) == 401
    near = ((x - torch.tensor([0.4, 0.9])) / torch.tensor([1.0, 1.5])).norm(dim=1) < 0.4
    # Even points: π 0.4² / 4 = 13 %.
    assert float(near.double().mean()) > 0.3
    assert callback.told["information"] > 0.3
    even = made.assembly.draw_at(callback.followed.placements[0], 100).x
    assert float(x[:101].mean()) == pytest.approx(float(even.mean()), abs=0.05)


@pytest.mark.parametrize(
    "domain",
    [
        pl.Disk(center=(1, 2), radius=0.5),
        pl.Disk(center=(0, 0), radius=1, name="d") * pl.Time("t", 0, 2),
        pl.Box(x=(0, 1), y=(0, 1)) - pl.Disk(center=(0.5, 0.5), radius=0.2, name="hole"),
    ],
    ids=["disk", "disk in time", "hole"],
)
def test_aas_stays_in_the_domain(domain):
    problem = pl.Problem(domain, "u", {"e": "u.xx + x"})
    callback = pl.AAS(1, steps=3, candidates=200, batch=20, width=4)
    made = trained(problem, callback, interior=100)
    callback.move(made)
    assert domain.contains(equation_points(made).numpy()).all()
    assert len(equation_points(made)) == 100


def test_aas_has_a_density_for_each_region():
    callback = pl.AAS(1, steps=2, candidates=100, batch=20, width=4)
    made = trained(PROBLEMS["two_materials"](), callback, surrogate=pl.MLP(5, 2), interior=40)
    callback.move(made)
    for placement in callback.followed.placements:
        region = callback.followed.geometry(placement)
        assert region is made.assembly.problem.regions[placement.region]
        assert region.contains(made.points[placement].x.numpy()).all()
    assert len(callback.told) == 2


# --- resumed runs ---------------------------------------------------------------------------
RESUMED = {
    "rad": (lambda: pl.RAD(3, share=0.5, candidates=60), "inverse", [pl.Adam(30, lr=1e-2)]),
    "rad batch": (
        lambda: pl.RAD(4, candidates=60), "inverse", [pl.Adam(30, lr=1e-2, batch=8)],
    ),
    "rar": (
        lambda: pl.RAR(4, add=5, candidates=60, largest=50), "inverse",
        [pl.Adam(14, lr=1e-2), pl.LBFGS(16)],
    ),
    "r3": (lambda: pl.R3(), "inverse", [pl.Adam(30, lr=1e-2)]),
    "r3 lbfgs": (lambda: pl.R3(5), "heat_flux", [pl.Adam(10, lr=1e-2), pl.LBFGS(20)]),
    "r3 terms in turn": (
        lambda: pl.R3(17), "inverse", [pl.Adam(30, lr=1e-2)], {"aggregator": pl.MConFIG()},
    ),
    "causal r3": (lambda: pl.CausalR3(gamma=0.1, rate=0.05), "hard_heat", [pl.Adam(30, lr=1e-2)]),
    "causal r3 lbfgs": (
        lambda: pl.CausalR3(3, gamma=0.1, rate=0.05), "hard_heat",
        [pl.Adam(9, lr=1e-2), pl.LBFGS(21)],
    ),
    "aas": (
        lambda: pl.AAS(3, steps=2, candidates=50, batch=10, width=4), "inverse",
        [pl.Adam(30, lr=1e-2)],
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", RESUMED, ids=lambda n: n.replace(" ", "_"))
def test_a_killed_run_goes_on_bit_for_bit(name, tmp_path):
    make, problem, phases, *more = RESUMED[name]
    options = {"phases": phases, "problem": problem, **(more[0] if more else {})}
    run(**options, folder=tmp_path / "a", callbacks=[pl.Callback(), make(), Remember()])
    code = run_to_death(
        **options, folder=tmp_path / "b", kill=Kill(17), callbacks=[make(), Remember()]
    )
    assert code == -signal.SIGKILL
    again = run(
        **options,
        folder=tmp_path / "b",
        resume=True,
        callbacks=[pl.Callback(), make(), Remember()],
    )
    assert again.step == 30
    whole, killed = final(tmp_path / "a"), final(tmp_path / "b")
    assert_same(whole[1], killed[1])
    assert_same(whole[2], killed[2])


def test_a_callback_starts_anew_in_another_run():
    callback = pl.AAS(1, steps=2, candidates=50, batch=10, width=4)
    first = trained(line(), callback)
    callback.move(first)
    moved = callback.density().single.detach().clone()
    assert moved.abs().max() > 0
    trained(line(), callback)
    assert callback.density().single.abs().max() == 0


# --- what is refused ------------------------------------------------------------------------
class PerPoint(Weighting):
    per_point = True

    def start(self, objective):
        class Idle(Weigher):
            def update(self, objective, step):
                pass

        return Idle()


class PerTerm(PerPoint):
    per_point = False


FOLLOWING = {
    "RAD": pl.RAD,
    "RAR": lambda **o: pl.RAR(add=1, **o),
    "R3": pl.R3,
    "AAS": pl.AAS,
}


@pytest.mark.parametrize("name", FOLLOWING)
@pytest.mark.parametrize(
    "options,words",
    [
        ({"phases": [pl.Adam(5, resample=2)]}, "a phase with `resample` would undo"),
        ({"weightings": [PerPoint()]}, "weighs one by one"),
    ],
    ids=["phase", "weighting"],
)
def test_runs_that_undo_it_are_refused(name, options, words):
    with pytest.raises(DeclarationError, match=words):
        trained(line(), FOLLOWING[name](), **options)


@pytest.mark.parametrize("name", FOLLOWING)
def test_two_that_decide_are_refused(name):
    built = assembly(line(), Flat(), PointBudget(20, 8))
    with pytest.raises(DeclarationError, match="would undo what the other one does"):
        Trainer(built, [pl.Adam(1)], callbacks=[FOLLOWING[name](), pl.Resample()], progress=False)


@pytest.mark.parametrize("name", FOLLOWING)
def test_names_are_checked(name):
    with pytest.raises(DeclarationError, match=r"(?s)'spice' is no equation.*did you mean 'spike'"):
        trained(line(), FOLLOWING[name](equations="spice"))
    with pytest.raises(DeclarationError, match="'ends' is no equation"):
        trained(line(), FOLLOWING[name](equations=["ends"]))


@pytest.mark.parametrize("name", FOLLOWING)
def test_fixed_points_are_refused(name):
    problem = pl.Problem(pl.Interval("x", 0, 1), "u", {"e": pl.Equation("u.x", sampler="gauss")})
    with pytest.raises(DeclarationError, match="sampler 'gauss' always gives the same"):
        trained(problem, FOLLOWING[name]())
    with pytest.raises(DeclarationError, match="There is no residual to follow"):
        trained(line(), FOLLOWING[name](equations=[]))


@pytest.mark.parametrize("name,dim", [("RAD", 2000), ("R3", 2000), ("RAR", 2000), ("AAS", 100)])
def test_very_many_dimensions_are_refused(name, dim):
    wide = pl.Problem(
        pl.Hypercube("x", dim=dim), "u", {"e": "laplacian(u)"}, {"walls": pl.Dirichlet(u=0)}
    )
    built = assembly(wide, pl.MLP(3, 1), PointBudget(4, 4), derivatives=pl.STDE(2))
    with pytest.raises(DeclarationError, match=f"cannot follow a residual over {dim} coordinates"):
        Trainer(built, [pl.Adam(1)], callbacks=[FOLLOWING[name]()], progress=False)


@pytest.mark.parametrize(
    "problem,options,words",
    [
        (line, {}, "a problem in time"),
        (in_time, {"phases": [pl.Adam(5, batch=3)]}, "all points in every step"),
        (in_time, {"weightings": [PerTerm()]}, "fixed weights"),
    ],
    ids=["no time", "batch", "weighting"],
)
def test_what_a_causal_gate_cannot_be_combined_with(problem, options, words):
    with pytest.raises(DeclarationError, match=words):
        trained(problem(), pl.CausalR3(), **options)


@pytest.mark.parametrize(
    "make,words",
    [
        (lambda: pl.RAD(0), "every=0"),
        (lambda: pl.RAD(c=-1), "RAD cannot draw"),
        (lambda: pl.RAR(add=0), "add=0"),
        (lambda: pl.RAR(add=10, candidates=5), "at least as many candidates"),
        (lambda: pl.R3(0), "every=0"),
        (lambda: pl.CausalR3(alpha=0), "alpha=0"),
        (lambda: pl.CausalR3(tolerance=-1), "tolerance=-1"),
        (lambda: pl.AAS(share=0), "AAS cannot draw"),
        (lambda: pl.AAS(bins=1), "AAS cannot draw"),
        (lambda: pl.AAS(beta=0), "beta=0"),
        (lambda: pl.AAS(steps=0), "steps=0"),
    ],
)
def test_numbers_are_checked(make, words):
    with pytest.raises(DeclarationError, match=words):
        make()


def test_a_full_set_is_refused():
    with pytest.raises(DeclarationError, match="RAR would add nothing"):
        trained(line(), pl.RAR(largest=400))


def test_default_phases_leave_the_points_to_the_callback():
    problem = PROBLEMS["poisson_line"]()
    built = pl.solve(
        problem, pl.MLP(4, 1), points={"interior": 8, "boundary": 2}, callbacks=pl.R3(),
        budget=1e-3, progress=False,
    )  # fmt: skip
    assert all("resample=None" in phase for phase in built.settings["phases"])


@pytest.mark.parametrize("name", RANDOM)
def test_estimated_residuals_are_followed(name):
    problem = RANDOM[name]()
    callback = pl.RAD(1, candidates=40)
    made = trained(problem, callback, surrogate=pl.MLP(4, 2), interior=20)
    callback.move(made)
    assert len(equation_points(made)) == 20
