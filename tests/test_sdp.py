"""What counts as sending: the contract, then every trick by which a reader might be made to see more than we do.

`chromium` and `firefox` below model how those two read SDP (slowly, and no more of it than matters here).
"""

from __future__ import annotations

import re
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from axenix.room.sdp import sends, spelled_out

SESSION = ("v=0", "o=- 6633767484718773585 2 IN IP4 127.0.0.1", "s=-", "t=0 0", "a=group:BUNDLE 0")
AUDIO = ("m=audio 9 UDP/TLS/RTP/SAVPF 111 63", "c=IN IP4 0.0.0.0", "a=mid:0", "a=rtcp-mux", "a=rtpmap:111 opus/48000/2")
VIDEO = ("m=video 9 UDP/TLS/RTP/SAVPF 96", "c=IN IP4 0.0.0.0", "a=mid:1", "a=rtpmap:96 VP8/90000")
DATA = ("m=application 9 UDP/DTLS/SCTP webrtc-datachannel", "a=mid:2", "a=sctp-port:5000")


def sdp(*parts: str | tuple[str, ...], end: str = "\r\n") -> str:
    lines = [line for part in parts for line in ([part] if isinstance(part, str) else part)]
    return "".join(line + end for line in lines)


def without_port(section: tuple[str, ...]) -> tuple[str, ...]:
    return (section[0].replace(" 9 ", " 0 "), *section[1:])


# ---- the contract ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("direction, sending", [("sendrecv", True), ("sendonly", True),
                                                ("recvonly", False), ("inactive", False)])
def test_the_sections_own_direction_decides(direction: str, sending: bool) -> None:
    assert sends(sdp(SESSION, AUDIO, f"a={direction}"), "audio") is sending
    assert sends(sdp(SESSION, "a=sendonly", AUDIO, f"a={direction}"), "audio") is sending
    assert sends(sdp(SESSION, "a=inactive", AUDIO, f"a={direction}"), "audio") is sending


@pytest.mark.parametrize("direction, sending", [("sendrecv", True), ("sendonly", True),
                                                ("recvonly", False), ("inactive", False)])
def test_without_its_own_direction_a_section_has_the_sessions(direction: str, sending: bool) -> None:
    assert sends(sdp(SESSION, f"a={direction}", AUDIO), "audio") is sending


def test_without_any_direction_a_section_sends() -> None:
    assert sends(sdp(SESSION, AUDIO), "audio")


def test_a_section_with_port_0_does_not_send_unless_it_is_bundle_only() -> None:
    refused = without_port(AUDIO)
    assert not sends(sdp(SESSION, refused, "a=sendrecv"), "audio")
    assert sends(sdp(SESSION, refused, "a=sendrecv", "a=bundle-only"), "audio")
    assert not sends(sdp(SESSION, refused, "a=recvonly", "a=bundle-only"), "audio")
    assert not sends(sdp(SESSION, "a=bundle-only", refused, "a=sendrecv"), "audio")


def test_each_kind_is_judged_by_its_own_sections() -> None:
    description = sdp(SESSION, AUDIO, "a=recvonly", VIDEO, "a=sendrecv", DATA)
    assert not sends(description, "audio")
    assert sends(description, "video")


def test_one_sending_section_among_several_is_enough() -> None:
    quiet = (*VIDEO, "a=recvonly")
    assert sends(sdp(SESSION, quiet, quiet, VIDEO, "a=sendonly", quiet), "video")
    assert not sends(sdp(SESSION, quiet, quiet, quiet), "video")


def test_a_description_without_sections_of_that_kind_does_not_send_it() -> None:
    assert not sends(sdp(SESSION, DATA), "audio")
    assert not sends(sdp(SESSION), "video")
    assert not sends("", "audio")
    assert not sends("garbage", "audio")


def test_line_ends_may_be_bare_line_feeds_and_the_last_may_be_missing() -> None:
    quiet, loud = (SESSION, AUDIO, "a=recvonly"), (SESSION, AUDIO, "a=sendonly")
    assert not sends(sdp(*quiet, end="\n"), "audio")
    assert not sends(sdp(*quiet).removesuffix("\r\n"), "audio")
    assert not sends(sdp(*quiet) + "\r\n\r\n", "audio")
    assert sends(sdp(*loud, end="\n"), "audio")
    assert sends(sdp(*loud).removesuffix("\r\n"), "audio")


