"""A compiled loss is the loss: as a list of operations, and as what a compiler makes of it."""

import logging

import pytest
import torch
from cases import PROBLEMS, assembly

import pinnlab as pl
from pinnlab.calculus import chain, strips
from pinnlab.errors import DeclarationError
from pinnlab.objective import compiled
from pinnlab.objective.compiled import CompiledLoss, flattened
from pinnlab.problems import PointBudget
from pinnlab.problems.assemble import assemble
from pinnlab.training import Trainer

# Sums of some hundred rounded products in another order.
TOLERANCE = 1e-10


@pytest.fixture(autouse=True)
def no_compiler(monkeypatch, request):
    """Flat lists of operations are run as they are, unless a test wants the compiler."""
    if "the_compiler" not in request.node.name:
        monkeypatch.setattr(compiled, "fused", lambda module, _: module)


@pytest.fixture(params=["in one", "plain"])
def chains(request, monkeypatch):
    """Whether a chain of layers is one operation of the list, as with compiled arithmetic."""
    if request.param == "plain":
        monkeypatch.setattr(strips, "_strips", None)
    elif not strips.compiled():
        pytest.skip("pinnlab was installed without a compiler")
    return request.param


def high_dimensional(kind="sine_gordon", dim=30, **options):
    problem = getattr(pl.high_dimension, kind)(dim=dim)
    network, budget = pl.MLP(8, 2), PointBudget(interior=12, boundary=4)
    estimator = {"derivatives": pl.STDE(samples=4)} | options
    return assemble(problem, network, budget=budget, dtype=torch.float64, **estimator)


def compare(objective):
    """Loss, terms and gradient, compiled and not."""
    loss, squares = objective.evaluate_with_gradient()
    gradient = objective.flat_gradient()
    objective.compiled = objective.compiled or CompiledLoss()
    found, found_squares = objective.loss_and_gradient()
    assert objective.compiled.fallback == ""
    size = float(gradient.abs().max())
    torch.testing.assert_close(found, loss, rtol=TOLERANCE, atol=0.0)
    torch.testing.assert_close(found_squares, squares, rtol=TOLERANCE, atol=1e-14)
    torch.testing.assert_close(
        objective.flat_gradient(), gradient, rtol=TOLERANCE, atol=TOLERANCE * size
    )


@pytest.mark.usefixtures("chains")
@pytest.mark.parametrize("name", PROBLEMS)
def test_the_list_of_operations_is_the_loss(name):
    made = assembly(PROBLEMS[name]())
    compare(made.objective)
    made.resample()  # other points, the same function
    compare(made.objective)
    with torch.no_grad():
        for p in made.objective.parameters:
            p.mul_(1.1)
    compare(made.objective)
    assert made.objective.compiled.compilations == 1


@pytest.mark.usefixtures("chains")
@pytest.mark.parametrize(
    "kind, dim, derivatives",
    [("sine_gordon", 30, pl.STDE(4)), ("poisson", 30, pl.Hutchinson(3)), ("allen_cahn", 4, None)],
)
def test_directions_and_forcing_are_arguments(kind, dim, derivatives):
    made = high_dimensional(kind, dim, derivatives=derivatives)
    for _ in range(3):
        compare(made.objective)
        made.resample()
        made.objective.redraw()
    assert made.objective.compiled.compilations == 1


@pytest.mark.usefixtures("chains")
def test_directions_along_normals_are_arguments():
    domain, slope = pl.HyperBall("x", dim=20), pl.Neumann(u=1, on="boundary")
    problem = pl.Problem(domain, "u", {"heat": "laplacian(u) - u"}, {"slope": slope})
    budget = PointBudget(interior=9, boundary=7)
    made = assemble(
        problem, pl.MLP(8, 2), budget=budget, dtype=torch.float64, derivatives=pl.STDE(4)
    )
    for _ in range(3):
        compare(made.objective)
        made.resample()
        made.objective.redraw()
    assert made.objective.compiled.compilations == 1


def test_weights_are_arguments():
    objective = assembly(PROBLEMS["inverse"]()).objective
    compare(objective)
    objective.weights[objective.names[0]] = 7.0
    compare(objective)
    assert objective.compiled.compilations == 1


