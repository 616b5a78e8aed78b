"""The log: one line an event, for people or as JSON, written by a thread so that nobody waits for a terminal.

`tell` is for what has fields; everything else comes through `logging` as usual. Knows which request a line belongs to;
what may be said in a line is the business of those who say it: no token, no key, no query string, no address.
"""

from __future__ import annotations

import json
import logging
import queue
import sys
import threading
import time
from contextvars import ContextVar
from logging.handlers import QueueHandler
from typing import Any, TextIO

WAITING = 10_000
"""Lines that may wait for whoever reads them; what comes then is lost, and counted."""
PATIENCE = 1.0
"""Seconds that the last lines have at the end."""


class Asked:
    """A request, for as long as it lasts: what it sets going may outlive it, and is not its own any more."""

    __slots__ = ("id", "is_over")

    def __init__(self, id: str) -> None:
        self.id = id
        self.is_over = False


ASKED: ContextVar[Asked | None] = ContextVar("ASKED", default=None)


def tell(log: logging.Logger, level: int, event: str, **fields: object) -> None:
    """An event with what belongs to it; a field that is None is left out."""
    if log.isEnabledFor(level):
        log.log(level, event, extra={"fields": {name: each for name, each in fields.items() if each is not None}})


# ---- how a line looks ------------------------------------------------------------------------------------------------


class Text(logging.Formatter):
    """For a terminal."""

    def format(self, record: logging.LogRecord) -> str:
        said = "".join(f" {name}={_shown(value)}" for name, value in fields_of(record).items())
        line = f"{when(record)} {record.levelname:<7} {record.name}: {_on_one_line(record.getMessage())}{said}"
        return f"{line}\n{trace}" if (trace := trace_of(self, record)) else line


class Json(logging.Formatter):
    """For programs."""

    def format(self, record: logging.LogRecord) -> str:
        line = {"time": when(record), "level": record.levelname.lower(), "logger": record.name,
                "event": record.getMessage(), **fields_of(record)}
        if trace := trace_of(self, record):
            line["trace"] = trace
        return json.dumps(line, ensure_ascii=False, default=str)


FORMATS: dict[str, type[logging.Formatter]] = {"text": Text, "json": Json}


def fields_of(record: logging.LogRecord) -> dict[str, Any]:
    found = {**getattr(record, "fields", {})}
    if request := getattr(record, "request", None):
        found["request"] = request
    return found


def when(record: logging.LogRecord) -> str:
    return f"{time.strftime('%Y-%m-%dT%H:%M:%S', time.gmtime(record.created))}.{int(record.msecs):03}Z"


def trace_of(formatter: logging.Formatter, record: logging.LogRecord) -> str:
    return formatter.formatException(record.exc_info) if record.exc_info else ""


def _shown(value: object) -> str:
    text = str(value)
    return _on_one_line(json.dumps(text, ensure_ascii=False) if not text or set(text) & set(' "=') else text)


def _on_one_line(text: str) -> str:
    """Nobody can make one event look like two."""
    return text if text.isprintable() else "".join(
        each if each.isprintable() else ascii(each)[1:-1] for each in text)


# ---- how it gets out -------------------------------------------------------------------------------------------------


class Behind(QueueHandler):
    """Hands lines to a thread that writes them: a terminal that is stopped, or a full pipe, must not stop the rooms."""

    queue: queue.Queue[Any]

    def __init__(self) -> None:
        super().__init__(queue.Queue(WAITING))
        self.lost = 0

    def prepare(self, record: logging.LogRecord) -> logging.LogRecord:
        """What has to be known now; the thread does the rest."""
        asked = ASKED.get()
        if asked is not None and not asked.is_over:
            record.request = asked.id
        record.msg, record.args = record.getMessage(), None
        return record

    def enqueue(self, record: logging.LogRecord) -> None:
        try:
            self.queue.put_nowait(record)
        except queue.Full:
            self.lost += 1


class Log:
    """`with Log("json", "info"): ...`: from here on the whole process speaks through it, until the end."""

    def __init__(self, format: str, level: str, stream: TextIO | None = None) -> None:
        self.is_stuck = False
        """At the end nobody has read: the thread still waits, and would hold up an orderly exit."""
        self._writer = logging.StreamHandler(stream or sys.stderr)
        self._writer.setFormatter(FORMATS[format]())
        self._behind = Behind()
        self._thread = threading.Thread(target=self._write, daemon=True)
        self._level = level.upper()

    def __enter__(self) -> Log:
        logging.getLogger().addHandler(self._behind)
        logging.getLogger("axenix").setLevel(self._level)  # what libraries say below a warning is not for operators
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        """What waits is written, if anybody reads it."""
        logging.getLogger().removeHandler(self._behind)
        try:
            self._behind.queue.put(None, timeout=PATIENCE)
        except queue.Full:
            self.is_stuck = True
        else:
            self._thread.join(PATIENCE)
            self.is_stuck = self._thread.is_alive()

    def _write(self) -> None:
        while (record := self._behind.queue.get()) is not None:
            self._writer.handle(record)


def lost_lines() -> int:
    """How many could not be written, because nobody read."""
    return sum(each.lost for each in logging.getLogger().handlers if isinstance(each, Behind))