def test_usual_lines_of_real_clients_are_plain() -> None:
    usual = ("s=", "s= ", "s=a b", "i=a talk", "b=AS:128", "c=IN IP4 0.0.0.0", "a=ssrc:1 label:", "k=prompt",
             "a=rtcp-fb:* nack", "u=http://example.org", "e=a@example.org", "p=+1 617", "r=7d 1h 0", "z=0 0")
    assert not sends(sdp("v=0", usual, AUDIO, "a=recvonly"), "audio")
    assert not sends(sdp(AUDIO, "a=recvonly"), "audio")


# ---- tricks ----------------------------------------------------------------------------------------------------------

quiet = (SESSION, AUDIO, "a=recvonly")
TRICKS = {
    "two directions, the last one sends": sdp(*quiet, "a=sendrecv"),
    "two directions, the first one sends": sdp(SESSION, AUDIO, "a=sendrecv", "a=recvonly"),
    "Chromium knows only lower case": sdp(SESSION, AUDIO, "a=RECVONLY"),
    "Firefox knows upper case": sdp(*quiet, "a=SendRecv"),
    "a sending direction with a value": sdp(*quiet, "a=sendrecv:1"),
    "a sending direction with something behind": sdp(*quiet, "a=sendonly x"),
    "a quiet direction with a value": sdp(SESSION, AUDIO, "a=recvonly:1"),
    "a quiet direction followed by a space": sdp(SESSION, AUDIO, "a=recvonly "),
    "an attribute that only begins like one": sdp(SESSION, AUDIO, "a=recvonlyx"),
    "the session sends and is quiet": sdp(SESSION, "a=sendrecv", "a=recvonly", AUDIO),
    "the session's direction in upper case": sdp(SESSION, "a=INACTIVE", AUDIO),
    "port 00": sdp(SESSION, AUDIO[0].replace(" 9 ", " 00 "), "a=sendrecv"),
    "port -0": sdp(SESSION, AUDIO[0].replace(" 9 ", " -0 "), "a=sendrecv"),
    "port 0/2": sdp(SESSION, AUDIO[0].replace(" 9 ", " 0/2 "), "a=sendrecv"),
    "bundle-only with a value": sdp(SESSION, without_port(AUDIO), "a=bundle-only:1"),
    "bundle-only in upper case": sdp(SESSION, without_port(AUDIO), "a=BUNDLE-ONLY"),
    "audio in upper case": sdp(SESSION, AUDIO[0].replace("audio", "AUDIO")),
    "audio with something behind": sdp(SESSION, AUDIO[0].replace("audio", "audiox")),
    "bare carriage returns throughout": sdp(*quiet, end="\r"),
    "a bare carriage return before the quiet direction": sdp(SESSION, AUDIO, "a=x:1\ra=recvonly"),
    "a section hidden behind a bare carriage return": sdp(*quiet, "a=x:1\rm=video 9 RTP/AVP 96", "a=sendrecv"),
    "doubled carriage returns": sdp(*quiet, end="\r\r\n"),
    "a line separator": sdp(SESSION, AUDIO, "a=x:1\u2028a=recvonly"),
    "a vertical tab": sdp(SESSION, AUDIO, "a=x:1\va=recvonly"),
    "NUL ends the text for Firefox": sdp(SESSION, AUDIO, "a=x:1\0", "a=recvonly"),
    "NUL in the direction": sdp(SESSION, AUDIO, "a=recvonly\0"),
    "an unknown letter ends the text for Firefox": sdp(SESSION, AUDIO, "x=1", "a=recvonly"),
    "a second version ends the text for Firefox": sdp(SESSION, AUDIO, "v=0", "a=recvonly"),
    "an empty line ends the text for Firefox": sdp(SESSION, AUDIO, "", "a=recvonly"),
    "an empty m-line ends the text for Chromium": sdp(SESSION, AUDIO, "m=", "a=recvonly"),
    "a blank before the kind ends the text for Chromium": sdp(SESSION, AUDIO, "m= video 9 RTP/AVP 96", "a=recvonly"),
    "an m-line without a port": sdp(*quiet, "m=audio"),
    "a blank before the line": sdp(SESSION, AUDIO, " a=recvonly"),
    "a blank before the direction": sdp(SESSION, AUDIO, "a= recvonly"),
    "a tab after the direction": sdp(SESSION, AUDIO, "a=recvonly\t"),
    "a capital letter": sdp(SESSION, AUDIO, "A=recvonly"),
    "tabs in the m-line": sdp(SESSION, AUDIO[0].replace(" ", "\t"), "a=sendrecv"),
    "two spaces in the m-line": sdp(SESSION, AUDIO[0].replace(" ", "  "), "a=sendrecv"),
    "a byte order mark": "\ufeff" + sdp(*quiet),
    "a newline at the beginning": "\r\n" + sdp(*quiet),
    "a quiet direction without a section": sdp(SESSION, "m=video 9 RTP/AVP 96", "a=recvonly", AUDIO),
}


