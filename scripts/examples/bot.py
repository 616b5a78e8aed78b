"""A bot that greets who comes in, and answers `!time` and `!help`, through restarts of the server and bad networks.

    .venv/bin/python scripts/examples/bot.py http://127.0.0.1:8088 my-room [invite key]
"""

from __future__ import annotations

import asyncio
import sys
from collections import deque
from datetime import UTC, datetime
from pathlib import Path

import aiohttp

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))  # axenix.client, from where it is

from axenix.client import Api, Closed, Connection, Frame, Gap, Refused  # noqa: E402

HELP = "I know !time and !help, and I greet who comes in."


def reply_to(event: Frame, me: int) -> str | None:
    """What there is to say to this event."""
    if event.get("user_id") == me:
        return None
    if event["type"] == "member.joined":
        return f"Welcome, {event['nickname']}! Say !help to hear what I can do."
    if event["type"] == "chat.message":
        command = event.get("text", "").strip().lower()
        return {"!help": HELP, "!time": f"It is {datetime.now(UTC):%H:%M:%S} UTC."}.get(command)
    return None


async def say(meeting: Connection, unsaid: deque[tuple[str, str]]) -> None:
    """Says what is waiting. The cid makes sure that nothing is said twice, whenever the line breaks."""
    while unsaid:
        cid, text = unsaid[0]
        try:
            await meeting.chat(text, cid)
        except Refused as refused:
            if refused.retry_after is not None:
                await asyncio.sleep(refused.retry_after)
                continue
            print(f"not said: {refused.detail}", file=sys.stderr)
        unsaid.popleft()


async def attend(meeting: Connection) -> None:
    """Until we are not to come back."""
    unsaid: deque[tuple[str, str]] = deque()
    while True:
        try:
            await say(meeting, unsaid)
            async for event in meeting:
                if text := reply_to(event, meeting.person.id):
                    unsaid.append((f"to {event['seq']}", text))
                    await say(meeting, unsaid)
        except (Closed, Gap, TimeoutError) as lost:
            print(f"lost: {lost!r}", file=sys.stderr)
        if not await meeting.come_back():
            return


async def main(url: str, slug: str, invite_key: str | None = None) -> None:
    async with aiohttp.ClientSession() as session:
        bot = await Api(url, session).guest("Greeter")
        renewing = asyncio.create_task(bot.keep_renewed())  # tokens live for thirty days, and bots longer
        await attend(await bot.join(slug, invite_key))
        renewing.cancel()


if __name__ == "__main__":
    try:
        asyncio.run(main(*sys.argv[1:4]))
    except Refused as refused:
        sys.exit(f"{refused.reason}: {refused.detail}")
    except KeyboardInterrupt:
        pass
