"""Would this session description send audio, or video? The little of SDP that silencing needs.

RFC 8866 (syntax), RFC 3264 sections 5.1 and 6 (directions; port 0 refuses a stream) and RFC 8843 section 6
(`bundle-only` takes that meaning from port 0). Knows nothing of codecs, candidates or rooms.

Readers of SDP differ, and whoever is muted may write SDP by hand, so doubt counts as sending: what is not plain SDP,
a direction written in an unusual way, two directions at once. The differences below were seen in Chromium 156 and in
the sources of libwebrtc and of Firefox's parser.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

_PLAIN_LINE = re.compile(r"s=.*|m=\S+ \S.*|[oiuepcbtrzka]=\S.*")
"""Chromium stops reading at `m= video`, Firefox at a letter it does not know, and both accept what came before."""

_OTHER_LINE_ENDS = re.compile("\r(?!\n)|[\0\v\f\x1c-\x1e\x85\u2028\u2029]")
"""Where one reader sees one line and another two, or the end."""

_SENDING = ("a=sendrecv", "a=sendonly")
_QUIET = ("a=recvonly", "a=inactive")


def sends(sdp: str, kind: str) -> bool:
    """Whether any section of `kind` ("audio" or "video") would send, for some reader at least."""
    if kind not in sdp.lower():
        return False
    lines = _lines(sdp)
    if lines is None:
        return True
    session, *sections = _sections(lines)
    unless_said = _direction_sends(session, True)
    return any(_direction_sends(section, unless_said) for section in sections if _offered(section, kind))


def spelled_out(sdp: str) -> str:
    """The same, with the session's direction written into the sections that rely on it, and the last line ended.

    Chromium ignores a direction of the session and takes sendrecv; Firefox ignores a last line without an end.
    What `sends` has found quiet is quiet for them too in this form. A browser's own SDP is left as it is.
    """
    lines = _lines(sdp)
    if lines is None:
        return sdp
    session, *sections = _sections(lines)
    directions = [line for line in session if line in _QUIET]
    if directions:
        sections = [section if _says_direction(section) else [*section, directions[-1]] for section in sections]
        return "\r\n".join(line for section in [session, *sections] for line in section) + "\r\n"
    return sdp if sdp.endswith("\n") else sdp + "\r\n"


def _lines(sdp: str) -> list[str] | None:
    """The lines of a plain description; None when different readers might see different lines."""
    lines = sdp.rstrip("\r\n").replace("\r\n", "\n").split("\n")
    after_version = lines[1:] if lines[0].startswith("v=") else lines
    if _OTHER_LINE_ENDS.search(sdp) or not all(map(_PLAIN_LINE.fullmatch, after_version)):
        return None
    return lines


def _sections(lines: list[str]) -> Iterator[list[str]]:
    """The session's lines, then those of each media section, its m-line first."""
    section: list[str] = []
    for line in lines:
        if line.startswith("m="):
            yield section
            section = []
        section.append(line)
    yield section


def _offered(section: list[str], kind: str) -> bool:
    """The beginning of the kind is enough: for Firefox `m=AudioX` is audio. For Chromium `00` is not port 0."""
    media, port = section[0].lower().split(" ")[:2]
    if not media.startswith(f"m={kind}"):
        return False
    return port != "0" or any(line.lower().startswith("a=bundle-only") for line in section)


def _direction_sends(lines: list[str], unless_said: bool) -> bool:
    if any(line.lower().startswith(_SENDING) for line in lines):
        return True
    return unless_said and not _says_direction(lines)


def _says_direction(lines: list[str]) -> bool:
    """So that every reader understands it."""
    return any(line in _QUIET or line in _SENDING for line in lines)
