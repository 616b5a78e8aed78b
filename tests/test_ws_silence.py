"""The contract, by socket: who is silenced, what the silenced may still do, and whose video is off."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import pytest
from living import Party, Wire, refused
from living import anyone_fixture, party_fixture, shared_server_fixture  # noqa: F401

from axenix.client import Frame

HEAD = "v=0\r\no=- 1 1 IN IP4 0.0.0.0\r\ns=-\r\nt=0 0\r\n"
AUDIO = "m=audio 9 UDP/TLS/RTP/SAVPF 111\r\na=mid:0\r\n"
VIDEO = "m=video 9 UDP/TLS/RTP/SAVPF 96\r\na=mid:1\r\n"
DATA = "m=application 9 UDP/DTLS/SCTP webrtc-datachannel\r\na=mid:2\r\n"

SENDS = [
    "{m}a=sendrecv\r\n", "{m}a=sendonly\r\n", "{m}",  # without a direction: sendrecv
    "a=sendonly\r\n{m}", "a=recvonly\r\n{m}a=sendrecv\r\n",  # the session's, unless the section has its own
    "{other}a=inactive\r\n{m}a=sendonly\r\n", "{m}a=recvonly\r\n{m}a=sendonly\r\n",  # any section will do
]
LISTENS = [
    "{m}a=recvonly\r\n", "{m}a=inactive\r\n", "a=recvonly\r\n{m}", "a=sendrecv\r\n{m}a=inactive\r\n",
    "{other}a=sendrecv\r\n", "{data}", "{m}a=recvonly\r\n{other}a=sendrecv\r\n{data}",
]


def sdp(pattern: str, kind: str) -> str:
    m, other = (AUDIO, VIDEO) if kind == "audio" else (VIDEO, AUDIO)
    return HEAD + pattern.format(m=m, other=other, data=DATA)


def refusing_port(pattern: str, kind: str, bundle_only: bool = False) -> str:
    """The same with port 0, which refuses the stream, unless it is offered only inside a bundle."""
    more = "a=bundle-only\r\n" if bundle_only else ""
    return sdp(pattern, kind).replace(f"m={kind} 9", f"m={kind} 0") + more


async def mute_gus(party: Party) -> str:
    await party.ada.moderate(party.slug, "force_mute", party.gus.id)
    return "muted_by_admin"


async def mute_everyone(party: Party) -> str:
    await party.ada.post(f"/api/state/{party.slug}/set_mute_all", value=True)
    return "mute_all"


SILENCINGS = [mute_gus, mute_everyone]
Silencing = Callable[[Party], Awaitable[str]]


async def may_speak(party: Party, gus: Wire) -> bool:
    """Whether chat, an open microphone and an offer to send audio pass; they pass or fail together."""
    ada = await party.come(party.ada)
    verdicts = []
    for type, fields in (("chat.message", {"text": "hi"}), ("media.self", {"mic_muted": False}),
                         ("offer", {"to": party.ada.id, "sdp": sdp(SENDS[0], "audio")})):
        verdicts.append((await gus.ask(type, **fields))[-1]["type"] == "ack")
    await ada.ws.close(code=4000)
    assert len(set(verdicts)) == 1, verdicts
    return verdicts[0]


@pytest.mark.parametrize("silencing", SILENCINGS)
async def test_the_silenced_say_nothing_in_any_way(party: Party, silencing: Silencing) -> None:
    ada, gus = await party.come(party.ada), await party.come(party.gus)
    reason = await silencing(party)
    await party.all_heard(ada, gus)
    for type, fields in (
        ("chat.message", {"text": "hi"}), ("chat.message.enc", {"algo": "A", "ciphertext_b64": "AAAA"}),
        ("media.self", {"mic_muted": False}), ("media.self", {"mic_muted": False, "cam_off": False}),
        *((type, {"to": party.ada.id, "sdp": sdp(sends, "audio")}) for type in ("offer", "answer") for sends in SENDS),
        ("offer", {"to": party.ada.id, "sdp": refusing_port(SENDS[0], "audio", bundle_only=True)}),
    ):
        assert await gus.refusal(type, **fields) == reason, fields
    assert await refused(party.gus.post(f"/api/chat/{party.slug}", text="hi")) == (403, reason)
    assert await party.all_heard(ada, gus) == [[], []], "and nobody has heard any of it"


@pytest.mark.parametrize("silencing", SILENCINGS)
async def test_the_silenced_keep_hearing_and_may_do_all_the_rest(party: Party, silencing: Silencing) -> None:
    ada, gus = await party.come(party.ada), await party.come(party.gus)
    await silencing(party)
    await party.all_heard(ada, gus)
    for description in (*(sdp(quiet, "audio") for quiet in LISTENS), refusing_port(SENDS[0], "audio")):
        for type in ("offer", "answer"):
            assert (await gus.ask(type, to=party.ada.id, sdp=description))[-1]["type"] == "ack", description
            assert (await ada.hear()).items() >= {"type": type, "from": party.gus.id}.items()
    for type, fields in (("ice", {"to": party.ada.id, "candidate": "c"}), ("chat.typing", {"is_typing": True}),
                         ("hand.raise", {}), ("media.self", {"cam_off": False}), ("media.self", {"mic_muted": True}),
                         ("hand.lower", {}), ("sync.sub", {"after_seq": 0}), ("ping", {})):
        assert (await gus.ask(type, **fields))[-1]["type"] == "ack", type


async def test_who_is_not_silenced_may_send_whatever_the_description_says(party: Party) -> None:
    ada, gus = await party.come(party.ada), await party.come(party.gus)
    for kind in ("audio", "video"):
        for pattern in SENDS + LISTENS:
            await gus.say("offer", to=party.ada.id, sdp=sdp(pattern, kind))
            assert await ada.hear() == {"type": "offer", "from": party.gus.id, "sdp": sdp(pattern, kind)}


async def test_mute_all_silences_guests_only_and_not_those_who_may_speak(party: Party) -> None:
    olga, ada, gus = await party.everyone()
    await mute_everyone(party)
    assert not await may_speak(party, gus)
    for wire in (olga, ada := await party.come(party.ada)):
        assert (await wire.ask("chat.message", text="hi"))[-1]["type"] == "ack"
    await party.ada.moderate(party.slug, "speak", party.gus.id)
    assert await may_speak(party, gus)
    await party.ada.moderate(party.slug, "speak", party.gus.id, can_speak=False)
    assert not await may_speak(party, gus)
    await party.olga.moderate(party.slug, "promote_admin", party.gus.id)
    assert await may_speak(party, gus)
    await party.olga.moderate(party.slug, "demote_admin", party.gus.id)
    assert not await may_speak(party, gus)
    await party.ada.post(f"/api/state/{party.slug}/set_mute_all", value=False)
    assert await may_speak(party, gus)


async def test_a_forced_mute_holds_whatever_else_is_allowed(party: Party) -> None:
    gus = await party.come(party.gus)
    await party.olga.moderate(party.slug, "promote_admin", party.gus.id)
    await party.olga.moderate(party.slug, "speak", party.gus.id)
    await party.olga.moderate(party.slug, "force_mute", party.gus.id)
    assert not await may_speak(party, gus)
    await party.olga.moderate(party.slug, "force_mute", party.gus.id, muted=False)
    assert await may_speak(party, gus)


@pytest.mark.parametrize("how", ["media.forced", "state.changed", "speak.changed", "role.changed", "member.joined"])
async def test_becoming_silenced_mutes_the_microphone_without_an_event_of_its_own(party: Party, how: str) -> None:
    olga, gus = await party.come(party.olga), await party.come(party.gus)
    if how == "speak.changed":
        await party.olga.moderate(party.slug, "speak", party.gus.id)
    if how == "role.changed":
        await party.olga.moderate(party.slug, "promote_admin", party.gus.id)
    if how in ("speak.changed", "role.changed"):
        await mute_everyone(party)
    await gus.ask("media.self", mic_muted=False)
    assert (await party.members())[party.gus.id]["mic_muted"] is False
    await party.all_heard(olga)
    if how == "media.forced":
        await mute_gus(party)
    elif how == "state.changed":
        await mute_everyone(party)
    elif how == "speak.changed":
        await party.olga.moderate(party.slug, "speak", party.gus.id, can_speak=False)
    elif how == "role.changed":
        await party.olga.moderate(party.slug, "demote_admin", party.gus.id)
    else:
        await party.gus.post(f"/api/participants/{party.slug}/leave")
        await mute_everyone(party)
        await party.enter(party.gus)
    heard = [event["type"] for event in (await party.all_heard(olga))[0]]
    assert how in heard and "media.updated" not in heard
    assert (await party.members())[party.gus.id]["mic_muted"] is True
    shown = (await party.come(party.ada)).greeting[1]["participants"]
    assert next(each for each in shown if each["user_id"] == party.gus.id)["mic_muted"] is True


async def test_the_end_of_silence_opens_no_microphone(party: Party) -> None:
    gus = await party.come(party.gus)
    await gus.ask("media.self", mic_muted=False)
    await mute_everyone(party)
    await party.ada.post(f"/api/state/{party.slug}/set_mute_all", value=False)
    assert (await party.members())[party.gus.id]["mic_muted"] is True
    event: Frame = (await gus.ask("media.self", mic_muted=False))[-2]
    assert event["type"] == "media.updated" and event["mic_muted"] is False


async def test_whose_video_is_off_shows_nothing_and_is_heard_as_before(party: Party) -> None:
    ada, gus = await party.come(party.ada), await party.come(party.gus)
    await gus.ask("media.self", cam_off=False)
    await party.ada.moderate(party.slug, "force_video", party.gus.id)
    assert (await party.members())[party.gus.id]["cam_off"] is True
    await party.all_heard(ada, gus)
    for type, fields in (
        ("media.self", {"cam_off": False}), ("media.self", {"mic_muted": False, "cam_off": False}),
        *((type, {"to": party.ada.id, "sdp": sdp(sends, "video")}) for type in ("offer", "answer") for sends in SENDS),
        ("offer", {"to": party.ada.id, "sdp": refusing_port(SENDS[0], "video", bundle_only=True)}),
        ("offer", {"to": party.ada.id, "sdp": sdp("{other}a=sendrecv\r\n{m}a=recvonly\r\n{m}a=sendonly\r\n", "video")}),
    ):
        assert await gus.refusal(type, **fields) == "video_off_by_admin", fields
    assert await party.all_heard(ada, gus) == [[], []]
    for description in (*(sdp(quiet, "video") for quiet in LISTENS), refusing_port(SENDS[0], "video")):
        assert (await gus.ask("offer", to=party.ada.id, sdp=description))[-1]["type"] == "ack", description
        assert (await ada.hear())["type"] == "offer"
    for type, fields in (("chat.message", {"text": "hi"}), ("media.self", {"mic_muted": False})):
        assert (await gus.ask(type, **fields))[-1]["type"] == "ack"
    await party.ada.moderate(party.slug, "force_video", party.gus.id, video_off=False)
    assert (await gus.ask("media.self", cam_off=False))[-1]["type"] == "ack"
    assert (await gus.ask("offer", to=party.ada.id, sdp=sdp(SENDS[0], "video")))[-1]["type"] == "ack"


async def test_nobody_is_unmuted_by_coming_back(party: Party) -> None:
    gus = await party.come(party.gus)
    await gus.ask("media.self", mic_muted=False, cam_off=False)
    await gus.vanish()
    await mute_gus(party)
    await party.ada.moderate(party.slug, "force_video", party.gus.id)
    gus = await party.come(party.gus)
    shown = next(each for each in gus.greeting[1]["participants"] if each["user_id"] == party.gus.id)
    assert shown["mic_muted"] and shown["cam_off"] and shown["admin_muted"] and shown["admin_video_off"]
    assert await gus.refusal("media.self", mic_muted=False) == "muted_by_admin"
    assert await gus.refusal("media.self", cam_off=False) == "video_off_by_admin"
