"""What the guard keeps of a number tells a thief of the tables no digit of it, whatever other numbers he knows."""

from __future__ import annotations

from tests.support.world import a_keyring
from watchword.core.guard import Traits
from watchword.core.number import read_number
from watchword.flows.guard import _moved, traits_of

RANGES = 400


def of(number: int) -> Traits:
    return traits_of(a_keyring(1), read_number(f"+49151{number:08d}", field="to"), b"recipient")


def test_the_blocks_of_a_range_lie_in_ten_places() -> None:
    assert {of(1_000 * block).block for block in range(10)} == set(range(10))


def test_where_a_block_lies_tells_of_no_other_but_that_it_is_another() -> None:
    apart = [(of(10_000 * n + 1_000).block - of(10_000 * n).block) % 10 for n in range(RANGES)]
    assert set(apart) == set(range(1, 10))


def test_where_two_blocks_lie_tells_nothing_of_a_third() -> None:
    places = [[of(10_000 * n + 1_000 * block).block for block in range(3)] for n in range(RANGES)]
    assert {(2 * second - first - third) % 10 for first, second, third in places} == set(range(10))


def test_all_numbers_of_a_block_lie_in_it() -> None:
    assert {of(2_345_000 + tail).block for tail in (0, 1, 999)} == {of(2_345_500).block}


def test_blocks_of_a_range_are_found_from_any_of_its_numbers() -> None:
    told = [of(1_000 * block) for block in range(10)]
    assert 1 == len({each.wide for each in told})
    assert {each.near for each in told} == {told[3].block_key(block)[1:] for block in range(10)}


def test_every_order_of_ten_is_chosen_by_some_bytes() -> None:
    within, halves = range(120 * 120), range(0, 252 * 120 * 120, 120 * 120)
    one_half = {tuple(_moved(digit, order) for digit in range(10)) for order in within}
    first = {frozenset(digit for digit in range(10) if _moved(digit, order) < 5) for order in halves}
    assert all(sorted(order) == list(range(10)) for order in one_half)
    assert (len(within), len(halves)) == (len(one_half), len(first))
