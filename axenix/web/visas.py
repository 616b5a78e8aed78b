"""From the token of another site to somebody here: who the person is, and what the site calls them."""

from __future__ import annotations

import time

from axenix.errors import Refused
from axenix.room.text import clean_name
from axenix.tokens import Token
from axenix.web.foreign import Site
from axenix.web.house import House


async def foreigner(house: House, site: Site, raw: str) -> Token:
    """Somebody of another site, who is the same person here each time. Raises Refused("invalid_token")."""
    visa = site.verify(raw, time.time())
    try:
        name = None if visa.name is None else clean_name(visa.name, 80, "name")
    except Refused as refused:
        raise Refused("invalid_token", refused.detail) from None
    number, new_name = await house.foreigners.find_or_make(visa.sub, name)
    if new_name is not None:
        house.show(await house.people.update(number, nickname=new_name))
        await house.foreigners.applied(visa.sub, new_name)
    role = "guest" if visa.role == "member" else visa.role
    return Token(number, visa.exp, True, visa.room, role)
