"""A room's whole history as files: ROOM.json for programs, with every event as it was sent, and ROOM.md for people.

    .venv/bin/python scripts/examples/export_room.py http://127.0.0.1:8088 my-room --token TOKEN --to folder

The token is that of a member (in the page: localStorage, "axenix.identity.0"), better in AXENIX_TOKEN than on the
command line. Without one a guest comes in for a moment, by --invite-key if the room is private, and is seen.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import re
import sys
from pathlib import Path

import aiohttp

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))  # axenix.client, from where it is

from axenix.client import Api, ApiError, Frame, Person  # noqa: E402

SPECIAL = re.compile(r"([\\`*_\[\]<>#|~])")


async def collect(person: Person, slug: str) -> dict[str, object]:
    """The room, and all that happened in it; of what retention has given up only the chat is left."""
    events = [event async for event in person.history(slug)]
    older = await person.messages(slug, events[0]["seq"]) if events and events[0]["seq"] > 1 else []
    return {"room": await person.get(f"/api/rooms/{slug}"), "events": older + events}


def plain(text: str) -> str:
    """Words of people, so that Markdown shows them as they were written."""
    return SPECIAL.sub(r"\\\1", text).replace("\n", "  \n  ")


class Story:
    """The history as lines of Markdown. It remembers names, which events do not repeat."""

    def __init__(self) -> None:
        self.names: dict[int, str] = {}
        self.day = ""

    def lines(self, event: Frame) -> list[str]:
        if "nickname" in event:
            self.names[event["user_id"]] = event["nickname"]
        day, time = event["created_at"][:10], event["created_at"][11:16]
        heading = [] if day == self.day else ["", f"## {day}", ""]
        self.day = day
        told = self.told(event)
        return [*heading, f"- {time} {told}"] if told else heading

    def told(self, event: Frame) -> str | None:
        who = f"**{plain(self.names.get(event.get('user_id', 0), 'somebody'))}**"
        match event["type"]:
            case "chat.message" | "chat.message.enc" if event.get("deleted"):
                return f"{who}: *(deleted)*"
            case "chat.message":
                return f"{who}: {plain(event['text'])}"
            case "chat.message.enc":
                return f"{who}: *(sealed)*"
            case "member.joined":
                return f"{who} *came in*"
            case "member.left":
                return f"{who} *left*"
            case "member.kicked":
                return f"{who} *was removed*"
            case "recording.added":
                return f"*recording:* {plain(event['title'] or 'untitled')}"
            case _:
                return None


def markdown(title: str, events: list[Frame]) -> str:
    story = Story()
    return "\n".join([f"# {plain(title)}", *(line for event in events for line in story.lines(event)), ""])


async def member(api: Api, token: str, slug: str, invite_key: str | None) -> Person:
    if token:
        return Person(api, 0, token)
    guest = await api.guest("Export")
    await guest.post(f"/api/participants/{slug}/join", **({"invite_key": invite_key} if invite_key else {}))
    await guest.post(f"/api/participants/{slug}/leave")  # having left does not end reading
    return guest


async def main(options: argparse.Namespace) -> None:
    async with aiohttp.ClientSession() as session:
        person = await member(Api(options.url, session), options.token, options.slug, options.invite_key)
        found: Frame = await collect(person, options.slug)
    options.to.mkdir(parents=True, exist_ok=True)
    for suffix, content in (("json", json.dumps(found, ensure_ascii=False, indent=1) + "\n"),
                            ("md", markdown(found["room"]["title"] or options.slug, found["events"]))):
        path = options.to / f"{options.slug}.{suffix}"
        path.write_text(content, encoding="utf-8")
        print(path)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="A room's whole history as JSON and Markdown.")
    parser.add_argument("url")
    parser.add_argument("slug")
    parser.add_argument("--token", default=os.environ.get("AXENIX_TOKEN", ""))
    parser.add_argument("--invite-key")
    parser.add_argument("--to", type=Path, default=Path("."))
    try:
        asyncio.run(main(parser.parse_args()))
    except ApiError as refused:
        sys.exit(f"{refused.reason}: {refused.detail}")
