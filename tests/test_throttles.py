"""Guessing is counted by address, on the defaults of a real server: by IPv6 network, behind proxies, and by any way."""

from __future__ import annotations

from pathlib import Path

import aiohttp
import pytest
from living import Party, asked, party_at

GUESSES = 10
WRONG, ENOUGH = (403, "invite_required_or_invalid"), (429, "too_many_attempts")


def forwarded(address: str) -> dict[str, str]:
    return {"X-Forwarded-For": address}


async def guess(party: Party, key: str, address: str) -> tuple[int, str] | int:
    answer = await asked(party.gus, "POST", "/api/rooms/join/by-invite", {"invite_key": key},
                         headers=forwarded(address))
    return answer.status if answer.status < 400 else answer.reason


async def guess_by_socket(party: Party, key: str, address: str) -> str:
    stranger = await party.api.guest("Sam")
    wire = await party.dial(stranger, token=stranger.token, invite_key=key, headers=forwarded(address))
    frame = await wire.hear()
    return str(frame.get("reason", frame["type"]))


async def guess_by_joining(party: Party, key: str, address: str) -> tuple[int, str]:
    stranger = await party.api.guest("Sam")
    answer = await asked(stranger, "POST", f"/api/participants/{party.slug}/join", {"invite_key": key},
                         headers=forwarded(address))
    return answer.reason


async def test_ten_guesses_by_any_way_close_the_door_to_a_whole_ipv6_network(tmp_path: Path) -> None:
    async with party_at(tmp_path, AXENIX_TRUSTED_PROXIES="127.0.0.1") as (_, party):
        await party.begin(is_private=True, create_invite=True)
        key = party.room["invite_key"]
        for n in range(4):
            assert await guess(party, f"wrong {n}", f"2001:db8:7:1::{n + 1:x}") == WRONG
            assert await guess_by_socket(party, f"wrong {n}", f"2001:db8:7:1:ffff::{n + 1:x}") == WRONG[1]
        for n in range(2):
            assert await guess_by_joining(party, f"wrong {n}", f"2001:db8:7:1:{n:x}::") == WRONG
        for address in ("2001:db8:7:1::99", "6.6.6.6, 2001:db8:7:1::99", "garbage, [2001:db8:7:1::5]:80",
                        "2001:db8:7:1::99, 127.0.0.1", "2001:DB8:7:1:a:b:c:d"):
            assert await guess(party, key, address) == ENOUGH, address
            assert await guess_by_socket(party, key, address) == ENOUGH[1], address
            assert await guess_by_joining(party, key, address) == ENOUGH, address
        assert await guess(party, key, "2001:db8:7:2::1") == 200
        assert await guess(party, key, "2001:db8:7:1::1, 198.51.100.7") == 200


async def test_an_address_that_nobody_trusted_forwards_is_hearsay(tmp_path: Path) -> None:
    async with party_at(tmp_path) as (_, party):
        for n in range(GUESSES):
            assert await guess(party, f"wrong {n}", f"203.0.113.{n}") == WRONG
        assert await guess(party, "wrong", "198.51.100.1") == ENOUGH


async def test_garbage_from_a_trusted_proxy_counts_for_the_proxy(tmp_path: Path) -> None:
    garbage = ["", ",", "unknown", "_hidden", "999.1.1.1", "::1::", "[", "a" * 4000, "1.2.3.4, nonsense", "127.0.0.1"]
    async with party_at(tmp_path, AXENIX_TRUSTED_PROXIES="127.0.0.1") as (_, party):
        assert len(garbage) == GUESSES
        for address in garbage:
            assert await guess(party, "wrong", address) == WRONG, address
        assert await guess(party, "wrong", "other nonsense") == ENOUGH


async def test_only_an_origin_that_is_written_as_our_own_is_our_own(tmp_path: Path) -> None:
    async with party_at(tmp_path, AXENIX_ALLOWED_ORIGINS="https://meet.example") as (_, party):
        host = party.api.base_url.partition("://")[2]
        good = [f"http://{host}", f"HTTP://{host}", "https://meet.example", "HTTPS://MEET.EXAMPLE"]
        bad = ["null", "", "://", host, f"http://{host}.", f"http://{host}0", f"http://{host}/", f"http://x@{host}",
               "http://127.0.0.1", "http://127.0.0.1:1", "http://meet.example", "https://meet.example.",
               "https://meet.example:444", "https://evil.example", "https://meet.example.evil", "https://xmeet.example"]
        for origin in good + bad:
            headers = {"Origin": origin}
            answer = await asked(party.gus, "GET", "/livez", headers=headers)
            assert answer.headers.get("Access-Control-Allow-Origin") == (origin if origin in good else None), origin
            assert "Access-Control-Allow-Credentials" not in answer.headers
            if origin in good:
                wire = await party.dial(party.gus, token=party.gus.token, headers=headers)
                assert (await wire.hear())["type"] == "joined"
                await wire.close()
            else:
                with pytest.raises(aiohttp.WSServerHandshakeError, match="403"):
                    await party.dial(party.gus, token=party.gus.token, headers=headers)


async def may(party: Party, origin: str, **headers: str) -> bool:
    said = {"Origin": origin} | {name.replace("_", "-"): value for name, value in headers.items()}
    answer = await asked(party.gus, "GET", "/livez", headers=said)
    return "Access-Control-Allow-Origin" in answer.headers


async def test_a_page_without_tls_is_not_ours_where_ours_has_it(tmp_path: Path) -> None:
    tls = {"X_Forwarded_Proto": "https", "X_Forwarded_Host": "meet.example"}
    async with party_at(tmp_path / "trusting", AXENIX_TRUSTED_PROXIES="127.0.0.1") as (_, party):
        assert await may(party, "https://meet.example", **tls) and not await may(party, "http://meet.example", **tls)
        assert not await may(party, "https://evil.example", **tls | {"X_Forwarded_Host": "evil.example, meet.example"})
    async with party_at(tmp_path / "public", AXENIX_PUBLIC_URL="https://meet.example/base") as (_, party):
        for host in ("meet.example", "10.0.0.1"):
            assert await may(party, "https://meet.example", Host=host)
            assert not await may(party, "http://meet.example", Host=host)
        assert await may(party, "http://10.0.0.1:80", Host="10.0.0.1:80"), "that may be how one tries it out"
        assert not await may(party, "https://evil.example", Host="meet.example", **tls | {"X_Forwarded_Host": "evil"})


async def test_links_lead_to_where_the_asker_was_and_only_a_trusted_proxy_says_otherwise(tmp_path: Path) -> None:
    async def link(party: Party, **headers: str) -> str:
        said = {name.replace("_", "-"): value for name, value in headers.items()}
        body = (await asked(party.olga, "GET", f"/api/rooms/{party.slug}", headers=said)).body
        return str(body["invite_url"].partition("/r/")[0])

    forwarded = {"X_Forwarded_Proto": "https", "X_Forwarded_Host": "meet.example"}
    async with party_at(tmp_path / "trusting", AXENIX_TRUSTED_PROXIES="127.0.0.1") as (_, party):
        assert await link(party, **forwarded) == "https://meet.example"
        assert await link(party) == party.api.base_url
        assert await link(party, X_Forwarded_Proto="javascript") == party.api.base_url
    async with party_at(tmp_path / "alone") as (_, party):
        assert await link(party, **forwarded) == party.api.base_url
        for nonsense in ('x"><script>', "a b", "user@meet.example", "meet.example/path", ""):
            assert await link(party, Host=nonsense) == "", "relative to wherever one is"
