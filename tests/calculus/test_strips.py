"""Programs, carried out by compiled code and by torch, against the formulas they stand for."""

import pytest
import torch

from pinnlab.calculus import strips
from pinnlab.calculus.strips import Input, Program, set_tanh_derivatives

WIDTH, SLOTS = 3, 4

pytestmark = pytest.mark.usefixtures("by")


@pytest.fixture(params=[torch.float32, torch.float64], ids=["float32", "float64"])
def dtype(request):
    return request.param


@pytest.fixture(params=[1, 7, 37, 2500])  # the last one is longer than two strips
def columns(request):
    return request.param


@pytest.fixture
def random(dtype, generator):
    """Arrays whose rows lie apart from each other."""

    def make(*shape):
        wide = torch.randn(*shape[:-1], shape[-1] + 5, generator=generator, dtype=dtype)
        return wide[..., 2:-3]

    return make


def agree(found, expected):
    tolerance = 1e-5 if found.dtype == torch.float32 else 1e-14
    torch.testing.assert_close(found, expected, rtol=tolerance, atol=tolerance)


def test_every_operation_does_what_it_says(random, columns):
    a, b, start = (random(WIDTH, columns) for _ in range(3))
    out = [random(WIDTH, columns) for _ in range(6)]
    before = out[4].clone()
    program = Program(a)
    program.set(out[0], a, factor=-2.5)
    program.set(out[1], a, b)
    program.set(out[2], a, b, factor=0.3, constant=1.5)
    program.add(out[3], a, factor=0.7, to=start)
    program.add(out[4], a, b, factor=-0.2)
    program.times_slope_of_tanh(out[5], a, b)
    program.run()
    agree(out[0], -2.5 * a)
    agree(out[1], a * b)
    agree(out[2], 1.5 + 0.3 * a * b)
    agree(out[3], start + 0.7 * a)
    agree(out[4], before - 0.2 * a * b)
    agree(out[5], a * (1 - b * b))


def test_sums_are_added_up_over_all_columns(random, columns):
    a, b, factor = random(WIDTH, columns + 3), random(WIDTH, columns), random(WIDTH, columns)
    out = random(WIDTH, 4)
    before, program = out.clone(), Program(a)
    local = program.local(torch.empty(WIDTH, 1, columns, dtype=a.dtype))[0]
    program.set(local, factor, b)
    program.add_sum(out[:, :1], a)
    program.add_sum(out[:, 2:3], b, a)
    program.add_sum(out[:, 3:], b, local)
    program.run()
    agree((out[:, 0] - before[:, 0]) / columns, a.sum(1) / columns)
    assert torch.equal(out[:, 1], before[:, 1])
    agree((out[:, 2] - before[:, 2]) / columns, (a[:, :columns] * b).mean(1))
    agree((out[:, 3] - before[:, 3]) / columns, (factor * b * b).mean(1))


@pytest.mark.parametrize("shape", [(WIDTH, 2), (WIDTH + 1, 1), (WIDTH,)])
def test_sums_have_one_column(random, dtype, shape):
    a = random(WIDTH, 7)
    with pytest.raises(ValueError, match="expected the sum of an array without slots"):
        Program(a).add_sum(torch.zeros(shape, dtype=dtype), a)


def test_sums_of_arrays_with_slots_or_in_another_type_are_refused(random, dtype):
    a = random(WIDTH, SLOTS, 7)
    with pytest.raises(ValueError, match="expected the sum of an array without slots"):
        Program(a).add_sum(torch.zeros(WIDTH, 1, dtype=dtype), a)
    with pytest.raises(ValueError, match="expected an array of"):
        Program(a).add_sum(torch.zeros(WIDTH, 1, dtype=torch.float16), a[:, 0])


def test_operations_follow_one_after_the_other(random, columns):
    a, out = random(WIDTH, columns), random(WIDTH, columns)
    program = Program(a)
    program.set(out, a, a)
    program.set(out, out, out)
    program.add(out, a)
    program.run()
    agree(out, a**4 + a)


def test_an_array_without_slots_stands_beside_all_slots(random, columns):
    a, b = random(WIDTH, SLOTS, columns), random(WIDTH, columns)
    out = random(WIDTH, SLOTS, columns)
    program = Program(a)
    program.set(out, a, b[:, None])
    program.add(out[:, 1:3], a[:, 1:3], b[:, None], factor=2.0)
    program.run()
    expected = a * b[:, None]
    expected[:, 1:3] *= 3
    agree(out, expected)


def test_a_number_for_each_feature_is_a_factor_or_is_added(random, columns):
    a, number, out = random(WIDTH, columns), random(WIDTH, 1), random(WIDTH, columns)
    program = Program(a)
    program.set(out, a, number, factor=0.5)
    program.add(out, a, number)
    program.add(out, number, factor=3.0)
    program.run()
    agree(out, 1.5 * a * number + 3 * number)


