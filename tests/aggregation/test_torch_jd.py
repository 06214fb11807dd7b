"""TorchJD's aggregators by name, and ours beside theirs."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from term_gradients import common_descent, matrix, sized

from pinnlab.aggregation import (
    IMTLG,
    MGDA,
    AlignedMTL,
    CAGrad,
    ConFIG,
    ConflictFree,
    DualProj,
    GradDrop,
    GradVac,
    NashMTL,
    PCGrad,
    TorchJD,
    UPGrad,
    torch_jd,
)
from pinnlab.aggregation.base import Setup, gramian_of
from pinnlab.errors import DeclarationError

library = pytest.importorskip("torchjd.aggregation")
seeds = st.integers(0, 200)


def ones(m):
    return torch.ones(m, dtype=torch.float64)


def projector():
    pytest.importorskip("qpsolvers")
    pytest.importorskip("quadprog")
    from torchjd.linalg import QuadprogProjector

    return QuadprogProjector(norm_eps=0.0, reg_eps=1e-13)


@given(seeds, st.integers(1, 5))
def test_con_fig(seed, m):
    jacobian = sized(matrix(m, 12, seed), [0, 1, -1, 2, -2][:m])
    torch.testing.assert_close(ConFIG()(jacobian), library.ConFIG()(jacobian), rtol=1e-6, atol=1e-6)


@given(seeds, st.integers(2, 6))
def test_up_grad(seed, m):
    jacobian = matrix(m, 6, seed)
    theirs = library.UPGrad(pref_vector=ones(m), projector=projector())
    torch.testing.assert_close(UPGrad()(jacobian), theirs(jacobian), rtol=1e-6, atol=1e-6)


@given(seeds, st.integers(2, 6))
def test_dual_proj(seed, m):
    jacobian = matrix(m, 6, seed)
    theirs = library.DualProj(pref_vector=ones(m), projector=projector())
    torch.testing.assert_close(DualProj()(jacobian), theirs(jacobian), rtol=1e-6, atol=1e-6)


@given(seeds, st.integers(2, 5))
def test_mgda(seed, m):
    jacobian = matrix(m, 9, seed)
    # Their Frank-Wolfe iteration ends near the shortest vector, never below it.
    ours, theirs = MGDA()(jacobian), library.MGDA(epsilon=1e-12, max_iters=3000)(jacobian)
    assert float(ours.norm()) <= float(theirs.norm()) * (1 + 1e-12)
    torch.testing.assert_close(ours, theirs, rtol=0, atol=2e-2 * float(jacobian.norm()))


@given(seeds, st.integers(2, 5))
def test_imtl_g(seed, m):
    jacobian = matrix(m, 9, seed)
    room = 1e-6 * float(library.IMTLG()(jacobian).abs().max())
    torch.testing.assert_close(IMTLG()(jacobian), library.IMTLG()(jacobian), rtol=1e-6, atol=room)


@pytest.mark.parametrize("scale", ["min", "median", "rmse"])
def test_aligned_mtl(scale):
    jacobian = matrix(4, 9)
    theirs = library.AlignedMTL(pref_vector=ones(4), scale_mode=scale)
    torch.testing.assert_close(AlignedMTL(scale)(jacobian), theirs(jacobian))


@given(seeds)
def test_pc_grad_of_two_terms_knows_no_order(seed):
    jacobian = matrix(2, 4, seed)
    torch.testing.assert_close(PCGrad()(jacobian), library.PCGrad()(jacobian))


@given(seeds)
def test_grad_vac_of_two_terms_over_steps(seed):
    ours, theirs = GradVac(beta=0.3).start(Setup(["a", "b"])), library.GradVac(beta=0.3, eps=0.0)
    for step in range(5):
        jacobian = matrix(2, 4, seed + 1000 * step)
        torch.testing.assert_close(ours(jacobian, gramian_of(jacobian)), theirs(jacobian))


def test_grad_drop_by_the_same_draw():
    jacobian = matrix(3, 50)
    with_numbers = torch.Generator().manual_seed(0)
    numbers = torch.get_rng_state()
    torch.set_rng_state(with_numbers.get_state())
    expected = library.GradDrop()(jacobian)
    torch.set_rng_state(numbers)
    torch.testing.assert_close(GradDrop()(jacobian), expected)


@pytest.mark.parametrize("c", [0.2, 0.5, 0.9])
@pytest.mark.parametrize("seed", range(8))
def test_ca_grad(c, seed):
    for name in ("cvxpy", "clarabel"):
        pytest.importorskip(name)
    jacobian = matrix(4, 9, seed)
    if common_descent(jacobian) > 1e-2:
        theirs = library.CAGrad(c=c, norm_eps=0.0)(jacobian) * 4
        # Their solver stops at a relative accuracy of about 1e-8 of its objective.
        torch.testing.assert_close(
            CAGrad(c)(jacobian), theirs, rtol=0, atol=1e-3 * float(theirs.norm())
        )


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.filterwarnings("ignore:You are solving a parameterized problem that is not DPP")
@pytest.mark.filterwarnings("ignore:Solution may be inaccurate")
def test_nash_mtl(seed):
    for name in ("cvxpy", "ecos"):
        pytest.importorskip(name)
    jacobian = matrix(3, 9, seed)
    theirs = library.NashMTL(n_tasks=3, max_norm=0.0, optim_niter=100)(jacobian)
    ours = NashMTL()(jacobian)
    # Both maximise the product of the rates along directions of one length; theirs in part.
    products = [float((jacobian @ d / d.norm()).clamp_min(0).log().sum()) for d in (ours, theirs)]
    assert products[0] >= products[1] - 1e-9


@pytest.mark.parametrize(
    ("name", "options"),
    [("Krum", {"n_byzantine": 0}), ("TrimmedMean", {"trim_number": 1}), ("Mean", {})],
)
def test_by_name(name, options):
    jacobian = matrix(4, 7)
    expected = getattr(library, name)(**options)(jacobian)
    torch.testing.assert_close(TorchJD(name, options)(jacobian), expected)
    combiner = TorchJD(name, options).start(Setup(["a", "b", "c", "d"]))
    torch.testing.assert_close(combiner(jacobian, gramian_of(jacobian)), expected)
    assert TorchJD(name, options)(jacobian.float()).dtype is torch.float32


def test_gramian_rules_take_any_inner_product():
    jacobian, metric = matrix(3, 6), torch.diag(torch.arange(1.0, 7.0, dtype=torch.float64))
    gramian = jacobian @ metric @ jacobian.T
    combiner = TorchJD("AlignedMTL").start(Setup(["a", "b", "c"]))
    combiner(jacobian, gramian)
    torch.testing.assert_close(combiner.coefficients * 3, AlignedMTL().weights(gramian))


def test_lists_become_tensors():
    jacobian = matrix(2, 4)
    weighted = TorchJD("Constant", {"weights": [2.0, -1.0]})
    torch.testing.assert_close(weighted(jacobian), 2 * jacobian[0] - jacobian[1])
    torch.testing.assert_close(weighted(jacobian.float()), (2 * jacobian[0] - jacobian[1]).float())


def test_random_numbers_are_not_those_of_torch():
    before = torch.get_rng_state()
    combiner = TorchJD("Random").start(Setup(["a", "b"], seed=1))
    jacobian = matrix(2, 4)
    first, second = (combiner(jacobian, gramian_of(jacobian)) for _ in range(2))
    assert torch.equal(torch.get_rng_state(), before)
    assert not torch.equal(first, second)


@pytest.mark.parametrize("name", ["NashMTL", "GradVac", "UPGradWeighting", "Aggregator", "Krumm"])
def test_unknown_names_and_memories_are_refused(name):
    with pytest.raises(DeclarationError, match=rf"no aggregator '{name}' without a memory"):
        TorchJD(name)


def test_options_are_those_of_the_class():
    with pytest.raises(DeclarationError, match="Krum does not take these options"):
        TorchJD("Krum", {"byzantine": 1})
    with pytest.raises(DeclarationError, match="MGDA does not take these options"):
        TorchJD("MGDA", {"epsilon": -1.0})


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["x"], "cannot have options=\\['x'\\]"),
        ({1: 2}, "cannot have options"),
        ({"pref_vector": "x"}, "UPGrad does not take these options"),
        ({"pref_vector": ["x"]}, "UPGrad does not take these options"),
    ],
)
def test_options_of_the_wrong_kind_are_refused(options, words):
    with pytest.raises(DeclarationError, match=words):
        TorchJD("UPGrad", options)


@pytest.mark.parametrize(
    ("name", "options", "fitting", "said"),
    [
        ("UPGrad", {"pref_vector": [1.0, 2.0, 3.0]}, 3, "should have 3 rows"),
        ("Constant", {"weights": [1.0, 2.0, 3.0]}, 3, "should have 3 rows"),
        ("TrimmedMean", {"trim_number": 1}, 3, "at least 3 rows"),
        ("Krum", {"n_byzantine": 1}, 4, "at least 4 rows"),
    ],
)
def test_options_fit_the_number_of_terms(name, options, fitting, said):
    names = ["heat", "ends", "start", "data"][:fitting]
    numbers = torch.get_rng_state()
    assert TorchJD(name, options).start(Setup(names)) is not None
    with pytest.raises(DeclarationError) as caught:
        TorchJD(name, options).start(Setup(["heat", "ends"]))
    for words in (f"TorchJD's {name} cannot combine", "2 terms", "heat, ends", str(options), said):
        assert words in str(caught.value)
    assert torch.equal(torch.get_rng_state(), numbers)


def test_the_number_of_groups_counts_where_terms_are_taken_as_one():
    setup = Setup(["a", "b", "c", "d"], together=[["a", "c"], ["b"], ["d"]])
    aggregator = ConflictFree(TorchJD("Constant", {"weights": [1.0, 2.0, 3.0]}))
    jacobian = matrix(3, 5)
    direction = aggregator.start(setup)(jacobian, gramian_of(jacobian))
    torch.testing.assert_close(direction, jacobian.T @ torch.tensor([1.0, 2.0, 3.0]).double())
    with pytest.raises(DeclarationError, match="3 terms with these options"):
        ConflictFree(TorchJD("Constant", {"weights": [1.0, 2.0]})).start(setup)


@pytest.mark.parametrize(
    ("made", "words"),
    [(lambda rows: rows, r"shape \(2, 2\)"), (lambda rows: rows[0] * float("nan"), "not finite")],
)
def test_what_is_no_direction_is_refused(monkeypatch, made, words):
    aggregator = TorchJD("Mean")
    monkeypatch.setattr(torch_jd, "_built", lambda *given: made)
    with pytest.raises(DeclarationError, match=words):
        aggregator.start(Setup(["a", "b"]))


def test_missing_packages_are_named(monkeypatch):
    def missing(**options):
        raise ImportError("CAGrad requires ['cvxpy']. Install them with: pip install x")

    monkeypatch.setattr(library.CAGrad, "__init__", lambda self, **options: missing(**options))
    with pytest.raises(DeclarationError, match=r"needs further packages[\s\S]*pip install x"):
        TorchJD("CAGrad", {"c": 0.5})
