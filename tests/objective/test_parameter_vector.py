"""Values and gradients of parameters as one vector."""

import torch
from torch import nn

from pinnlab.objective.parameter_vector import ParameterVector


def pair():
    a, b = nn.Parameter(torch.arange(6.0).view(2, 3)), nn.Parameter(torch.tensor(7.0))
    return a, b, ParameterVector({"a": a, "b": b})


def test_values_are_a_copy_that_can_be_written_back():
    a, b, vector = pair()
    flat = vector.values()
    assert flat.tolist() == [0, 1, 2, 3, 4, 5, 7] and not flat.requires_grad
    vector.set_values(2 * flat)
    assert flat.tolist() == [0, 1, 2, 3, 4, 5, 7]
    assert a.tolist() == [[0, 2, 4], [6, 8, 10]] and b.item() == 14


def test_a_part_has_the_shape_of_its_parameter_and_can_be_differentiated():
    a, b, vector = pair()
    flat = vector.values().requires_grad_()
    parts = vector.split(flat)
    assert {name: part.shape for name, part in parts.items()} == {"a": a.shape, "b": b.shape}
    (3 * parts["b"] + parts["a"][1, 0]).backward()
    assert flat.grad.tolist() == [0, 0, 0, 1, 0, 0, 3]


def test_what_no_gradient_reached_counts_as_zero():
    a, _, vector = pair()
    (a[0] ** 2).sum().backward()
    assert vector.gradient().tolist() == [0, 2, 4, 0, 0, 0, 0]


def test_a_vector_becomes_the_gradients():
    a, b, vector = pair()
    given = torch.arange(7.0)
    vector.set_gradient(given)
    given.zero_()
    assert a.grad.tolist() == [[0, 1, 2], [3, 4, 5]] and b.grad.item() == 6
    assert vector.gradient().tolist() == list(range(7))
