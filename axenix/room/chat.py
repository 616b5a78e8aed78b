"""Chat, plain and sealed: who may post, how often, and what counts as said already. Rules of `decide.py`."""

from __future__ import annotations

from axenix.errors import Refused
from axenix.room import commands as c
from axenix.room import events as e
from axenix.room.keys import fresh
from axenix.room.permits import Case, audible, moderator, seldom, target
from axenix.room.text import clean_chat, contains_banned


class AlreadyDone(Exception):
    """The command came before, under the same cid; nothing happens twice."""

    def __init__(self, seq: int) -> None:
        super().__init__(seq)
        self.seq = seq


def post_chat(case: Case, command: c.PostChat) -> list[e.Event | e.Entry]:
    once(case, command.cid)
    audible(case)
    text = clean_chat(command.text)
    if contains_banned(text, case.room.law.banned_words):
        raise Refused("forbidden_words")
    in_time(case)
    posted = e.ChatPosted(room_slug=case.room.slug, user_id=case.who.user_id, text=text)
    return [e.Entry(posted, e.Aside(cid=command.cid) if command.cid else None)]


def post_sealed_chat(case: Case, command: c.PostSealedChat) -> list[e.Event | e.Entry]:
    once(case, command.cid)
    audible(case)
    if not command.ciphertext_b64:
        raise Refused("empty_ciphertext")
    if len(command.ciphertext_b64) * 3 // 4 > c.MAX_CIPHERTEXT:
        raise Refused("message_too_long", f"At most {c.MAX_CIPHERTEXT} bytes of ciphertext.")
    fresh(case, command.key_epoch)
    in_time(case)
    posted = e.SealedChatPosted(
        room_slug=case.room.slug, user_id=case.who.user_id, algo=command.algo, ciphertext_b64=command.ciphertext_b64,
        key_epoch=command.key_epoch,
    )
    return [e.Entry(posted, e.Aside(cid=command.cid) if command.cid else None)]


def once(case: Case, cid: str | None) -> None:
    if cid is not None and cid in case.member.cids:
        raise AlreadyDone(case.member.cids[cid])


def in_time(case: Case) -> None:
    if case.room.law.chat_rate:
        seldom(case, case.member.chat_marks, case.room.law.chat_rate, "messages")


def delete_chat(case: Case, command: c.DeleteChat) -> list[e.Event | e.Entry]:
    if command.id in case.room.deleted:
        raise Refused("message_not_found")
    if command.author != case.who.user_id:
        moderator(case)
        target(case, command.author)
    return [e.ChatDeleted(id=command.id, by_user=case.who.user_id)]
