"""A small client: what a script, a test or another program needs in order to take part in a meeting.

    async with aiohttp.ClientSession() as session:
        ann = await Api("http://127.0.0.1:8088", session).guest("Ann")
        room = await ann.create_room(title="Tea")
        async with await ann.join(room["slug"]) as meeting:
            await meeting.chat("hello")
            await meeting.raise_hand()
            while True:
                async for event in meeting:
                    print(event)
                if not await meeting.come_back():  # resumes: no event is missing, and none comes twice
                    break

Whoever moderates asks by request: `await ann.moderate(slug, "kick", user_id, ban_sec=60)`.

Knows the contract, and nothing of the server's code. It holds no state of the room: it delivers what happened, each
event once and in order, or says that it cannot (`Gap`).
"""

from axenix.client.errors import ApiError, Closed, Gap, Refused
from axenix.client.rest import Api, Person
from axenix.client.socket import Connection, Frame

__all__ = ["Api", "ApiError", "Closed", "Connection", "Frame", "Gap", "Person", "Refused"]
