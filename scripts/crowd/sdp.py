"""The signals of two browsers that set up a call: an offer, an answer, and candidates. Texts of their usual size."""

from __future__ import annotations

import time

CALL = 10
"""Signals of one side until the next offer or answer."""
CODECS = "".join(
    f"a=rtpmap:{number} {codec}\\r\\na=rtcp-fb:{number} nack\\r\\na=rtcp-fb:{number} nack pli\\r\\n"
    f"a=rtcp-fb:{number} transport-cc\\r\\n"
    for number, codec in zip(range(96, 108), ("VP8/90000", "VP9/90000", "H264/90000", "AV1/90000") * 3))
ABOUT = ("a=ice-ufrag:4ZcD\\r\\na=ice-pwd:2/1muCWoOi3uLifh0NuRHlzV\\r\\na=fingerprint:sha-256 "
         + ":".join(["7B"] * 32) + "\\r\\na=setup:actpass\\r\\na=rtcp-mux\\r\\na=sendrecv\\r\\n")
SDP = ("v=0\\r\\no=- %b 2 IN IP4 127.0.0.1\\r\\ns=-\\r\\nt=0 0\\r\\na=group:BUNDLE 0 1\\r\\n"
       "m=audio 9 UDP/TLS/RTP/SAVPF 111\\r\\nc=IN IP4 0.0.0.0\\r\\na=mid:0\\r\\na=rtpmap:111 opus/48000/2\\r\\n"
       f"{ABOUT}m=video 9 UDP/TLS/RTP/SAVPF 96 97 98\\r\\nc=IN IP4 0.0.0.0\\r\\na=mid:1\\r\\n{ABOUT}{CODECS}"
       "a=note:%b\\r\\n").encode()
CANDIDATE = b"candidate:842163049 1 udp 1677729535 203.0.113.7 46154 typ srflx raddr 0.0.0.0 rport 0 ufrag %b"


def signal(number: int, offers: bool) -> tuple[bytes, bytes]:
    """Kind and body, as JSON writes it, of the side's next signal. It says when, and its number."""
    sent = b"sent:%d.%d" % (time.monotonic_ns(), number)
    if number % CALL:
        return b"ice", CANDIDATE % sent
    return (b"offer" if offers else b"answer"), SDP % (b"4611731400430051336", sent)