@pytest.mark.parametrize("trick", TRICKS)
def test_doubt_counts_as_sending(trick: str) -> None:
    assert sends(TRICKS[trick], "audio")


def test_doubt_about_audio_is_no_doubt_about_a_kind_that_is_not_mentioned() -> None:
    assert not sends(sdp(SESSION, AUDIO, "x=1", "a=recvonly"), "video")


# ---- nothing left to the reader --------------------------------------------------------------------------------------


def test_the_sessions_direction_is_written_into_the_sections_that_rely_on_it() -> None:
    session = sdp(SESSION, "a=inactive")
    assert spelled_out(session + sdp(AUDIO, VIDEO, "a=recvonly", DATA)) == (
        session + sdp(AUDIO, "a=inactive", VIDEO, "a=recvonly", DATA, "a=inactive"))


def test_a_direction_in_another_spelling_is_made_plain_too() -> None:
    assert spelled_out(sdp(SESSION, "a=recvonly", AUDIO, "a=RECVONLY")) == sdp(
        SESSION, "a=recvonly", AUDIO, "a=RECVONLY", "a=recvonly")


def test_the_last_line_gets_its_end() -> None:
    description = sdp(SESSION, AUDIO, "a=recvonly")
    assert spelled_out(description.removesuffix("\r\n")) == description


def test_what_browsers_write_is_left_as_it_is() -> None:
    description = sdp(SESSION, AUDIO, "a=recvonly", VIDEO, "a=sendrecv", DATA)
    assert spelled_out(description) == description
    assert spelled_out("not SDP") == "not SDP"
    assert spelled_out("") == ""


# ---- against slow models of the browsers -----------------------------------------------------------------------------


def chromium(description: str, kind: str) -> bool:
    """True when libwebrtc would accept this and take the other side to send."""
    *lines, rest = [line.removesuffix("\r") for line in description.split("\n")]
    if not lines or not lines[0].startswith("v="):
        return False
    section: list[str] | None = None
    found = False
    for line in [*lines[1:], *([rest[:2]] if rest else []), "m="]:  # a last line without an end is no line
        valid = len(line) > 2 and "a" <= line[0] <= "z" and line[1] == "=" and (line[0] == "s" or line[2] != " ")
        if line.startswith("m="):
            found = found or section is not None and chromium_section(section, kind)
            if not valid:
                return found  # it stops reading here, and accepts what it has
            fields = line[2:].split(" ")
            if len(fields) < 4 or not re.fullmatch("-?[0-9]{1,5}", fields[1]):
                return False
            section = [line]
        elif not valid:
            return False
        elif section:
            section.append(line)
    return found


def chromium_section(section: list[str], kind: str) -> bool:
    def has(line: str, attribute: str) -> bool:
        return re.match(f"a={attribute}($|[: ])", line) is not None
    fields = section[0][2:].split(" ")
    if fields[0] != kind or fields[1] == "0" and not any(has(line, "bundle-only") for line in section):
        return False
    direction = "sendrecv"
    for line in section:
        for name in ("sendonly", "recvonly", "inactive", "sendrecv"):
            direction = name if has(line, name) else direction
    return direction.startswith("send")


