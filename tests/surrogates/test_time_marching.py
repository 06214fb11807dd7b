"""A network for each window of time: which one answers where, and its derivatives."""

import pytest
import torch

import pinnlab as pl
from pinnlab.calculus.engine import propagate, reference_jet
from pinnlab.calculus.layout import Layout
from pinnlab.errors import DeclarationError
from pinnlab.surrogates.base import Frame
from pinnlab.surrogates.time_marching import Marching
from pinnlab.typing import Coordinates

SPACE_TIME = Coordinates(("x", "t"), (1, 1), time="t")
POINTS = torch.tensor([[0.3, 0.0], [0.3, 0.2], [-0.5, 0.5], [0.1, 0.50001], [0.9, 1.0]])


def made(edges=(0.5, 0.75, 1.0), coordinates=SPACE_TIME, low=(-1, 0), high=(1, 1), **options):
    frame = Frame(coordinates, ("u", "v"), low, high, **options)
    generator = torch.Generator().manual_seed(0)
    spec = pl.TimeMarching(pl.MLP(6, 2), edges)
    return spec.build(frame, generator=generator, dtype=torch.float64, device=torch.device("cpu"))


def test_every_network_answers_in_its_own_window() -> None:
    module, x = made(), POINTS.double()
    assert isinstance(module, Marching)
    windows = [0, 0, 0, 1, 2]  # an edge belongs to the window that it ends
    for row, window in enumerate(windows):
        expected = module.networks[window](x[row : row + 1])
        assert torch.allclose(module(x)[row : row + 1], expected, atol=1e-15)
    with module.answering(1):
        assert torch.equal(module(x), module.networks[1](x))
    assert module.active is None


def test_derivatives_are_those_of_the_window() -> None:
    module, x = made(), POINTS.double()
    layout = Layout(slots=((), (0,), (1,), (0, 0), (0, 1)), counts=(5,) * 5)
    found = propagate(module, x, layout).data
    expected = reference_jet(module, x, layout).data
    assert torch.allclose(found, expected, atol=1e-12)


def test_every_network_sees_its_window_scaled() -> None:
    module = made()
    for begin, end, network in zip((0, 0.5, 0.75), (0.5, 0.75, 1.0), module.networks, strict=True):
        ends = network.inputs(torch.tensor([[-1.0, begin], [1.0, end]], dtype=torch.float64))
        assert torch.allclose(ends, torch.tensor([[-1.0, -1.0], [1.0, 1.0]]).double(), atol=1e-12)


def test_networks_differ_until_one_starts_from_another() -> None:
    module = made()
    first, second = (dict(module.networks[k].named_parameters()) for k in (0, 1))
    assert any(not torch.equal(first[name], second[name]) for name in first)
    module.start_from(0, 1)
    assert all(torch.equal(first[name], second[name]) for name in first)


def test_periods_and_sizes_reach_every_network() -> None:
    module = made(periods={"x": 2.0}, output_scale=(3.0, 5.0))
    x = POINTS.double()
    moved = x + torch.tensor([2.0, 0.0])
    assert torch.allclose(module(x), module(moved), atol=1e-12)
    assert module.output_scale.tolist() == [3.0, 5.0]


def test_only_the_network_of_a_window_is_trained() -> None:
    module = made()
    module.train_only(1)
    asked = [all(p.requires_grad for p in n.parameters()) for n in module.networks]
    assert asked == [False, True, False]
    module.train_only(None)
    assert all(p.requires_grad for p in module.parameters())


def test_it_prints_what_it_is_made_of() -> None:
    text = repr(pl.TimeMarching(pl.MLP(6, 2), [0.5, 1]))
    assert "MLP(width=6, depth=2)" in text
    assert "(0.5, 1.0)" in text


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: pl.TimeMarching("MLP", [1.0]), "no network to repeat"),
        (lambda: pl.TimeMarching(pl.TimeMarching(pl.MLP(), [1]), [1]), "repeat itself"),
        (lambda: pl.TimeMarching(pl.MLP(), []), "do not increase"),
        (lambda: pl.TimeMarching(pl.MLP(), [0.5, 0.5]), "do not increase"),
        (lambda: pl.TimeMarching(pl.MLP(), 1.0), "do not increase"),
        (lambda: pl.TimeMarching(pl.MLP(), ["a"]), "do not increase"),
        (lambda: pl.TimeMarching(pl.MLP(), [0.5, float("inf")]), "do not increase"),
        (lambda: made(edges=(0.5, 0.9)), "do not cover"),
        (lambda: made(edges=(0.5, 2.0)), "do not cover"),
        (lambda: made(edges=(-0.5, 1.0)), "do not cover"),
        (
            lambda: made(coordinates=Coordinates(("x", "y"), (1, 1))),
            "needs time",
        ),
    ],
)
def test_windows_that_fit_nothing_are_refused(make, words: str) -> None:
    with pytest.raises(DeclarationError, match=words):
        make()
