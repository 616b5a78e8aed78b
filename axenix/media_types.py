"""What a file is, told by its first bytes: the pictures and recordings that are accepted here, and no others.

Names and declared types are not asked, for anybody can write anything there. Bytes in, an answer out.
"""

from __future__ import annotations

from typing import NamedTuple

HEAD = 4096
"""So many first bytes are enough."""

PNG = b"\x89PNG\r\n\x1a\n"
EBML = b"\x1aE\xdf\xa3"
DOC_TYPE = b"\x42\x82"
BRANDS = {
    b"isom", b"iso2", b"iso3", b"iso4", b"iso5", b"iso6", b"iso7", b"iso8", b"iso9",
    b"mp41", b"mp42", b"avc1", b"dash", b"mp71", b"MSNV", b"M4V ", b"M4A ",
}


class Media(NamedTuple):
    mime: str
    suffix: str


WEBM = Media("video/webm", ".webm")
MP4 = Media("video/mp4", ".mp4")
M4A = Media("audio/mp4", ".m4a")
OGG = Media("audio/ogg", ".ogg")
OGV = Media("video/ogg", ".ogv")
WAV = Media("audio/wav", ".wav")


def is_picture(head: bytes) -> bool:
    """JPEG, PNG or WebP. Whether the rest is as good as the beginning shows when it is decoded."""
    return head.startswith((b"\xff\xd8\xff", PNG)) or (head[:4] == b"RIFF" and head[8:15] == b"WEBPVP8")


def recording(head: bytes) -> Media | None:
    """WebM, MP4, Ogg or WAV; a recording is kept as it comes, so this decides as what it will be played."""
    if head.startswith(EBML):
        return WEBM if doc_type(head) == b"webm" else None
    if head[4:8] == b"ftyp":
        return mp4(head)
    if head[:4] == b"OggS" and head[4:6] == b"\0\x02":  # version 0, the first page of a stream
        return OGV if b"\x80theora" in head[:512] else OGG
    if head[:4] == b"RIFF" and head[8:16] == b"WAVEfmt ":
        return WAV
    return None


def mp4(head: bytes) -> Media | None:
    size = int.from_bytes(head[:4], "big")
    brand = head[8:12]
    if not 16 <= size <= HEAD or len(head) < 16 or brand not in BRANDS:
        return None
    return M4A if brand == b"M4A " else MP4


def doc_type(head: bytes) -> bytes | None:
    """The DocType within the EBML header (RFC 8794 section 11.2.6): Matroska begins like WebM and is none."""
    length, at = vint(head, 4)
    end = min(len(head), at + length)
    while 0 < at < end:
        element, (size, after) = head[at:at + id_length(head[at])], vint(head, at + id_length(head[at]))
        if not after or after + size > end:
            return None
        if element == DOC_TYPE:
            return head[after:after + size].rstrip(b"\0")
        at = after + size
    return None


def id_length(first: int) -> int:
    return 9 - first.bit_length() if first else 8


def vint(data: bytes, at: int) -> tuple[int, int]:
    """A number of EBML's variable length and where it ends; (0, 0) when it does not."""
    length = id_length(data[at]) if at < len(data) else 0
    if not length or at + length > len(data):
        return 0, 0
    number = int.from_bytes(data[at:at + length], "big")
    return number & ((1 << 7 * length) - 1), at + length
