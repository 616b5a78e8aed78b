"""Limits and addresses: how much, how often, and from where."""

from __future__ import annotations

import ipaddress
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from axenix.web.addresses import client_address, throttle_key
from axenix.web.limits import PerKey, SlidingCount, TokenBucket, misses, per_minute

STEPS = st.lists(st.floats(0, 30), min_size=1, max_size=60)
"""The time between one attempt and the next."""


def moments(steps: list[float], begin: float = 12345.678) -> list[float]:
    return [begin := begin + step for step in steps]


# ---- the bucket ------------------------------------------------------------------------------------------------------


def test_a_full_bucket_grants_its_burst_and_then_its_rate() -> None:
    bucket = TokenBucket(per_second=2, burst=3)
    assert [bucket.take(100.0) for _ in range(3)] == [0.0, 0.0, 0.0]
    assert bucket.take(100.0) == pytest.approx(0.5)
    assert bucket.take(100.25) == pytest.approx(0.25)
    assert bucket.take(100.5) == 0.0
    assert bucket.take(100.5) > 0


def test_a_bucket_never_holds_more_than_its_burst() -> None:
    bucket = TokenBucket(per_second=100, burst=2)
    bucket.take(0.0)
    assert [bucket.take(1e6) > 0 for _ in range(3)] == [False, False, True]


@given(st.floats(0.1, 1000), st.integers(1, 50), STEPS)
def test_a_bucket_grants_what_the_rate_allows_and_no_more(rate: float, burst: int, steps: list[float]) -> None:
    bucket, granted = TokenBucket(rate, burst), list[float]()
    for now in moments(steps):
        wait = bucket.take(now)
        assert 0.0 <= wait <= 1 / rate + 1e-6
        if wait == 0.0:
            granted.append(now)
        for first, since in enumerate(granted):
            assert len(granted) - first <= burst + (now - since) * rate + 0.01


@given(st.floats(0.1, 1000), st.integers(1, 50), STEPS)
def test_whoever_waits_as_long_as_told_is_let_in(rate: float, burst: int, steps: list[float]) -> None:
    bucket = TokenBucket(rate, burst)
    for now in moments(steps):
        wait = bucket.take(now)
        if wait:
            assert bucket.take(now + wait) == 0.0
            return


def test_a_clock_that_jumps_back_gives_nothing_away() -> None:
    bucket = TokenBucket(per_second=1, burst=1)
    assert bucket.take(100.0) == 0.0
    assert bucket.take(50.0) == pytest.approx(1.0)
    assert bucket.take(51.0) == 0.0


# ---- the count -------------------------------------------------------------------------------------------------------


def test_the_limit_is_reached_by_the_last_of_so_many_in_the_window() -> None:
    count = SlidingCount(limit=3, seconds=10)
    assert [count.add(now) for now in (0.0, 5.0, 9.0)] == [False, False, True]
    assert [count.add(now) for now in (14.9, 19.1)] == [True, False]


def test_a_count_says_how_long_it_stays_full() -> None:
    count = SlidingCount(limit=2, seconds=10)
    assert count.wait(0.0) == 0.0
    count.add(0.0)
    assert count.wait(0.0) == 0.0
    count.add(4.0)
    assert count.wait(4.0) == 6.0
    assert count.wait(10.0) == 0.0


@given(st.integers(1, 10), st.floats(1, 60), STEPS)
def test_a_count_agrees_with_counting_all_of_them(limit: int, seconds: float, steps: list[float]) -> None:
    count, happened = SlidingCount(limit, seconds), list[float]()
    for now in moments(steps):
        happened.append(now)
        inside = [at for at in happened if at + seconds - now > 1e-6]
        assert count.add(now) is (len(inside) >= limit)
        assert count.wait(now + count.wait(now)) == 0.0


# ---- by key ----------------------------------------------------------------------------------------------------------


def test_ten_misses_in_half_an_hour_close_the_door_to_that_address_alone() -> None:
    doors = misses(limit=10, seconds=1800)
    for attempt in range(10):
        assert doors["192.0.2.1"].wait(float(attempt)) == 0.0
        doors["192.0.2.1"].add(float(attempt))
    assert doors["192.0.2.1"].wait(9.0) == 1791.0
    assert doors["192.0.2.2"].wait(9.0) == 0.0
    assert doors["192.0.2.1"].wait(1800.0) == 0.0


def test_so_many_guests_a_minute_come_from_one_address() -> None:
    guests = per_minute(3)
    assert [guests["192.0.2.1"].take(0.0) for _ in range(4)] == [0.0, 0.0, 0.0, pytest.approx(20.0)]
    assert guests["192.0.2.2"].take(0.0) == 0.0
    assert guests["192.0.2.1"].take(20.0) == 0.0