def test_other_numbers_of_points_are_other_functions(caplog, monkeypatch):
    monkeypatch.setattr(compiled, "MOST_FUNCTIONS", 2)
    made = assembly(PROBLEMS["poisson_line"]())
    objective = made.objective
    objective.compiled = CompiledLoss()
    full = dict(objective.points)
    for n in range(3, 5):
        rows = torch.arange(n)
        objective.set_points({p: x.take(rows[: len(x)]) for p, x in full.items()})
        compare(objective)
    objective.set_points(full)
    with caplog.at_level(logging.WARNING):
        loss, _ = objective.loss_and_gradient()
    assert "numbers of points changed" in caplog.text
    assert torch.equal(loss, objective.evaluate_with_gradient()[0])
    assert objective.fallbacks == [objective.compiled.fallback]


def test_a_compiler_that_fails_is_told_and_left(monkeypatch, caplog):
    def broken(*_):
        raise RuntimeError("no compiler\nat all")

    monkeypatch.setattr(compiled, "fused", broken)
    objective = assembly(PROBLEMS["poisson_line"]()).objective
    objective.compiled = CompiledLoss()
    with caplog.at_level(logging.WARNING):
        losses = [objective.loss_and_gradient()[0] for _ in range(2)]
    assert caplog.text.count("RuntimeError: no compiler") == 1
    assert torch.equal(*losses)


def test_a_compiler_that_is_wrong_is_found_out(monkeypatch, caplog):
    def wrong(module, _):
        def function(*arguments):
            loss, squares, *gradients = module(*arguments)
            return (loss, squares, *[g * (1 + 1e-6) for g in gradients])

        return function

    monkeypatch.setattr(compiled, "fused", wrong)
    objective = assembly(PROBLEMS["poisson_line"]()).objective
    objective.compiled = CompiledLoss()
    with caplog.at_level(logging.WARNING):
        objective.loss_and_gradient()
    assert "differs by 1.0e-06" in caplog.text
    gradient = objective.flat_gradient()
    objective.evaluate_with_gradient()
    assert torch.equal(gradient, objective.flat_gradient())


def test_what_reads_numbers_back_is_not_compiled(caplog):
    def picky(u):
        return u.xx if float(u.value.detach().sum()) > -1e9 else u

    problem = pl.Problem(
        domain=pl.Interval("x", 0, 1),
        fields=["u"],
        equations={"e": picky},
        conditions={"ends": pl.Dirichlet(u=0)},
    )
    with caplog.at_level(logging.WARNING):
        objective = assembly(problem).objective
        objective.compiled = CompiledLoss()
        loss, _ = objective.loss_and_gradient()
    assert "not compiled" in caplog.text
    assert bool(loss.isfinite())


@pytest.mark.slow
def test_the_compiler_makes_kernels_for_one_thread(torch_threads):
    # In a sum over as many directions as here, those of torch 2.13 for several write out of bounds.
    from torch._inductor.utils import run_and_get_code
    from torch.fx.experimental.proxy_tensor import make_fx

    x = torch.rand(512, 2000)
    module = make_fx(lambda t: (t.sin().square().sum(0),))(x)
    torch_threads(2)
    function, code = run_and_get_code(lambda: compiled.fused(module, [x]))
    torch.testing.assert_close(function(x)[0], module(x)[0])
    assert 'extern "C"' in code[0]
    assert "omp parallel" not in code[0]


def test_gradients_of_terms_are_refused():
    with pytest.raises(DeclarationError, match=r"(?s)gradient of the whole loss.*Sum\(\)"):
        pl.solve(
            PROBLEMS["poisson_line"](),
            gradients=pl.ConFIG(),
            execution="compiled",
            phases=pl.Adam(2),
            progress=False,
        )


def test_flat_lists_hold_no_points():
    objective = high_dimensional().objective
    reads = objective.reads()
    module, _ = flattened(objective, objective.inputs(reads, transparent=True, known=True))
    constants = [v for v in vars(module).values() if isinstance(v, torch.Tensor)]
    assert all(v.numel() <= 8 for v in constants)