def firefox(description: str, kind: str) -> bool:
    """True when sipcc would accept this and take the other side to send."""
    levels: list[list[str]] = [[]]
    lines = description.split("\0")[0].split("\n")[:-1]
    if not lines or not lines[0].startswith("v="):
        return False
    for line in lines[1:]:
        if line[:2] not in {f"{letter}=" for letter in "osiuepcbtrzkam"}:
            break
        if line.startswith("m="):
            levels.append([])
        levels[-1].append(line)
    session = firefox_direction(levels[0], "sendrecv")
    for section in levels[1:]:
        fields = re.split("[ \t]+", section[0][2:].strip(" \t\r"))
        names = [attribute(line) for line in section]
        offered = len(fields) > 2 and (re.fullmatch("0+", fields[1].split("/")[0]) is None or "bundle-only" in names)
        if fields[0].lower().startswith(kind) and offered and firefox_direction(section, session).startswith("send"):
            return True
    return False


def firefox_direction(lines: list[str], direction: str) -> str:
    for line in lines:
        for name in ("sendonly", "recvonly", "inactive", "sendrecv"):
            direction = name if attribute(line).startswith(name) else direction
    return direction


def attribute(line: str) -> str:
    return re.split("[: \t\r]", line[2:])[0].lower() if line.startswith("a=") else ""


PIECES = st.sampled_from([
    *SESSION, *AUDIO, *VIDEO, *DATA, *without_port(AUDIO), "a=sendrecv", "a=sendonly", "a=recvonly", "a=inactive",
    "a=bundle-only", "a=RECVONLY", "a=SENDRECV", "a=recvonly ", "a=recvonly:x", "a=bundle-only:x",
    "m=", "m= video 9 x 1", "m=AUDIO 9 RTP/AVP 0", "m=audiox 0 RTP/AVP 0", "m=audio 00 RTP/AVP 0",
    "m=audio\t9 RTP/AVP 0", "m=video 9", "m=foo 9 x 1", "v=0", "x=1", "", " a=recvonly", "a= recvonly",
    "a=x\ra=recvonly", "a=x\rm=video 9 x 1", "a=x\0", "A=inactive",
])
ENDS = st.sampled_from(["\r\n", "\r\n", "\r\n", "\n", "\r", "\r\r\n", "", "\u2028", "\v"])
FREE = st.lists(st.tuples(PIECES, ENDS)).map(lambda lines: "v=0\r\n" + "".join(line + end for line, end in lines))
LIKELY = st.lists(PIECES, max_size=8).map(lambda lines: sdp(SESSION, AUDIO, *lines))


@given(FREE | LIKELY, st.sampled_from(["audio", "video"]))
def test_no_browser_takes_for_sending_what_we_take_for_quiet(description: str, kind: str) -> None:
    if not sends(description, kind):
        passed_on = spelled_out(description)
        assert not firefox(passed_on, kind)
        assert not chromium(passed_on, kind)
        assert not sends(passed_on, kind)


DIRECTIONS = st.sampled_from(["", "sendrecv", "sendonly", "recvonly", "inactive"])
SECTIONS = st.tuples(st.sampled_from(["audio", "video", "application"]), st.integers(0, 2), DIRECTIONS, st.booleans())


@given(DIRECTIONS, st.lists(SECTIONS), st.sampled_from(["audio", "video"]), st.sampled_from(["\r\n", "\n"]))
def test_plain_descriptions_are_judged_exactly_as_the_contract_says(
    session: str, sections: list[tuple[str, int, str, bool]], kind: str, end: str,
) -> None:
    lines, sending = [*SESSION, *([f"a={session}"] if session else [])], False
    for media, port, direction, bundled in sections:
        lines += [f"m={media} {port} UDP/TLS/RTP/SAVPF 96", *([f"a={direction}"] if direction else [])]
        lines += ["a=bundle-only"] if bundled else []
        sending |= media == kind and (port > 0 or bundled) and "send" in (direction or session or "sendrecv")
    assert sends(sdp(*lines, end=end), kind) is sending


@given(st.text())
def test_no_text_makes_it_stumble(text: str) -> None:
    for description in (text, "v=0\n" + text, "m=audio 9 x 1\n" + text):
        sends(description, "audio")
        spelled_out(description)


@pytest.mark.parametrize("piece", ["a", "m=audio ", "m=audio 9 x 1\n", "\r", "\r\n", "a=recvonly\r\n", " ", "\ud800"])
def test_thirty_two_kilobytes_of_anything_take_no_time(piece: str) -> None:
    description = "v=0\nm=audio 9 x 1\n" + piece * (32768 // len(piece))
    begin = time.process_time()
    sends(description, "audio")
    spelled_out(description)
    assert time.process_time() - begin < 0.5
