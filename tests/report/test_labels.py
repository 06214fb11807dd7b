from hypothesis import given
from hypothesis import strategies as st

from pinnlab.report.labels import short_labels


@given(
    st.lists(st.text("ab c", min_size=0, max_size=40), unique=True, max_size=12),
    st.text("xyz", max_size=30),
    st.text("xyz", max_size=30),
    st.sampled_from([8, 12, 28]),
)
def test_no_two_names_get_one_label_and_none_is_too_long(middles, head, tail, limit):
    names = [head + middle + tail for middle in middles]
    found = short_labels(names, limit)
    assert list(found) == names
    assert len(set(found.values())) == len(names)
    assert all(len(label) <= limit for label in found.values())


def test_what_names_differ_in_is_kept():
    assert short_labels(["wall", "x" * 9], 6) == {"wall": "wall", "x" * 9: "xxxxx…"}
    ends = short_labels([f"the sensor number {k}" for k in (1, 2, 10)], 12)
    assert list(ends.values()) == ["the s…mber 1", "the s…mber 2", "the s…ber 10"]
    middles = short_labels([f"the sensor {k} at the left end of it" for k in "ab"], 16)
    assert list(middles.values()) == ["the sensor a at…", "the sensor b at…"]
    inside = short_labels([f"the sensor of kind {k} at the left end" for k in "ab"], 16)
    assert list(inside.values()) == ["the s…d a at th…", "the s…d b at th…"]
    assert short_labels(["a b", "a  b"], 12) == {"a b": "a b #1", "a  b": "a b #2"}
