"""Who sits where: rooms and users, made by REST where a server wants them, and shared out among processes."""

from __future__ import annotations

import http.client
import json
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from threading import local
from typing import Any

from crowd.dialects import Seat

THREADS = 8


class Rest:
    """Requests over one kept connection a thread."""

    def __init__(self, address: tuple[str, int]) -> None:
        self._address, self._own = address, local()

    def ask(self, method: str, path: str, body: object = None, token: str = "") -> Any:
        if not hasattr(self._own, "connection"):
            self._own.connection = http.client.HTTPConnection(*self._address, timeout=60)
        connection: http.client.HTTPConnection = self._own.connection
        headers = {"Content-Type": "application/json"} | ({"Authorization": f"Bearer {token}"} if token else {})
        connection.request(method, path, None if body is None else json.dumps(body), headers)
        response = connection.getresponse()
        content = response.read()
        if response.status >= 300:
            raise ConnectionError(f"{method} {path}: {response.status} {content[:200].decode(errors='replace')}")
        return json.loads(content)


def arrange(address: tuple[str, int], dialect: str, rooms: int, peers: int, talkers: int, signals: bool) -> list[Seat]:
    """Room by room; the first of each room talk, and each two that follow one another are partners."""
    if dialect == "axenix":
        seats = _registered(Rest(address), rooms, peers)
    else:
        seats = [Seat(f"room-{number // peers}", number + 1) for number in range(rooms * peers)]
    seats = [replace(seat, talks=number % peers < talkers) for number, seat in enumerate(seats)]
    if signals:
        for at in range(0, len(seats) - 1, 2):
            one, other = seats[at:at + 2]
            if one.room == other.room:
                seats[at:at + 2] = replace(one, partner=other.user_id), replace(other, partner=one.user_id)
    return seats


def _registered(rest: Rest, rooms: int, peers: int) -> list[Seat]:
    with ThreadPoolExecutor(THREADS) as pool:
        def guest(number: int) -> Any:
            return rest.ask("POST", "/api/auth/guest", {"nickname": f"Peer {number}"})

        def room(number: int) -> str:
            owner = people[number * peers]["access_token"]
            slug: str = rest.ask("POST", "/api/rooms", {"title": "Load"}, owner)["slug"]
            return slug

        people = list(pool.map(guest, range(rooms * peers)))
        slugs = list(pool.map(room, range(rooms)))
    return [Seat(slugs[number // peers], each["user_id"], each["access_token"]) for number, each in enumerate(people)]


def share(seats: list[Seat], processes: int) -> list[list[Seat]]:
    """Partners stay together."""
    size = -(-len(seats) // processes)
    size += size % 2
    return [seats[at:at + size] for at in range(0, len(seats), size)]
