import torch

from pinnlab.calculus.engine import propagate, reference_jet
from pinnlab.calculus.layout import Collapsed, Layout, closure
from pinnlab.calculus.taylor import seed
from pinnlab.objective.ansatz import Ansatz, HardField
from pinnlab.typing import Coordinates

XY = Coordinates(("x", "y"), (1, 1))
LAPLACE = Collapsed((((0, 0), 1.0), ((1, 1), 1.0)))


class Network(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.layer = torch.nn.Linear(2, 2, dtype=torch.float64)

    def forward(self, x):
        return torch.tanh(self.layer(x))


class Written(torch.nn.Module):
    """The ansatz written out in the module itself."""

    def __init__(self, network):
        super().__init__()
        self.network = network

    def forward(self, x):
        n = self.network(x)
        u = torch.sin(x[:, 0]) + x[:, 0] * (1 - x[:, 1]) * n[:, 0]
        return torch.stack([u, n[:, 1]], -1)


HARD = HardField(
    factor=lambda c: c["x"] * (1 - c["y"]), lift=lambda c: torch.sin(c["x"]), text="u = sin(x)"
)


def test_the_jet_is_that_of_the_written_function():
    torch.manual_seed(0)
    network, x = Network(), torch.rand(5, 2, dtype=torch.float64)
    for slots in ([], [(0, 1), (1, 1)], [LAPLACE], [(0, 0, 1)]):
        layout = Layout(closure(slots), (5,) * len(closure(slots)))
        ansatz = Ansatz(XY, ("u", "v"), {"u": HARD})
        fields = ansatz.apply(propagate(network, x, layout), ansatz.prepare(seed(x, layout)))
        expected = reference_jet(Written(network), x, layout).data.detach()
        u, column = fields["u"]
        assert column == 0
        torch.testing.assert_close(u.data.detach(), expected[:, 0])
        v, column = fields["v"]
        torch.testing.assert_close(v.data[:, column].detach(), expected[:, 1])


def test_numbers_stand_for_constants():
    layout, x = Layout(closure([(0,)]), (3, 3)), torch.rand(3, 2, dtype=torch.float64)
    ansatz = Ansatz(XY, ("u",), {"u": HardField(lambda c: 2.0, lambda c: 3)})
    factor, lift = ansatz.prepare(seed(x, layout))["u"]
    assert factor.data.tolist() == [2.0] * 3 + [0.0] * 3
    assert lift.data.tolist() == [3.0] * 3 + [0.0] * 3


def test_without_hard_conditions_nothing_is_prepared():
    layout, x = Layout(closure([]), (3,)), torch.rand(3, 2, dtype=torch.float64)
    ansatz = Ansatz(XY, ("u", "v"))
    assert ansatz.prepare(seed(x, layout)) == {}
    network = propagate(Network(), x, layout)
    assert ansatz.apply(network, {}) == {"u": (network, 0), "v": (network, 1)}
