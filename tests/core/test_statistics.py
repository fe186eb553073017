"""Statistics of an evaluation, against figures worked out by hand or published, and by their properties."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from physadv.core.statistics import bin_index, difference, effective_size, k_of_n, longest_run, rate, sign_test, wilson


def flags(text: str) -> np.ndarray:
    return np.array([letter == "#" for letter in text])


def paired(both: int, first: int, second: int, neither: int) -> tuple[np.ndarray, np.ndarray]:
    return (
        np.array([1] * both + [1] * first + [0] * second + [0] * neither, bool),
        np.array([1] * both + [0] * first + [1] * second + [0] * neither, bool),
    )


def test_wilson_of_newcombe_1998() -> None:
    # Newcombe (1998, Statistics in Medicine 17:857-872, table I), method 3
    assert wilson(81, 263) == pytest.approx((0.2553, 0.3662), abs=5e-5)
    assert wilson(15, 148) == pytest.approx((0.0624, 0.1605), abs=5e-5)
    assert wilson(0, 20) == pytest.approx((0.0, 0.1611), abs=5e-5)
    assert wilson(1, 29) == pytest.approx((0.0061, 0.1718), abs=5e-5)


@given(st.data(), st.integers(1, 5000))
def test_wilson_holds_the_share_and_grows_with_hits(data: st.DataObject, n: int) -> None:
    hits = data.draw(st.integers(0, n))
    low, high = wilson(hits, n)
    assert 0.0 <= low <= hits / n <= high <= 1.0
    assert wilson(n - hits, n) == pytest.approx((1 - high, 1 - low))
    if hits < n:
        more = wilson(hits + 1, n)
        assert more[0] >= low
        assert more[1] >= high
    wider = wilson(hits, n, 0.99)
    assert wider[0] <= low
    assert wider[1] >= high


@pytest.mark.parametrize(("hits", "n", "confidence"), [(3, 2, 0.95), (-1, 2, 0.95), (0, 0, 0.95), (1, 2, 1.0)])
def test_wilson_refuses_nonsense(hits: int, n: int, confidence: float) -> None:
    with pytest.raises(ValueError, match="wilson"):
        wilson(hits, n, confidence)


def test_rate_of_nothing_has_no_value() -> None:
    empty = rate(np.zeros(0, bool))
    assert (empty.n, empty.value, empty.low, empty.high) == (0, None, None, None)


def test_independent_frames_keep_their_number() -> None:
    hits = flags("##..#")
    assert rate(hits).n_effective == 5
    assert rate(hits, np.arange(5)).n_effective == 5
    assert rate(hits).method == "wilson"
    assert rate(hits, np.arange(5)).method == "wilson-clustered"


def test_drives_that_agree_are_counted_as_drives() -> None:
    drives = np.repeat(np.arange(12), 50)
    alike = effective_size(np.repeat(np.arange(12) % 2 == 0, 50), drives)
    few = (1.9647 / 2.2010) ** 2  # Student's quantiles with 599 and 11 degrees of freedom
    assert alike == pytest.approx(12 * few, rel=0.01)
    assert effective_size(np.ones(600, bool), drives) == pytest.approx(12 * few, rel=0.01)
    assert effective_size(np.tile([True, False], 300), drives) > 100
    assert effective_size(np.ones(50, bool), np.zeros(50, np.int64)) == 1.0


def test_agreement_by_hand() -> None:
    # 4 drives of 2 frames, shares 1, 1, 0, 1/2: p = 5/8, between = (2/3)(2(3/8)^2 + (5/8)^2 + (1/8)^2) = 0.45833,
    # within = 2 * (1/4) / 4 = 0.125, rho = (0.45833 - 0.125) / (0.45833 + 0.125) = 4/7; information = 4 * 15/64 * 4
    hits, drives = np.array([1, 1, 1, 1, 0, 0, 1, 0], bool), np.repeat(np.arange(4), 2)
    rho = (3.75 * 4 / 7 + 0.5) / 4.25
    few = (2.364624 / 3.182446) ** 2
    assert effective_size(hits, drives) == pytest.approx(8 / (1 + rho) * few, rel=1e-5)


@given(st.lists(st.tuples(st.integers(0, 6), st.booleans()), min_size=1, max_size=80))
def test_a_clustered_interval_is_never_surer(rows: list[tuple[int, bool]]) -> None:
    groups, hits = np.array([row[0] for row in rows]), np.array([row[1] for row in rows])
    simple, clustered = rate(hits), rate(hits, groups)
    assert clustered.value == simple.value
    assert 1.0 <= clustered.n_effective <= len(rows)
    assert clustered.low is not None
    assert simple.low is not None
    assert clustered.low <= simple.low + 1e-12
    assert clustered.high >= simple.high - 1e-12


@pytest.mark.slow
@pytest.mark.parametrize("share", [0.5, 0.9, 0.97])
@pytest.mark.parametrize("rho", [0.02, 0.3, 0.8])
def test_clustered_intervals_hold_the_truth(share: float, rho: float) -> None:
    rng, drives, frames, held = np.random.default_rng(1), 24, 52, 0
    scale = (1 - rho) / rho
    for _ in range(400):
        shares = rng.beta(share * scale, (1 - share) * scale, drives)
        found = rate((rng.random((drives, frames)) < shares[:, None]).ravel(), np.repeat(np.arange(drives), frames))
        held += found.low <= share <= found.high
    assert held / 400 > 0.92


def test_difference_of_newcombe_1998() -> None:
    # Newcombe (1998, Statistics in Medicine 17:2635-2650), method 10 on 36, 12, 2, 0
    found = difference(*paired(36, 12, 2, 0))
    assert (found.value, found.low, found.high) == pytest.approx((0.2, 0.0569, 0.3404), abs=5e-5)
    assert (found.first_only, found.second_only, found.test) == (12, 2, "mcnemar-exact")
    assert found.p_value == pytest.approx(2 * (1 + 14 + 91) / 2**14)


def test_difference_of_equals_is_zero() -> None:
    hits = flags("#.#.##....")
    found = difference(hits, hits)
    assert found.value == 0.0
    assert found.low <= 0.0 <= found.high
    assert found.p_value == 1.0


def test_difference_of_drives_counts_drives() -> None:
    drives = np.repeat(np.arange(6), 100)
    first, second = np.ones(600, bool), np.zeros(600, bool)
    found = difference(first, second, drives)
    assert found.value == 1.0
    # Student's quantile with 5 degrees of freedom times the root of half a drive's variance: sqrt(0.5) / 6
    assert found.low == pytest.approx(1 - 2.570582 * 0.5**0.5 / 6)
    assert found.p_value == pytest.approx(2 / 64)
    assert found.test == "sign-test-by-approach"


@given(st.lists(st.tuples(st.booleans(), st.booleans()), max_size=60))
def test_difference_is_antisymmetric(rows: list[tuple[bool, bool]]) -> None:
    first, second = (np.array([row[i] for row in rows], bool) for i in (0, 1))
    forth, back = difference(first, second), difference(second, first)
    if not rows:
        assert forth.value is None
        return
    assert forth.value == pytest.approx(-back.value)
    assert (forth.low, forth.high) == pytest.approx((-back.high, -back.low))
    assert -1 <= forth.low <= forth.value + 1e-12
    assert forth.value - 1e-12 <= forth.high <= 1


def test_difference_of_drives_by_hand() -> None:
    # drives' differences 1, 1/2, 1/2, 0: mean 1/2, squared deviations of the sums 1 + 0 + 0 + 1
    drives = np.repeat(np.arange(4), 2)
    found = difference(flags("###.##.#"), flags("...." + ".#.#"), drives)
    assert found.value == 0.5
    reach = 3.182446 * ((4 / 3 * 2 + 0.5 * 4) / 64) ** 0.5
    assert (found.low, found.high) == pytest.approx((0.5 - reach, min(1.0, 0.5 + reach)), rel=1e-5)
    assert found.p_value == pytest.approx(2 / 8)


def test_difference_refuses_unpaired_frames() -> None:
    with pytest.raises(ValueError, match="paired"):
        difference(flags("##"), flags("#"))


def test_sign_test() -> None:
    assert sign_test(0, 0) == 1.0
    assert sign_test(5, 0) == pytest.approx(2 / 32)
    assert sign_test(3, 1) == pytest.approx(2 * 5 / 16)


@pytest.mark.parametrize(
    ("text", "run"),
    [("", (0, 0)), ("...", (0, 0)), ("#", (0, 1)), (".##.##", (1, 2)), ("#.###", (2, 3)), ("####", (0, 4))],
)
def test_longest_run(text: str, run: tuple[int, int]) -> None:
    assert longest_run(flags(text)) == run


@pytest.mark.parametrize(
    ("text", "k", "n", "expected"),
    [
        ("#.#..", 2, 3, True),
        ("#..#.", 2, 3, False),
        ("#..#.", 2, 4, True),
        ("##", 2, 5, True),
        ("#", 2, 5, False),
        ("", 1, 1, False),
        ("....#", 1, 3, True),
    ],
)
def test_k_of_n(text: str, k: int, n: int, expected: bool) -> None:
    assert k_of_n(flags(text), k=k, n=n) is expected


@given(st.lists(st.booleans(), max_size=40), st.integers(1, 6), st.integers(1, 8))
def test_k_of_n_agrees_with_its_definition(values: list[bool], k: int, n: int) -> None:
    windows = [values[i : i + n] for i in range(max(1, len(values) - n + 1))]
    assert k_of_n(values, k=k, n=n) == any(sum(window) >= k for window in windows)


def test_bins_hold_their_lower_edge_and_everything_outside() -> None:
    edges = (1.0, 2.0, 4.0)
    assert bin_index(np.array([0.5, 1.0, 1.99, 2.0, 4.0, math.inf]), edges).tolist() == [0, 0, 0, 1, 1, 1]
