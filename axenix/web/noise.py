"""What aiohttp would log by itself and must not: other people's mistakes, with what they sent word for word.

A malformed request is answered with 400 and is nobody's business; its header lines, tokens among them, stand in the
error's text. Offered subprotocols hold tokens too.
"""

from __future__ import annotations

import logging

from aiohttp import web
from aiohttp.http_exceptions import HttpProcessingError


class NoClientFaults(logging.Filter):
    def filter(self, record: logging.LogRecord) -> bool:
        error = record.exc_info[1] if record.exc_info else None
        return not isinstance(error, (HttpProcessingError, web.RequestPayloadError))


def quieten() -> None:
    logging.getLogger("aiohttp.server").addFilter(NoClientFaults())
    logging.getLogger("aiohttp.websocket").setLevel(logging.ERROR)