def test_a_longer_array_is_cut_off(random, columns):
    a, longer, out = random(WIDTH, columns), random(WIDTH, columns + 3), random(WIDTH, columns)
    whole = random(WIDTH, columns + 3)
    program = Program(a)
    program.set(whole, longer)
    program.set(out, a, longer[:, :columns])
    program.run()
    agree(whole, longer)
    agree(out, a * longer[:, :columns])


def test_local_arrays_hold_what_was_written(random, columns):
    a, out = random(WIDTH, SLOTS, columns), random(WIDTH, columns)
    program = Program(a)
    local = program.local(torch.full_like(a, torch.nan))
    program.set(local, a, factor=2.0)
    program.set(local[1:3], local[1:3], a[:, 1:3])
    program.set(out, local[0], local[1])
    program.add(out, local[2])
    program.run()
    agree(out, 2 * a[:, 0] * 2 * a[:, 1] ** 2 + 2 * a[:, 2] ** 2)


def test_inputs_may_be_others_in_each_run(random, columns):
    out, more = random(WIDTH, columns), random(WIDTH, SLOTS, columns)
    program = Program(out)
    program.set(out, Input(0, columns + 2), Input(1, 1))
    program.set(more, more, Input(0, columns + 2))
    for _ in range(2):
        first, number, before = random(WIDTH, columns + 2), random(WIDTH), more.clone()
        program.run(first, number)
        agree(out, first[:, :columns] * number[:, None])
        agree(more, before * first[:, None, :columns])


def test_a_program_may_grow_after_a_run(random, columns):
    a, out = random(WIDTH, columns), random(WIDTH, columns)
    program = Program(a)
    program.run()
    program.set(out, a)
    program.run()
    program.add(out, a)
    program.run()
    agree(out, 2 * a)


def test_derivatives_of_tanh_agree_with_autograd(columns, generator):
    x = torch.randn(WIDTH, columns, generator=generator, dtype=torch.float64).requires_grad_()
    expected = [torch.tanh(x)]
    for _ in range(5):
        (derivative,) = torch.autograd.grad(expected[-1].sum(), x, create_graph=True)
        expected.append(derivative)
    t, out = torch.tanh(x).detach(), torch.empty(WIDTH, 5, columns, dtype=torch.float64)
    program = Program(t)
    local = program.local(torch.empty_like(out))
    set_tanh_derivatives(program, t, [local[k] for k in range(5)])
    program.set(out, local)
    program.run()
    torch.testing.assert_close(out, torch.stack(expected[1:], 1).detach(), rtol=1e-11, atol=1e-11)


@pytest.fixture
def lines(dtype):
    """Carries out an operation on one slot after the other; how many instructions that takes."""

    def run(operation):
        program = Program(torch.empty(WIDTH, 1, dtype=dtype))
        for k in range(6):
            operation(program, k)
        program.run()
        return 1 if program._code is None else len(program._code)

    return run


def test_the_same_operation_on_one_slot_after_the_other_is_one_instruction(random, columns, lines):
    a, b, start = (random(WIDTH, 6, columns) for _ in range(3))
    numbers, shared = random(WIDTH, 6), random(WIDTH, columns)
    out, before = random(WIDTH, 6, columns), random(WIDTH, columns)
    total = before.clone()

    def go(operation, expected):
        assert lines(operation) == 1
        agree(out, expected)

    column, beside = numbers[:, :, None], shared[:, None]
    go(lambda p, k: p.set(out[:, k], a[:, k], factor=2.0), 2 * a)
    go(lambda p, k: p.set(out[:, k], shared, numbers[:, k : k + 1]), beside * column)
    go(lambda p, k: p.set(out[:, k], a[:, k], shared, factor=0.5), 0.5 * a * beside)
    go(lambda p, k: p.set(out[:, k], a[:, 5 - k], b[:, k], constant=1.0), 1 + a.flip(1) * b)
    go(lambda p, k: p.add(out[:, k], a[:, k], to=start[:, k]), start + a)
    go(lambda p, k: p.add(out[:, k], a[:, k], shared, to=start[:, k]), start + a * beside)
    go(lambda p, k: p.add(out[:, k], shared, a[:, k], to=shared), beside + a * beside)
    go(lambda p, k: p.add(out[:, k], a[:, k], b[:, k], to=start[:, k]), start + a * b)
    go(lambda p, k: p.times_slope_of_tanh(out[:, k], a[:, k], shared), a * (1 - beside**2))
    go(lambda p, k: p.times_slope_of_tanh(out[:, k], a[:, k], b[:, k]), a * (1 - b * b))
    if columns > 1:
        moved = start[:, :1] + column
        go(lambda p, k: p.add(out[:, k], numbers[:, k : k + 1], to=start[:, 0]), moved)
    for operation, expected in (
        (lambda p, k: p.add(total, a[:, k], factor=2.0), 2 * a.sum(1)),
        (lambda p, k: p.add(total, a[:, k], b[:, k]), (a * b).sum(1)),
        (lambda p, k: p.add(total, a[:, k], numbers[:, k : k + 1]), (a * column).sum(1)),
    ):
        total.copy_(before)
        assert lines(operation) == 1
        agree(total, before + expected)


