"""Tokens of another site: every algorithm, and everything that must not get through; who their people are, and where.

The tokens are made with PyJWT, with the standard library alone, and by the examples of PROTOCOL.md.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import json
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import aiohttp
import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from harness import RATES_OFF, ROOT, ServerDidNotStart, ServerProcess
from living import Party, assert_calm, refused
from playwright.async_api import Browser
from windows import Windows, eventually

from axenix.client import Api, Person
from axenix.errors import Refused
from axenix.foreign import LEEWAY, Keys, Visa, read_jwks, verify

SECRET = b"what the other site and we both know, and nobody else; longer than HS512 would like it"
NOW = 1_790_000_000.25
CLAIMS: dict[str, Any] = {
    "sub": "ann@site", "exp": int(NOW) + 60, "name": "Ann", "room": "tea", "role": "member", "aud": "axenix"}
PRIVATE: dict[str, Any] = {
    "EdDSA": ed25519.Ed25519PrivateKey.generate(), "ES256": ec.generate_private_key(ec.SECP256R1()),
    "RS256": rsa.generate_private_key(65537, 2048)}
OTHERS: dict[str, Any] = {
    "EdDSA": ed25519.Ed25519PrivateKey.generate(), "ES256": ec.generate_private_key(ec.SECP256R1()),
    "RS256": rsa.generate_private_key(65537, 2048)}


def jwk(algorithm: str, key: Any, **more: Any) -> dict[str, Any]:
    made = jwt.get_algorithm_by_name(algorithm).to_jwk(key.public_key(), as_dict=True)
    return {**made, "kid": f"the {algorithm} one", **more}


def jwks(*keys: dict[str, Any]) -> bytes:
    return json.dumps({"keys": list(keys)}).encode()


FILE = jwks(*(jwk(*each) for each in PRIVATE.items()))
KEYS = Keys(SECRET, read_jwks(FILE))


def signed(algorithm: str, key: Any, kid: str | None = None, **claims: Any) -> str:
    headers = {"kid": kid} if kid is not None else None
    return jwt.encode({**CLAIMS, **claims}, key, algorithm=algorithm, headers=headers)


def forged(header: dict[str, Any], key: bytes, claims: bytes | None = None) -> str:
    """Signed with HMAC, whatever the header says."""
    content = json.dumps(CLAIMS).encode() if claims is None else claims
    parts = [base64.urlsafe_b64encode(part).rstrip(b"=") for part in (json.dumps(header).encode(), content)]
    signature = hmac.new(key, b".".join(parts), hashlib.sha256).digest()
    return b".".join([*parts, base64.urlsafe_b64encode(signature).rstrip(b"=")]).decode()


def is_refused(raw: str, keys: Keys = KEYS, now: float = NOW) -> None:
    with pytest.raises(Refused) as no:
        verify(keys, raw, now)
    assert (no.value.reason, no.value.status) == ("invalid_token", 401)


# ---- what is read out of a token -------------------------------------------------------------------------------------


@pytest.mark.parametrize("algorithm", PRIVATE)
def test_each_algorithm_is_accepted_with_its_own_key_and_with_no_other(algorithm: str) -> None:
    kid = f"the {algorithm} one"
    good = signed(algorithm, PRIVATE[algorithm], kid)
    assert verify(KEYS, good, NOW) == Visa("ann@site", CLAIMS["exp"], None, "axenix", "Ann", "tea", "member")
    is_refused(signed(algorithm, OTHERS[algorithm], kid))
    is_refused(signed(algorithm, PRIVATE[algorithm], "unknown"))
    is_refused(signed(algorithm, PRIVATE[algorithm]))  # without a kid only the secret would do
    is_refused(signed(algorithm, PRIVATE[algorithm]), Keys(None, KEYS.by_kid))
    is_refused(good[:-8] + "AAAAAAAA")


def test_the_shared_secret_is_accepted_and_no_other() -> None:
    assert verify(KEYS, signed("HS256", SECRET), NOW).sub == "ann@site"
    assert verify(Keys(SECRET, None), signed("HS256", SECRET, "some libraries name it"), NOW).sub == "ann@site"
    is_refused(signed("HS256", SECRET + b"!"))
    is_refused(signed("HS512", SECRET))
    is_refused(signed("HS256", SECRET), Keys(None, KEYS.by_kid))
    is_refused(signed("HS256", SECRET), Keys(None, None))
    is_refused(signed("HS256", SECRET, "unknown"))  # a kid means the file, where there is one


@pytest.mark.parametrize("algorithm", PRIVATE)
@pytest.mark.parametrize("wish", ["HS256", "none", "None", "", "HS384", "RS512", "PS256", "ES384", None, 7])
def test_a_public_key_is_never_taken_for_a_secret_and_the_token_never_chooses(algorithm: str, wish: object) -> None:
    kid, public = f"the {algorithm} one", PRIVATE[algorithm].public_key()
    known = [public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo),
             public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo),
             json.dumps(jwk(algorithm, PRIVATE[algorithm])).encode(), b""]
    for key in known:
        is_refused(forged({"alg": wish, "kid": kid}, key))
        is_refused(forged({"alg": wish}, key))
    unsigned = forged({"alg": wish, "kid": kid}, b"").rpartition(".")[0]
    is_refused(unsigned + ".")
    is_refused(unsigned)


def test_the_keys_of_two_algorithms_do_not_stand_in_for_one_another() -> None:
    for algorithm, key in PRIVATE.items():
        for other in PRIVATE.keys() - {algorithm}:
            is_refused(signed(algorithm, key, f"the {other} one"))


def test_a_token_counts_from_its_nbf_with_some_leeway_until_its_exp_with_none() -> None:
    token = signed("HS256", SECRET, nbf=int(NOW), exp=int(NOW) + 10)
    assert verify(KEYS, token, int(NOW) + 9.999).exp == int(NOW) + 10
    is_refused(token, now=int(NOW) + 10)
    assert verify(KEYS, token, int(NOW) - LEEWAY)
    is_refused(token, now=int(NOW) - LEEWAY - 0.001)


@pytest.mark.parametrize("claim, value", [
    ("exp", None), ("exp", "9999999999"), ("exp", True), ("exp", 10**400), ("exp", float("inf")), ("exp", 10**13),
    ("exp", 0), ("nbf", "0"), ("nbf", 10**400), ("sub", None), ("sub", ""), ("sub", "x" * 201), ("sub", 7),
    ("sub", "a\nb"), ("sub", ["a"]), ("name", 7), ("name", "x" * 401), ("room", ""), ("room", "Tea"), ("room", "tea\n"),
    ("room", "x" * 65), ("room", ["tea"]), ("role", "owner"), ("role", "guest"), ("role", ["admin"]),
    ("aud", "other"), ("aud", ["other"]), ("aud", []), ("aud", {"axenix": 1}), ("room", None),
])
def test_a_claim_of_another_shape_is_refused(claim: str, value: object) -> None:
    is_refused(signed("HS256", SECRET, **{claim: value}))


def test_what_is_optional_may_be_missing() -> None:
    least = jwt.encode({"sub": "a", "exp": NOW + 1}, SECRET)
    assert verify(KEYS, least, NOW) == Visa("a", NOW + 1)
    assert verify(KEYS, signed("HS256", SECRET, aud=["else", "axenix"]), NOW).room == "tea"
    is_refused(jwt.encode({"sub": "a"}, SECRET))
    is_refused(jwt.encode({"exp": NOW + 1}, SECRET))


@pytest.mark.parametrize("raw", ["", ".", "..", "a.b.c", "é.é.é", "x" * 5000, "[" * 4000])
def test_what_is_no_token_is_refused(raw: str) -> None:
    is_refused(raw)
    is_refused(forged({"alg": "HS256"}, SECRET, b"[" * 2900))
    is_refused(forged({"alg": "HS256", "kid": [[["x"]]]}, SECRET))
    is_refused(forged({"alg": "HS256", "crit": ["exp"]}, SECRET))
    is_refused(forged({"alg": "HS256"}, SECRET, json.dumps({**CLAIMS, "x": "y" * 4096}).encode()))


# ---- the file of keys ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("content, said", [
    (b"", "JSON Web Key Set"), (b"[]", "JSON Web Key Set"), (b'{"keys": []}', "holds no key"),
    (b'{"keys": [' + b"[" * 9000, "JSON Web Key Set"),
    (jwks(jwk("EdDSA", PRIVATE["EdDSA"], kid=None)), "kid"),
    (jwks(jwk("EdDSA", PRIVATE["EdDSA"]), jwk("ES256", PRIVATE["ES256"], kid="the EdDSA one")), "kid"),
    (jwks(jwk("EdDSA", PRIVATE["EdDSA"], d="AAAA")), "private"),
    (jwks({"kty": "oct", "kid": "s", "k": "AAAA"}), "secret"),
    (jwks(jwk("RS256", rsa.generate_private_key(65537, 1024))), "1024 bits"),
    (jwks(jwk("ES256", PRIVATE["ES256"], x="AAAA")), "cannot be read"),
    (jwks(jwk("EdDSA", PRIVATE["EdDSA"], use="enc")), "holds no key"),
    (jwks(jwk("RS256", PRIVATE["RS256"], alg="RS512")), "holds no key"),
])
def test_a_file_with_the_wrong_keys_is_refused_and_it_is_said_why(content: bytes, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        read_jwks(content)


def test_keys_for_other_uses_are_passed_over() -> None:
    p384 = jwk("ES384", ec.generate_private_key(ec.SECP384R1()), kid="other")
    assert list(read_jwks(jwks(p384, jwk("EdDSA", PRIVATE["EdDSA"])))) == ["the EdDSA one"]


# ---- the examples of the document ------------------------------------------------------------------------------------


def example(language: str) -> str:
    text = (ROOT / "axenix" / "PROTOCOL.md").read_text(encoding="utf-8")
    found = re.search(f"^```{language}\n(.*?token.*?)^```$", text, re.MULTILINE | re.DOTALL)
    assert found, f"no example in {language}"
    return found[1]


@pytest.mark.parametrize("language, command, ending", [
    ("python", [sys.executable, "-c"], "print(token('u-1042', 'Änn', 'tea', 'admin'))"),
    ("js", ["node", "--input-type=module", "-e"], "console.log(token('u-1042', 'Änn', 'tea', 'admin'))"),
    ("php", ["php", "-r"], "echo token('u-1042', 'Änn', 'tea', 'admin');"),
])
def test_the_examples_make_tokens_that_are_accepted(language: str, command: list[str], ending: str) -> None:
    if language == "php" and shutil.which("php") is None:
        pytest.skip("there is no PHP here, and it is installed by itself only on Debian and its kin")
    environment = os.environ | {"AXENIX_FOREIGN_SECRET": SECRET.decode()}
    made = subprocess.run([*command, f"{example(language)}\n{ending}"], env=environment, capture_output=True,
                          text=True, timeout=30, check=True).stdout.strip()
    visa = verify(Keys(SECRET, None), made, time.time())
    assert (visa.sub, visa.name, visa.room, visa.role) == ("u-1042", "Änn", "tea", "admin")
    assert 3500 < visa.exp - time.time() <= 3600


# ---- a server that takes them ----------------------------------------------------------------------------------------


class Abroad(Party):
    """A party whose server takes the tokens of another site."""

    file: Path

    def traveller(self, sub: str = "nina", *, key: Any = SECRET, algorithm: str = "HS256", kid: str | None = None,
                  **claims: Any) -> Person:
        given = {"sub": sub, "exp": time.time() + 600, "name": sub.title(), "room": self.slug, **claims}
        kept = {name: value for name, value in given.items() if value is not None}
        headers = {"kid": kid} if kid else None
        return Person(self.api, 0, jwt.encode(kept, key, algorithm=algorithm, headers=headers))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("abroad")


@pytest.fixture(scope="module")
def hosting(folder: Path) -> Any:
    (folder / "keys.json").write_bytes(FILE)
    process = ServerProcess(folder / "data", AXENIX_FOREIGN_SECRET=SECRET.decode(),
                            AXENIX_FOREIGN_JWKS=str(folder / "keys.json"), **RATES_OFF)
    asyncio.run(process.start())
    yield process
    assert asyncio.run(process.terminate()) == 0


@pytest.fixture
async def abroad(hosting: ServerProcess, folder: Path, session: aiohttp.ClientSession) -> AsyncIterator[Abroad]:
    async with AsyncExitStack() as cleaning:
        party = Abroad(Api(hosting.url, session), cleaning)
        party.file = folder / "keys.json"
        await party.begin(is_private=True, create_invite=True)
        yield party
        assert_calm([line for line in hosting.stderr if "AXENIX_FOREIGN_JWKS" not in line])


async def test_a_token_of_the_room_lets_in_without_an_invite_key_by_socket_and_by_rest(abroad: Abroad) -> None:
    nina = abroad.traveller()
    seen = await nina.get(f"/api/rooms/{abroad.slug}")
    assert seen["title"] == "Party" and "invite_key" not in seen
    wire = await abroad.come(nina, invite_key=None)
    assert wire.greeting[0]["role"] == "guest"
    me = await nina.get("/api/users/me")
    assert (wire.greeting[0]["user_id"], me["nickname"]) == (me["id"], "Nina")
    assert (await wire.ask("chat.message", text="from abroad"))[-1]["type"] == "ack"
    olaf = abroad.traveller("olaf", key=PRIVATE["ES256"], algorithm="ES256", kid="the ES256 one")
    assert (await olaf.post(f"/api/participants/{abroad.slug}/join"))["nickname"] == "Olaf"


async def test_the_same_sub_is_the_same_person_and_is_called_as_the_site_says(abroad: Abroad) -> None:
    first = await asyncio.gather(*(abroad.traveller("same").get("/api/users/me") for _ in range(20)))
    assert len({each["id"] for each in first}) == 1
    wire = await abroad.come(abroad.olga)
    await abroad.traveller("same").post(f"/api/participants/{abroad.slug}/join")
    await abroad.traveller("same", name="  New \u202eName ").get("/api/users/me")
    assert (await wire.until("member.updated"))["nickname"] == "New Name"
    me = abroad.traveller("same", name="New Name")
    await me.call("PATCH", f"/api/users/{first[0]['id']}", {"nickname": "Own choice"})
    assert (await me.get("/api/users/me"))["nickname"] == "Own choice"
    assert (await abroad.traveller("same", name=None).get("/api/users/me"))["nickname"] == "Own choice"
    assert await refused(abroad.traveller("same", name="\u200b").get("/api/users/me")) == (401, "invalid_token")
    other = await abroad.traveller("another", name="New Name").get("/api/users/me")
    assert other["id"] != first[0]["id"]


async def test_a_token_of_one_room_is_good_there_only(abroad: Abroad) -> None:
    elsewhere = await abroad.olga.create_room(title="Elsewhere")
    nina, other = abroad.traveller(), elsewhere["slug"]
    me = await nina.get("/api/users/me")
    for method, path in [
        ("GET", f"/api/rooms/{other}"), ("POST", f"/api/participants/{other}/join"), ("GET", f"/api/sync/{other}"),
        ("GET", f"/api/rooms/{other}/exists"), ("POST", "/api/rooms"), ("GET", "/api/rooms"),
        ("POST", "/api/rooms/join/by-invite"), ("POST", "/api/users"), ("POST", "/api/auth/guest"),
        ("GET", "/api/rooms/nowhere"), ("GET", f"/static/records/{other}/x"),
    ]:
        assert await refused(nina.call(method, path, {} if method == "POST" else None)) == (403, "forbidden"), path
    wire = await abroad.dial(nina, other, token=nina.token)
    assert (await wire.hear())["reason"] == "forbidden"
    assert (await nina.get(f"/api/users/{me['id']}"))["id"] == me["id"]
    assert "iceServers" in await nina.get("/api/rtc/config")


async def test_a_token_without_a_room_is_a_user_like_any_other_but_is_never_exchanged(abroad: Abroad) -> None:
    anywhere = abroad.traveller("walker", room=None)
    made = await anywhere.create_room(title="Walker's")
    assert made["created_by"] == (await anywhere.get("/api/users/me"))["id"]
    assert await refused(anywhere.post(f"/api/participants/{abroad.slug}/join")) == (403, "invite_required_or_invalid")
    assert await refused(anywhere.post("/api/auth/guest")) == (403, "forbidden")


async def test_the_role_is_given_and_taken_on_coming_in_and_taken_also_on_coming_back(abroad: Abroad) -> None:
    async def role() -> str:
        return str((await abroad.members())[me]["role"])

    async def enter(role: str | None) -> None:
        await abroad.traveller("ruth", role=role).post(f"/api/participants/{abroad.slug}/join")

    async def leave() -> None:
        await abroad.traveller("ruth").post(f"/api/participants/{abroad.slug}/leave")

    me = (await abroad.traveller("ruth").get("/api/users/me"))["id"]
    await abroad.olga.post(f"/api/state/{abroad.slug}/set_lock", value=True)
    assert await refused(abroad.traveller("ruth", role="member").post(
        f"/api/participants/{abroad.slug}/join")) == (403, "room_locked")
    await enter("admin")
    assert await role() == "admin"
    await abroad.olga.moderate(abroad.slug, "demote_admin", me)
    await enter("admin")  # still inside: the owner's word holds
    assert await role() == "guest"
    await leave()
    await enter("admin")  # it is the site that decides who comes in as what
    assert await role() == "admin"
    await enter(None)
    assert await role() == "admin"
    wire = await abroad.come(abroad.olga)
    await enter("member")
    assert (await wire.until("role.changed")).items() >= {"user_id": me, "role": "guest", "by_user": me}.items()
    assert await role() == "guest"


async def test_an_owner_stays_the_owner_whatever_the_site_says(abroad: Abroad) -> None:
    walker = abroad.traveller("owning", room=None)
    made = await walker.create_room(title="Own", is_private=True)
    for role in ("member", "admin"):
        there = abroad.traveller("owning", room=made["slug"], role=role)
        assert (await there.post(f"/api/participants/{made['slug']}/join"))["role"] == "owner"
        await there.post(f"/api/participants/{made['slug']}/leave")


async def test_the_banned_stay_banned_whatever_the_site_says(abroad: Abroad) -> None:
    badly = abroad.traveller("kit", role="admin")
    kit = (await badly.post(f"/api/participants/{abroad.slug}/join"))["user_id"]
    await abroad.olga.moderate(abroad.slug, "kick", kit)
    assert await refused(badly.post(f"/api/participants/{abroad.slug}/join")) == (403, "banned")
    wire = await abroad.dial(badly, token=badly.token)
    assert (await wire.hear())["reason"] == "banned"


async def test_who_is_erased_here_is_somebody_new_when_the_site_sends_them_again(abroad: Abroad) -> None:
    before = await abroad.traveller("gone", room=None).get("/api/users/me")
    assert await refused(abroad.traveller("gone").call("DELETE", "/api/users/me")) == (403, "forbidden")
    await abroad.traveller("gone", room=None).call("DELETE", "/api/users/me")
    after = await abroad.traveller("gone", name="Other").get("/api/users/me")
    assert after["id"] != before["id"] and after["nickname"] == "Other"


async def test_a_socket_ends_when_its_foreign_token_does(abroad: Abroad) -> None:
    wire = await abroad.come(abroad.traveller("brief", exp=time.time() + 1.2), invite_key=None)
    assert (await wire.end())[1] == 4001


async def test_keys_are_rotated_in_the_file_and_a_broken_file_changes_nothing(
    abroad: Abroad, hosting: ServerProcess
) -> None:
    old = abroad.traveller(key=PRIVATE["EdDSA"], algorithm="EdDSA", kid="the EdDSA one")
    new = abroad.traveller(key=OTHERS["EdDSA"], algorithm="EdDSA", kid="next")
    await old.get("/api/users/me")
    assert await refused(new.get("/api/users/me")) == (401, "invalid_token")
    try:
        put(abroad.file, b"{ not yet")
        await old.get("/api/users/me")
        await old.get("/api/users/me")
        await eventually(lambda: said_once(hosting))
        put(abroad.file, jwks(jwk("EdDSA", OTHERS["EdDSA"], kid="next")))
        await new.get("/api/users/me")
        assert await refused(old.get("/api/users/me")) == (401, "invalid_token")
    finally:
        put(abroad.file, FILE)
    await old.get("/api/users/me")


async def said_once(hosting: ServerProcess) -> bool:
    return sum("the keys read before stay in use" in line for line in hosting.stderr) == 1


def put(file: Path, content: bytes) -> None:
    """As careful people replace a file."""
    draft = file.with_suffix(".new")
    draft.write_bytes(content)
    os.replace(draft, file)


async def test_a_server_that_was_not_told_of_a_site_takes_none_of_its_tokens(api: Api) -> None:
    raw = jwt.encode({"sub": "a", "exp": time.time() + 60}, SECRET)
    assert await refused(Person(api, 0, raw).get("/api/users/me")) == (401, "invalid_token")


async def test_a_bad_file_of_keys_is_refused_at_the_start(tmp_path: Path) -> None:
    (tmp_path / "keys.json").write_text("{}")
    for name in ("keys.json", "missing.json"):
        with pytest.raises(ServerDidNotStart, match=f"exit code 1\n.*AXENIX_FOREIGN_JWKS: .*{name}"):
            await ServerProcess(tmp_path / "data", AXENIX_FOREIGN_JWKS=str(tmp_path / name)).start()


# ---- the page --------------------------------------------------------------------------------------------------------


async def test_the_page_takes_the_token_out_of_the_address_and_comes_in_with_it(
    abroad: Abroad, hosting: ServerProcess, chromium: Browser
) -> None:
    windows = Windows(chromium, hosting.url)
    window = await windows.person()
    nina = abroad.traveller("page", role="admin", name="From the site")
    await window.page.goto(f"{hosting.url}/r/{abroad.slug}#token={nina.token}")
    await window.part("join").wait_for()
    assert window.page.url == f"{hosting.url}/r/{abroad.slug}"
    assert await window.part("nickname").input_value() == "From the site"
    await window.part("join").click()
    await window.page.locator('[data-status="live"]').wait_for()
    shown = (await abroad.members())[(await nina.get("/api/users/me"))["id"]]
    assert (shown["nickname"], shown["role"], shown["is_online"]) == ("From the site", "admin", True)
    assert not await window.page.evaluate("Object.keys(localStorage).some((k) => localStorage[k].includes('eyJ'))")
    await window.page.reload()
    await window.part("join").wait_for()
    assert await window.part("nickname").input_value() == "From the site"
    assert not windows.complaints()


async def test_the_page_says_that_a_token_is_no_longer_good(
    abroad: Abroad, hosting: ServerProcess, chromium: Browser
) -> None:
    window = await Windows(chromium, hosting.url).person()
    late = abroad.traveller("late", exp=time.time() - 1)
    await window.page.goto(f"{hosting.url}/r/{abroad.slug}#token={late.token}")
    await window.page.get_by_text("no longer valid").wait_for()
    assert window.page.url == f"{hosting.url}/r/{abroad.slug}"
