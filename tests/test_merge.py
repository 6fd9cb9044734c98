from __future__ import annotations

from operator import itemgetter

from hypothesis import given
from hypothesis import strategies as st

from mdcache.merge import merged

rows = st.dictionaries(st.integers(0, 9), st.text(max_size=2))


@given(rows, rows)
def test_each_key_of_either_comes_once_in_order_with_what_each_side_has(
    left: dict[int, str], right: dict[int, str]
) -> None:
    wanted = [
        (key, (key, left[key]) if key in left else None, (key, right[key]) if key in right else None)
        for key in sorted(left.keys() | right.keys())
    ]
    lefts, rights = sorted(left.items()), sorted(right.items())
    found = merged(lefts, rights, itemgetter(0))
    assert list(found) == wanted


def test_no_more_of_a_stream_is_taken_than_is_needed() -> None:
    left = iter(range(0, 10, 2))
    both = merged(left, iter(range(1, 10, 2)), int)
    assert [next(both)[0] for _ in range(3)] == [0, 1, 2]
    assert list(left) == [4, 6, 8]
