import pytest

from pinnlab.errors import DataError
from pinnlab.io import ExactReference, Reference


def test_says_what_it_knows_and_where():
    made = Reference.exact({"u": "sin(x)", "v": 2}, points=7)
    assert isinstance(made, ExactReference)
    assert made.fields == ("u", "v") and len(made) == 7
    assert len(ExactReference({"u": 1.0}, at={"x": 0})) == 1


@pytest.mark.parametrize(
    "arguments, words",
    [
        ({"exact": {}}, "knows no field"),
        ({"exact": "sin(x)"}, "knows no field"),
        ({"exact": {"u": "x"}, "points": 0}, "number of points"),
        ({"exact": {"u": "x"}, "points": 2.5}, "number of points"),
        ({"exact": {"u": 1}, "at": {"x": [0, 1]}}, "position 'x'.*no number"),
    ],
)
def test_refuses_what_cannot_be_compared(arguments, words):
    with pytest.raises(DataError, match=words):
        ExactReference(**arguments)


@pytest.mark.parametrize(
    "reference, words",
    [
        (ExactReference({"w": 1}), "field 'w'"),
        (ExactReference({"u": 1}, at={"y": 0}), "coordinate 'y'"),
        (ExactReference({"u": 1}, at={"x": 0}), "lacks the coordinate 't'"),
    ],
)
def test_refuses_other_problems(reference, words):
    with pytest.raises(DataError, match=words):
        reference.check_fits(("x", "t"), ("u",))


def test_reads_functions_from_a_configuration():
    made = Reference.from_spec({"exact": {"u": "x**2"}, "points": 5})
    assert isinstance(made, ExactReference) and made.points == 5
    with pytest.raises(DataError, match="no option 'point'"):
        Reference.from_spec({"exact": {"u": "x**2"}, "point": 5})