def test_sources_and_their_derivatives_are_arguments():
    problem = pl.high_dimension.sine_gordon(6)
    gradient = pl.GradientEnhanced("sine_gordon", samples=2)
    problem = problem.replace(conditions={**problem.conditions, "gradient": gradient})
    objective = assembly(problem, derivatives=pl.STDE(3)).objective
    expected, reads = objective.residuals(transparent=True), objective.reads()
    for _ in range(2):  # the second time only what turned out to be known is asked for
        inputs = objective.inputs(reads, transparent=True, known=True)
        ((name, table),) = next(iter(inputs.known.values())).items()
        assert (name, len(table)) == ("f'", 3)  # the values, and along two directions
        found = objective.at(inputs).residuals(transparent=True)
        assert found.keys() == expected.keys()
        for term, block in found.items():
            torch.testing.assert_close(block, expected[term], rtol=1e-12, atol=1e-12)
        reads.keep(inputs)
    module, _ = flattened(objective, inputs)
    constants = [v for v in vars(module).values() if isinstance(v, torch.Tensor)]
    assert all(v.numel() <= 8 for v in constants)


def test_directions_meet_no_array_of_all_coordinates(chains):
    """Neither directions times points times coordinates, nor weights that are mostly zero."""
    dim, points, samples = 300, 12, 4
    objective = high_dimensional(dim=dim, derivatives=pl.STDE(samples=samples)).objective
    reads = objective.reads()
    module, _ = flattened(objective, objective.inputs(reads, transparent=True, known=True))
    found = [n for n in module.graph.nodes if isinstance(n.meta.get("val"), torch.Tensor)]
    assert max(n.meta["val"].numel() for n in found) == points * dim
    weights = [n for n in found if sorted(n.meta["val"].shape) == [8, dim]]
    assert not [n for n in weights if "zeros" in str(n.target)]
    assert bool([n for n in weights if "index_add" in str(n.target)]) == (chains == "plain")


@pytest.mark.slow
@pytest.mark.parametrize("threads", [1, 2])
def test_the_compiler_is_asked_once_for_all_steps(monkeypatch, torch_threads, threads):
    torch_threads(threads)
    monkeypatch.setattr(chain, "SHARE_NUMBERS", 100)  # even few points are shared out
    asked, fused = [], compiled.fused
    monkeypatch.setattr(compiled, "fused", lambda *given: asked.append(1) or fused(*given))
    solutions = [
        pl.solve(
            pl.high_dimension.sine_gordon(dim=30),
            pl.MLP(6, 2),
            points={"interior": 10, "boundary": 4},
            derivatives=pl.STDE(samples=4),
            phases=pl.Adam(5, lr=1e-2, resample=1),
            dtype="float64",
            execution=execution,
            progress=False,
            callbacks=[],
        )
        for execution in ("eager", "compiled")
    ]
    eager, fused = ([r["loss"] for r in s.records] for s in solutions)
    assert fused == pytest.approx(eager, rel=1e-9)
    assert solutions[1].settings["execution"] == "compiled"  # nothing went wrong
    assert len(asked) == 1


def test_a_run_says_what_it_fell_back_to(monkeypatch):
    def broken(*_):
        raise RuntimeError("no compiler")

    monkeypatch.setattr(compiled, "fused", broken)
    solution = pl.solve(
        PROBLEMS["poisson_line"](), pl.MLP(4, 1), phases=pl.Adam(2), execution="compiled",
        points={"interior": 8, "boundary": 2}, progress=False, callbacks=[],
    )  # fmt: skip
    assert "not compiled: RuntimeError: no compiler" in solution.settings["execution"]


def test_a_trainer_steps_a_compiled_objective():
    losses = []
    for execution in ("eager", "compiled"):
        made = assembly(PROBLEMS["heat_flux"]())
        made.objective.execute(execution)
        trainer = Trainer(made, [pl.Adam(6, resample=2), pl.LBFGS(3)], progress=False)
        trainer.run()
        losses.append([r["loss"] for r in trainer.records])
        assert trainer.records[0]["conflicts"]["eager"] == (execution == "eager")
    assert losses[1] == pytest.approx(losses[0], rel=1e-8)
