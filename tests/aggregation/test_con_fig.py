import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from pinnlab.aggregation import Aggregator, ConFIG, Sum

SCALES = [1e-10, 1e-5, 1.0, 1e5, 1e10]


def matrix(m, p, seed=0, dtype=torch.float64):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(m, p, generator=generator, dtype=torch.float64).to(dtype)


def cosines(jacobian, direction):
    jacobian, direction = jacobian.double(), direction.double()
    norms = torch.linalg.vector_norm(jacobian, dim=1) * torch.linalg.vector_norm(direction)
    return jacobian @ direction / norms


@given(
    st.integers(1, 8),
    st.integers(8, 60),
    st.lists(st.sampled_from(SCALES), min_size=8, max_size=8),
    st.integers(0, 1000),
    st.sampled_from([torch.float32, torch.float64]),
)
def test_direction_has_the_same_positive_cosine_to_every_gradient(m, p, scales, seed, dtype):
    jacobian = matrix(m, p, seed, dtype) * torch.tensor(scales[:m], dtype=dtype)[:, None]
    cosine = cosines(jacobian, ConFIG()(jacobian))
    # Rows of up to eight random gradients in eight dimensions have condition up to about 1e3.
    tolerance = 1e-9 if dtype is torch.float64 else 1e-2
    assert float(cosine.min()) > 0
    assert float(cosine.max() - cosine.min()) <= tolerance * float(cosine.max())


@given(st.integers(2, 6), st.integers(0, 100))
def test_length_is_the_sum_of_the_projections(m, seed):
    jacobian = matrix(m, 20, seed)
    g = ConFIG()(jacobian)
    unit = g / torch.linalg.vector_norm(g)
    torch.testing.assert_close(torch.linalg.vector_norm(g), (jacobian @ unit).sum())


@given(st.permutations(range(5)), st.sampled_from(SCALES))
def test_order_and_scale_of_the_terms(order, scale):
    jacobian = matrix(5, 12)
    g = ConFIG()(jacobian)
    tolerance = {"rtol": 1e-9, "atol": 1e-9 * float(g.abs().max())}
    torch.testing.assert_close(ConFIG()(jacobian[list(order)]), g, **tolerance)
    torch.testing.assert_close(ConFIG()(jacobian * scale) / scale, g, **tolerance)


def test_two_terms_by_the_formula_of_the_paper():
    # Equation 2 with two terms: the bisector of the unit gradients.
    g1, g2 = torch.tensor([3.0, 0.0]).double(), torch.tensor([0.0, 0.5]).double()
    d = torch.tensor([1.0, 1.0]).double() / 2**0.5
    expected = (g1 @ d + g2 @ d) * d
    torch.testing.assert_close(ConFIG()(torch.stack([g1, g2])), expected)


def test_one_term_keeps_its_gradient():
    jacobian = matrix(1, 7)
    torch.testing.assert_close(ConFIG()(jacobian), jacobian[0])


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)
def test_parallel_gradients_are_added(dtype):
    g = matrix(1, 50, dtype=dtype)[0]
    torch.testing.assert_close(ConFIG()(torch.stack([g, 2 * g, 0.5 * g])), 3.5 * g)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)
def test_dependent_gradients_do_not_blow_up(dtype):
    g1, g2 = matrix(2, 200, dtype=dtype)
    jacobian = torch.stack([g1, g2, g1 + g2])
    direction = ConFIG()(jacobian)
    total = torch.linalg.vector_norm(jacobian, dim=1).sum()
    assert float(torch.linalg.vector_norm(direction)) <= float(total) * (1 + 1e-5)
    assert float(cosines(jacobian, direction).min()) > 0
    # The direction lies in the span of the two, as the least-norm solution does.
    basis, _ = torch.linalg.qr(torch.stack([g1, g2]).double().T)
    inside = basis @ (basis.T @ direction.double())
    assert float((inside - direction).norm()) <= 1e-4 * float(direction.norm())