def test_the_key_unused_for_longest_is_forgotten_first() -> None:
    counts = PerKey(lambda: SlidingCount(1, 60), most=3)
    for key in "abc":
        counts[key].add(0.0)
    assert counts["a"].wait(0.0) > 0
    counts["d"].add(0.0)
    assert len(counts) == 3
    assert [counts[key].wait(0.0) > 0 for key in "acd"] == [True, True, True]
    assert counts["b"].wait(0.0) == 0.0


@pytest.mark.parametrize("make", [lambda: misses(10, 60), lambda: per_minute(10)])
def test_memory_is_bounded_however_many_addresses_come(make: Callable[[], PerKey[object]]) -> None:
    counters = make()
    for number in range(100_500):
        counters[str(number)]
    assert len(counters) == 100_000


# ---- addresses -------------------------------------------------------------------------------------------------------

PROXIES = tuple(map(ipaddress.ip_network, ("10.0.0.0/8", "127.0.0.1", "2001:db8:1::/48")))


@pytest.mark.parametrize("remote, forwarded_for, client", [
    ("192.0.2.1", None, "192.0.2.1"),
    ("192.0.2.1", "198.51.100.7", "192.0.2.1"),
    ("10.0.0.1", None, "10.0.0.1"),
    ("10.0.0.1", "198.51.100.7", "198.51.100.7"),
    ("10.0.0.1", "203.0.113.9, 198.51.100.7", "198.51.100.7"),
    ("10.0.0.1", "203.0.113.9, 198.51.100.7, 10.2.2.2", "198.51.100.7"),
    ("10.0.0.1", "10.3.3.3,10.2.2.2", "10.3.3.3"),
    ("10.0.0.1", "198.51.100.7, unknown", "10.0.0.1"),
    ("10.0.0.1", "198.51.100.7, unknown, 10.2.2.2", "10.2.2.2"),
    ("10.0.0.1", "", "10.0.0.1"),
    ("10.0.0.1", ",,", "10.0.0.1"),
    ("10.0.0.1", "198.51.100.7:1234", "198.51.100.7"),
    ("10.0.0.1", "[2001:db8::7]:1234", "2001:db8::7"),
    ("10.0.0.1", "[2001:db8::7]", "2001:db8::7"),
    ("10.0.0.1", "2001:DB8:0::7", "2001:db8::7"),
    ("10.0.0.1", "::ffff:198.51.100.7", "198.51.100.7"),
    ("::ffff:10.0.0.1", "198.51.100.7", "198.51.100.7"),
    ("2001:db8:1::1", "198.51.100.7", "198.51.100.7"),
    ("2001:db8:2::1", "198.51.100.7", "2001:db8:2::1"),
    ("fe80::1%eth0", None, "fe80::1"),
    ("/run/axenix.sock", "198.51.100.7", "/run/axenix.sock"),
    (None, "198.51.100.7", "unknown"),
    ("", None, "unknown"),
])
def test_the_client_is_the_nearest_that_is_no_proxy_of_ours(
    remote: str | None, forwarded_for: str | None, client: str,
) -> None:
    assert client_address(remote, forwarded_for, PROXIES) == client


def test_without_trusted_proxies_nobody_can_claim_another_address() -> None:
    assert client_address("127.0.0.1", "198.51.100.7", ()) == "127.0.0.1"


@pytest.mark.parametrize("address, key", [
    ("192.0.2.1", "192.0.2.1"), ("::ffff:192.0.2.1", "192.0.2.1"), ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
    ("2001:db8:1:2::", "2001:db8:1:2::/64"), ("2001:db8:1:3::1", "2001:db8:1:3::/64"), ("::1", "::/64"),
    ("fe80::1%eth0", "fe80::/64"), ("unknown", "unknown"), ("", ""),
])
def test_one_customer_is_one_key(address: str, key: str) -> None:
    assert throttle_key(address) == key


@given(st.text(), st.text("0123456789abcdef:.,[]% ") | st.text())
def test_no_header_makes_it_stumble(remote: str, header: str) -> None:
    for peer in (remote, "10.0.0.1"):
        throttle_key(client_address(peer, header, PROXIES))


@given(st.ip_addresses(), st.ip_addresses())
def test_hearsay_does_not_change_who_asks(client: ipaddress.IPv4Address, claimed: ipaddress.IPv4Address) -> None:
    told = client_address("10.0.0.1", f"{claimed}, {client}", PROXIES)
    if not any(client in network for network in PROXIES) and getattr(client, "ipv4_mapped", None) is None:
        assert told == str(client).partition("%")[0]
