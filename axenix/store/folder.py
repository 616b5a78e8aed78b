"""The data folder: one process at a time owns it, and the secret that signs tokens lives in it.

Knows files, modes and locks; nothing of what the database holds.
"""

from __future__ import annotations

import os
import secrets
import sys
from pathlib import Path

from axenix.errors import CannotStart

DATABASE = "axenix.db"
LOCK = "lock"
SECRET = "jwt-secret"
ADDRESS = "address"
"""Where the server that owns the folder listens, while it does: for commands that need it to do something."""
SECRET_BYTES = 32
"""The least that a secret may have (RFC 7518 section 3.2: as long as HMAC-SHA-256's output)."""

if sys.platform == "win32":
    import msvcrt

    def _lock(number: int) -> None:
        msvcrt.locking(number, msvcrt.LK_NBLCK, 1)
else:
    import fcntl

    def _lock(number: int) -> None:
        fcntl.flock(number, fcntl.LOCK_EX | fcntl.LOCK_NB)


def take(folder: Path) -> int:
    """Make the folder if need be and own it, until the returned file is closed or the process ends, however it ends."""
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        number = os.open(folder / LOCK, os.O_RDWR | os.O_CREAT, 0o600)
    except OSError as error:
        raise CannotStart(f"the data folder {folder} cannot be used: {error.strerror}. "
                          "--data-dir takes a folder where this program may write") from None
    try:
        _lock(number)
    except OSError as error:
        os.close(number)
        raise CannotStart(f"the data folder {folder} is in use by another process ({error.strerror})") from None
    return number


def load_or_make_secret(folder: Path) -> bytes:
    """The folder's own secret, made once. Ask for it only while owning the folder."""
    path = folder / SECRET
    try:
        if not path.exists():
            write_whole(path, secrets.token_urlsafe(48).encode())
        secret = path.read_bytes().strip()
    except OSError as error:
        raise CannotStart(f"the secret {path} cannot be read or made: {error.strerror}") from None
    if len(secret) < SECRET_BYTES:
        raise CannotStart(f"the secret {path} is shorter than {SECRET_BYTES} bytes; delete it and a new one is made")
    return secret


def write_whole(path: Path, content: bytes) -> None:
    """On disk entirely or not at all, and for our eyes only."""
    draft = new_file(path)
    with open(draft, "r+b") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    publish(draft, path)


def new_file(path: Path) -> Path:
    """An empty file beside `path` that only we can read, to be `publish`ed under its name; a left-over one goes."""
    draft = path.with_name(path.name + ".new")
    draft.unlink(missing_ok=True)
    os.close(os.open(draft, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600))
    return draft


def publish(draft: Path, path: Path) -> None:
    os.replace(draft, path)
    flush(path.parent)


def flush(path: Path) -> None:
    """A file, whoever has written it, or a folder is on the disk as it is now. Windows does that for files alone."""
    is_windows = os.name == "nt"
    if is_windows and path.is_dir():
        return
    number = os.open(path, os.O_RDWR if is_windows else os.O_RDONLY)
    try:
        os.fsync(number)
    finally:
        os.close(number)