def test_a_zero_gradient_takes_no_part():
    jacobian = matrix(2, 9)
    with_zero = torch.cat([jacobian, torch.zeros(1, 9, dtype=torch.float64)])
    torch.testing.assert_close(ConFIG()(with_zero), ConFIG()(jacobian))


def test_only_zero_gradients_give_no_direction():
    assert not ConFIG()(torch.zeros(3, 4)).any()


@pytest.mark.parametrize("ratio", [1.0, 2.0, 1e-6])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)
def test_opposite_gradients_have_no_common_direction(ratio, dtype):
    g = matrix(1, 30, 3, dtype)[0]
    assert not ConFIG()(torch.stack([g, -ratio * g])).any()


def test_three_gradients_that_cancel_have_no_common_direction():
    a, b = torch.tensor([1.0, 0.0]), torch.tensor([-0.5, 3**0.5 / 2])
    star = torch.stack([a, b, torch.tensor([-0.5, -(3**0.5) / 2])])
    assert not ConFIG()(star).any()


def test_nearly_opposite_gradients_still_descend():
    a = torch.tensor([1.0, 0.0]).double()
    b = torch.tensor([-1.0, 1e-3]).double()
    assert float(cosines(torch.stack([a, b]), ConFIG()(torch.stack([a, b]))).min()) > 0


@given(st.lists(st.sampled_from(SCALES), min_size=3, max_size=3), st.integers(0, 50))
def test_two_of_three_terms_oppose_each_other(scales, seed):
    # What is left is the part of the third gradient that the two do not see.
    rows = matrix(2, 9, seed)
    jacobian = torch.stack([rows[0], -rows[0], rows[1]]) * torch.tensor(scales).double()[:, None]
    direction = ConFIG()(jacobian)
    unit = rows[0] / torch.linalg.vector_norm(rows[0])
    left = rows[1] - (rows[1] @ unit) * unit
    assert float(cosines(left[None], direction)) == pytest.approx(1)
    # Its length is the sum of the projections, of which that of the third is the only one.
    third = jacobian[2] @ left / torch.linalg.vector_norm(left)
    torch.testing.assert_close(torch.linalg.vector_norm(direction), third, rtol=1e-6, atol=0)


@given(st.integers(0, 200))
def test_three_gradients_in_a_plane(seed):
    # Three equations for two unknowns have no solution.
    jacobian = matrix(3, 2, seed)
    angles = torch.atan2(jacobian[:, 1], jacobian[:, 0]).sort().values
    gaps = torch.cat([angles.diff(), angles[:1] + 2 * torch.pi - angles[-1:]])
    cosine = cosines(jacobian, ConFIG()(jacobian))
    if float(gaps.max()) > torch.pi:  # all within a half plane
        assert float(cosine.min()) > 0
    else:
        assert not ConFIG()(jacobian).any() or float(cosine.min()) >= -1e-12


def test_the_least_squares_solution_is_not_always_free_of_conflict():
    # Four gradients of three parameters, all within a half space.
    rows = [[0.5, 0.7, 0.7], [-1.6, -1.0, -0.1], [-0.4, -1.2, 0.3], [2.0, 0.0, -0.5]]
    jacobian = torch.tensor(rows).double()
    units = jacobian / torch.linalg.vector_norm(jacobian, dim=1, keepdim=True)
    printed = torch.linalg.pinv(units) @ torch.ones(4, dtype=torch.float64)
    assert float(cosines(jacobian, printed).min()) < 0
    assert float(cosines(jacobian, ConFIG()(jacobian)).min()) > 0


def test_precision_is_kept():
    assert ConFIG()(matrix(3, 9, dtype=torch.float32)).dtype is torch.float32


def test_sum_adds_the_rows():
    jacobian = matrix(4, 5)
    torch.testing.assert_close(Sum()(jacobian), jacobian.sum(0))


@pytest.mark.parametrize("aggregator", [Sum(), ConFIG()], ids=repr)
def test_aggregators_are_printable_values(aggregator):
    assert isinstance(aggregator, Aggregator)
    assert aggregator == type(aggregator)()
    assert repr(aggregator) == f"{type(aggregator).__name__}()"
