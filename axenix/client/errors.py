"""What may go wrong for a client."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(eq=False)
class Refused(Exception):
    """The server said no. `reason` is one of the contract's codes; `detail` is for people."""

    reason: str
    detail: str
    retry_after: float | None = None
    close_code: int | None = None  # Set where it was joining that was refused.


@dataclass(eq=False)
class ApiError(Refused):
    """The answer to a REST request was no."""

    status: int = 0


@dataclass(eq=False)
class Closed(Exception):
    """The socket ended before the answer came: what was asked may or may not have happened."""

    code: int | None


@dataclass(eq=False)
class Gap(Exception):
    """An event is missing, or came twice. `resume()` goes on from the last good one."""

    expected: int
    got: int
