"""Looks for secrets where they must not be: in files, in what a process has printed, and in its memory."""

from __future__ import annotations

import base64
from collections.abc import Iterable, Iterator

from harness import ServerProcess


def disguises(secret: bytes) -> list[bytes]:
    """The ways in which these bytes may have been written down: raw, in hex, and inside of any base64."""
    forms = [secret, secret.hex().encode(), secret.hex().upper().encode()]
    for shift in range(3):  # base64 looks different at each of three places in the group
        whole = base64.b64encode(bytes(shift) + secret + bytes(3))
        inner = whole[(shift * 8 + 5) // 6:][:(len(secret) * 8) // 6 - 1]
        forms += [inner, inner.replace(b"+", b"-").replace(b"/", b"_")]
    return forms


def found(secrets: Iterable[bytes], places: Iterable[tuple[str, bytes]]) -> set[str]:
    """Where any of the secrets is."""
    wanted = [form for secret in secrets for form in disguises(secret)]
    return {name for name, content in places if any(form in content for form in wanted)}


def files_and_output(server: ServerProcess) -> Iterator[tuple[str, bytes]]:
    for path in server.data_dir.rglob("*"):
        if path.is_file():
            yield path.name, path.read_bytes()
    yield "output", "\n".join(server.stdout + server.stderr).encode()


def memory(server: ServerProcess) -> Iterator[tuple[str, bytes]]:
    """All that the process may write to, which is where its secrets would be. Linux lets its parent look."""
    with open(f"/proc/{server.pid}/maps") as maps, open(f"/proc/{server.pid}/mem", "rb", buffering=0) as whole:
        for line in maps:
            area, rights, *_ = line.split()
            if "rw" not in rights or "[v" in line:
                continue
            start, end = (int(each, 16) for each in area.split("-"))
            whole.seek(start)
            try:
                yield f"memory {area}", whole.read(end - start)
            except OSError:
                continue  # it was given back meanwhile
