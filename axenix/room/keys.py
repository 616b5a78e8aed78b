"""Room keys: whose wraps are taken, and when a key epoch is over. Rules of `decide.py`.

The room sees public keys, wraps and epoch numbers; a key it never sees. Epochs are taken by compare-and-swap: whoever
names the next number first has it.
"""

from __future__ import annotations

from axenix.errors import Refused
from axenix.room import commands as c
from axenix.room import events as e
from axenix.room.moment import iso
from axenix.room.permits import Case, seldom
from axenix.room.state import EPOCH_RATE, key_owners

STALE_MS = 5000
"""How long a key may still be used after somebody who knows it has gone."""


def fresh(case: Case, key_epoch: int | None) -> None:
    """May a sealed message name this epoch (or, outside of end-to-end mode, none)?"""
    room = case.room
    if key_epoch is None:
        if room.key.mode == "e2e":
            raise Refused("stale_epoch", f"Name the present key epoch, {room.key_epoch}.")
        return
    if room.key.mode is None:
        return  # a room without keys cannot tell
    if key_epoch != room.key_epoch:
        raise Refused("stale_epoch", f"The present key epoch is {room.key_epoch}.")
    if room.key.stale_at is not None and room.key.stale_at <= case.now.iso:
        raise Refused("stale_epoch", "Somebody who knows this key has gone; a new key epoch is needed.")


def rotate_without(case: Case, *user_ids: int) -> list[e.Event]:
    """These go: if one of them knows the present key, it must be changed. Said once an epoch."""
    room = case.room
    if room.key.stale_at is not None or not any(user_id in room.key.holders for user_id in user_ids):
        return []
    return [e.KeyRotateRequired(key_epoch=room.key_epoch, stale_at=iso(case.now.ms + STALE_MS))]


def show_device_key(case: Case, command: c.ShowDeviceKey) -> list[e.Event | e.Notice]:
    room, user_id, key = case.room, case.who.user_id, command.x25519_b64
    known = room.members.get(user_id)
    if not (known and known.inside):
        return []
    wrapped_for = room.key.holders.get(user_id) or key
    return [e.DeviceKeyShown(user_id, key), *(rotate_without(case, user_id) if wrapped_for != key else [])]


def distribute_key(case: Case, command: c.DistributeKey) -> list[e.Entry]:
    next_epoch(case, command.key_epoch)
    inside = {member.user_id for member in case.room.members.values() if member.inside}  # some may have gone since
    shares = {user_id: wrap for user_id, wrap in command.shares.items() if user_id in inside}
    changed = e.KeyChanged(key_epoch=command.key_epoch, mode="server", by_user=case.who.user_id)
    return [e.Entry(changed, e.Aside(shares=shares, holders=dict.fromkeys(shares, "")))]


def start_key_epoch(case: Case, command: c.StartKeyEpoch) -> list[e.Entry]:
    owners, keys = key_owners(case.room), case.room.presence.device_keys
    if case.who.user_id not in owners:
        raise Refused("forbidden", "Put your own device key first (PUT /api/users/me/device_key).")
    next_epoch(case, command.key_epoch)
    if set(command.shares) != owners:
        raise Refused("member_set_mismatch")
    changed = e.KeyChanged(key_epoch=command.key_epoch, mode="e2e", by_user=case.who.user_id)
    return [e.Entry(changed, e.Aside(shares=command.shares, holders={each: keys[each] for each in command.shares}))]


def share_key(case: Case, command: c.ShareKey) -> list[e.Entry]:
    room, keys = case.room, case.room.presence.device_keys
    if room.key.mode != "e2e" or command.key_epoch != room.key_epoch:
        raise Refused("epoch_conflict")
    if case.who.user_id not in room.key.holders:
        raise Refused("forbidden", "Only those who hold the key can share it.")
    if room.key.stale_at is not None:
        raise Refused("stale_epoch", "This key is to be changed; share the next one.")
    if not command.shares or not set(command.shares) <= key_owners(room) - set(room.key.holders):
        raise Refused("member_set_mismatch", "Shares are for those inside who have a device key and no share.")
    shared = e.KeyShared(key_epoch=command.key_epoch, user_ids=sorted(command.shares))
    return [e.Entry(shared, e.Aside(shares=command.shares, holders={each: keys[each] for each in command.shares}))]


def next_epoch(case: Case, key_epoch: int) -> None:
    if key_epoch != case.room.key_epoch + 1:
        raise Refused("epoch_conflict", f"The present key epoch is {case.room.key_epoch}; the next is one more.")
    seldom(case, case.member.epoch_marks, EPOCH_RATE, "key epochs")