def test_sums_over_the_columns_of_several_slots_are_one_instruction(random, columns, lines):
    a, shared, out = random(WIDTH, 6, columns), random(WIDTH, columns), random(WIDTH, 6)
    before = out.clone()
    assert lines(lambda p, k: p.add_sum(out[:, k : k + 1], a[:, k], shared)) == 1
    agree((out - before) / columns, (a * shared[:, None]).mean(2))
    before = out.clone()
    assert lines(lambda p, k: p.add_sum(out[:, :1], a[:, k])) == 1
    agree((out[:, 0] - before[:, 0]) / columns, a.sum((1, 2)) / columns)
    assert torch.equal(out[:, 1:], before[:, 1:])


@pytest.mark.parametrize("seed", range(12))
def test_random_programs_do_one_operation_after_the_other(seed, columns):
    """Many of which write what others read; torch carries out each for itself."""
    generator = torch.Generator().manual_seed(seed)

    def draw(*choices):
        return choices[int(torch.randint(len(choices), (), generator=generator))]

    arrays = torch.randn(3, WIDTH, 8, columns, generator=generator, dtype=torch.float64)
    numbers = torch.randn(WIDTH, 8, generator=generator, dtype=torch.float64)
    copies, sums = arrays.clone(), torch.zeros(2, WIDTH, 8, dtype=torch.float64)
    programs = [Program(arrays[0]), Program(arrays[0])]
    programs[1]._compiled = False
    for _ in range(40):
        kind, steps = draw(*range(8)), [draw(0, 1, 1, 2, -1) for _ in range(4)]
        which, first = [draw(0, 1, 2) for _ in range(4)], [draw(2, 3) for _ in range(4)]
        for k in range(draw(1, 2, 3)):
            slots = [i + k * step for i, step in zip(first, steps, strict=True)]
            for program, room, total in zip(programs, (arrays, copies), sums, strict=True):
                out, a, b, start = (room[n, :, i] for n, i in zip(which, slots, strict=True))
                number = numbers[:, slots[2] : slots[2] + 1]
                if kind == 0:
                    program.set(out, a, factor=0.5)
                elif kind == 1:
                    program.set(out, a, b, factor=0.3)
                elif kind == 2:
                    program.set(out, a, number, constant=0.1, factor=0.5)
                elif kind == 3:
                    program.add(out, a, factor=0.1)
                elif kind == 4:
                    program.add(out, a, b, factor=0.01)
                elif kind == 5:
                    program.add(out, a, b, factor=0.01, to=start)
                elif kind == 6:
                    program.times_slope_of_tanh(out, a, b)
                else:
                    program.add_sum(total[:, slots[3] : slots[3] + 1], a, b)
    programs[0].run()
    programs[1].run()
    torch.testing.assert_close(arrays, copies, rtol=1e-10, atol=1e-10)
    torch.testing.assert_close(*sums, rtol=1e-10, atol=1e-10)


@pytest.mark.skipif(not strips.compiled(), reason="pinnlab was installed without a compiler")
def test_compiled_code_refuses_what_it_cannot_read():
    from pinnlab.calculus import _strips

    for code, size in ((b"\0" * 8, 4), (b"", 2)):
        with pytest.raises(ValueError, match=r"expected instructions of .* and numbers of 4 or 8"):
            _strips.run(code, 1, 1, size, None)
    with pytest.raises(TypeError, match="expected code, rows, columns, bytes of a number"):
        _strips.run(b"")


def test_arrays_that_do_not_fit_are_refused(random):
    out = random(WIDTH, 6)
    program = Program(out)
    for wrong in (
        random(WIDTH + 1, 6),
        random(WIDTH, 5),
        random(WIDTH, 2, 6),
        random(WIDTH, 6).to(torch.float16),
        random(6, WIDTH).T,
        random(WIDTH, 1),  # no factor beside another one
        random(WIDTH, 1, 6),
    ):
        with pytest.raises(ValueError, match=r"expected an array of .* beside \(3, 6\)"):
            program.set(out, wrong)
    program.set(out, Input(0, 6))
    if strips.compiled():
        with pytest.raises(ValueError, match=r"expected input 0 as .* \(3, 6\), got .* \(3, 5\)"):
            program.run(random(WIDTH, 5))
