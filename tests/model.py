"""A room as PROTOCOL.md says it is, in plain dicts: what must happen, what must be refused, and what everyone must see.

Written from the document and from nothing else; it imports nothing of the server. `Model` is the room with those who
are not inside; `fold` is the sum that a client does. Time is the model's own, in seconds.
"""

from __future__ import annotations

from typing import Any

Dict = dict[str, Any]

RANK = {"guest": 0, "admin": 1, "owner": 2}
PUBLIC = ("user_id", "nickname", "avatar_url", "role", "mic_muted", "cam_off", "admin_muted", "admin_video_off",
          "can_speak")
STATE = ("topic", "title", "is_locked", "mute_all", "recording_active", "hands_up", "cover_url", "key_epoch")
BEAT, STALE = 45.0, 5.0
MOMENTARY = ("created_at", "last_seen", "stale_at")
DEEDS = {"member.kicked", "member.unbanned", "media.forced", "media.video_forced", "speak.changed", "role.changed",
         "chat.deleted", "state.changed", "room.updated", "record.started", "record.stopped"}


class No(Exception):
    """Refused, for this reason."""


def bare(event: Dict) -> Dict:
    """An event without its times."""
    return {name: value for name, value in event.items() if name not in MOMENTARY}


# ---- the sum that a client does --------------------------------------------------------------------------------------


def silenced(state: Dict, one: Dict) -> str | None:
    if one["admin_muted"]:
        return "muted_by_admin"
    if state["mute_all"] and one["role"] == "guest" and not one["can_speak"]:
        return "mute_all"
    return None


def hush(state: Dict, one: Dict) -> None:
    one["mic_muted"] = one["mic_muted"] or silenced(state, one) is not None
    one["cam_off"] = one["cam_off"] or one["admin_video_off"]


CHANGES = {
    "member.updated": ("nickname", "avatar_url"), "role.changed": ("role",), "media.updated": ("mic_muted", "cam_off"),
    "media.forced": ("admin_muted",), "media.video_forced": ("admin_video_off",), "speak.changed": ("can_speak",),
    "hand.raised": ("hands_up",), "hand.lowered": ("hands_up",), "room.updated": ("title",),
    "state.changed": ("topic", "is_locked", "mute_all", "recording_active"), "cover.changed": ("cover_url",),
    "record.started": ("recording_active",), "record.stopped": ("recording_active",), "key.changed": ("key_epoch",),
}
HUSHES = {"role.changed", "media.forced", "media.video_forced", "speak.changed"}


def fold(state: Dict, event: Dict) -> None:
    """snapshot(S) + events S+1 … T = snapshot(T)."""
    kind, user_id, people = event["type"], event.get("user_id"), state["participants"]
    assert event["seq"] == state["seq"] + 1
    state["seq"] = event["seq"]
    if kind == "member.joined":
        people.append({name: event[name] for name in PUBLIC})
        hush(state, people[-1])
    elif kind in ("member.left", "member.kicked"):
        state["participants"] = [one for one in people if one["user_id"] != user_id]
        state["hands_up"] = [hand for hand in state["hands_up"] if hand != user_id]
    for name in CHANGES.get(kind, ()):
        place = state if name in STATE else next((one for one in people if one["user_id"] == user_id), None)
        if place is not None:
            place[name] = list(event[name]) if name == "hands_up" else event[name]
    if kind == "state.changed" or kind in HUSHES:
        for one in people:
            if user_id in (None, one["user_id"]):
                hush(state, one)


# ---- the room --------------------------------------------------------------------------------------------------------


class Model:
    def __init__(self, slug: str, title: str, owner: int, names: dict[int, str], grace: float = 10.0,
                 chat_rate: tuple[int, float] = (5, 10.0)) -> None:
        self.slug, self.names, self.grace, self.chat_rate = slug, names, grace, chat_rate
        self.now = 0.0
        self.state: Dict = {"topic": "", "title": title, "is_locked": False, "mute_all": False,
                            "recording_active": False, "hands_up": [], "cover_url": None, "key_epoch": 0}
        self.is_private = False
        self.members: dict[int, Dict] = {}
        """In the order of their last joining."""
        self.sockets: set[int] = set()
        self.heard: dict[int, float] = {}
        self.lost: dict[int, float] = {}
        self.log: list[Dict] = []
        """Everything as it was told."""
        self.deleted: set[int] = set()
        self.device_keys: dict[int, str] = {}
        self.mode: str | None = None
        self.holders: dict[int, str | None] = {}
        """user id: the device key that the share was made for; None where the server made the key"""
        self.stale_at: float | None = None
        self.member(owner)["role"] = "owner"

    # ---- looking ----

    @property
    def seq(self) -> int:
        return len(self.log)

    def snapshot(self) -> Dict:
        inside = [{name: one[name] for name in PUBLIC} for one in self.members.values() if one["inside"]]
        return {**self.state, "hands_up": list(self.state["hands_up"]), "participants": inside, "seq": self.seq}

    def kept(self, seq: int) -> Dict:
        """What history and sync have of an event."""
        event = self.log[seq - 1]
        if seq not in self.deleted:
            return event
        return {**{name: event[name] for name in ("type", "seq", "id", "user_id")}, "deleted": True}

    def chat(self) -> list[Dict]:
        return [self.kept(event["seq"]) for event in self.log if event["type"].startswith("chat.message")]

    def deeds(self) -> list[int]:
        return [event["seq"] for event in self.log if event["type"] in DEEDS]

    def is_banned(self, one: Dict) -> bool:
        return one["ban_until"] is not None and bool(one["ban_until"] > self.now)

    def is_here(self, user_id: int) -> bool:
        return user_id in self.sockets or user_id in self.heard

    def status(self, user_id: int) -> str:
        one = self.members[user_id]
        if one["inside"]:
            return "active" if self.is_here(user_id) else "lost"
        return "banned" if self.is_banned(one) else "left"

    def key_owners(self) -> set[int]:
        return {user_id for user_id in self.members if self.is_here(user_id) and user_id in self.device_keys}

    # ---- who may ----

    def standing(self, user_id: int) -> Dict:
        one = self.members.get(user_id)
        if one is None or one["is_stranger"]:
            if self.is_private:
                raise No("room_not_found")
            raise No("banned" if one and self.is_banned(one) else "not_a_member")
        return one

    def inside(self, user_id: int) -> Dict:
        one = self.standing(user_id)
        if not self.is_here(user_id):
            raise No("not_inside")
        return one

    def ranked(self, user_id: int, least: str) -> Dict:
        one = self.standing(user_id)
        if RANK[one["role"]] < RANK[least]:
            raise No("forbidden")
        return one

    def target(self, by: int, user_id: int) -> Dict:
        if user_id not in self.members:
            raise No("member_not_found")
        one = self.members[user_id]
        if RANK[one["role"]] >= RANK[self.members[by]["role"]]:
            raise No("forbidden")
        return one

    # ---- what happens ----

    def tell(self, kind: str, **fields: Any) -> int:
        self.log.append({"type": kind, "seq": self.seq + 1, **fields})
        return self.seq

    def member(self, user_id: int) -> Dict:
        return self.members.setdefault(user_id, {
            "user_id": user_id, "nickname": self.names[user_id], "avatar_url": None, "role": "guest",
            "mic_muted": True, "cam_off": True, "admin_muted": False, "admin_video_off": False, "can_speak": False,
            "inside": False, "is_stranger": False, "ban_until": None, "cids": {}, "said": [], "epochs": set(),
        })

    def join(self, user_id: int, *, socket: bool, invited: bool) -> bool:
        """Answers whether the stay goes on."""
        one = self.members.get(user_id)
        resumed = one is not None and bool(one["inside"])
        if not resumed:
            self.admit(user_id, one, invited)
            one = self.members[user_id] = self.members.pop(user_id, None) or self.member(user_id)
            one.update(inside=True, is_stranger=False, ban_until=None, mic_muted=True, cam_off=True,
                       nickname=self.names[user_id])
            hush(self.state, one)
            shown = {name: one[name] for name in PUBLIC}
            self.tell("member.joined", **shown, status="active", is_online=True, hand_raised=False)
        if socket or user_id in self.sockets:
            self.gone(user_id)
            self.sockets.add(user_id)
        else:
            self.gone(user_id)
            self.heard[user_id] = self.now
        return resumed

    def admit(self, user_id: int, one: Dict | None, invited: bool) -> None:
        if one is not None and self.is_banned(one):
            raise No("banned")
        is_stranger = one is None or one["is_stranger"]
        if self.is_private and is_stranger and not invited:
            raise No("invite_required_or_invalid")
        if self.state["is_locked"] and (one is None or is_stranger or one["role"] == "guest"):
            raise No("room_locked")

    def gone(self, user_id: int) -> None:
        self.sockets.discard(user_id)
        self.heard.pop(user_id, None)
        self.lost.pop(user_id, None)

    def lose(self, user_id: int) -> None:
        self.gone(user_id)
        self.lost[user_id] = self.now

    def beat(self, user_id: int) -> None:
        if not self.standing(user_id)["inside"]:
            raise No("not_inside")
        if user_id not in self.sockets:
            self.gone(user_id)
            self.heard[user_id] = self.now

    def leave(self, user_id: int) -> None:
        if not self.standing(user_id)["inside"]:
            raise No("not_inside")
        self.depart(user_id)
        self.must_rotate(user_id)

    def depart(self, user_id: int) -> None:
        self.tell("member.left", user_id=user_id)
        self.end_stay(user_id)

    def end_stay(self, user_id: int) -> None:
        self.members[user_id].update(inside=False, mic_muted=True, cam_off=True)
        self.state["hands_up"] = [hand for hand in self.state["hands_up"] if hand != user_id]
        self.gone(user_id)

    def second(self) -> None:
        """A second passes."""
        self.now += 1
        overdue = [user_id for user_id, since in self.lost.items() if self.now - since >= self.grace]
        for user_id in overdue:
            self.depart(user_id)
        self.must_rotate(*overdue)
        for user_id in [user_id for user_id, at in self.heard.items() if self.now - at >= BEAT]:
            self.lose(user_id)

    def restart(self) -> None:
        self.sockets.clear()
        self.heard.clear()
        self.lost = {user_id: self.now for user_id, one in self.members.items() if one["inside"]}

    def rename(self, user_id: int, nickname: str) -> None:
        self.names[user_id] = nickname
        one = self.members.get(user_id)
        if one is not None and one["inside"] and one["nickname"] != nickname:
            one["nickname"] = nickname
            self.tell("member.updated", user_id=user_id, nickname=nickname, avatar_url=None)

    # ---- moderation ----

    def kick(self, by: int, user_id: int, ban_sec: int) -> None:
        self.ranked(by, "admin")
        one = self.target(by, user_id)
        self.tell("member.kicked", user_id=user_id, by_user=by, reason=None)
        self.end_stay(user_id)
        one.update(role="guest", is_stranger=True, ban_until=self.now + ban_sec if ban_sec else None)
        one["epochs"].clear()
        self.must_rotate(user_id)

    def unban(self, by: int, user_id: int) -> None:
        self.ranked(by, "admin")
        one = self.target(by, user_id)
        if self.is_banned(one):
            one["ban_until"] = None
            self.tell("member.unbanned", user_id=user_id, by_user=by)

    def force(self, by: int, user_id: int, kind: str, flag: str, value: bool) -> None:
        """`media.forced`, `media.video_forced` and `speak.changed`."""
        self.ranked(by, "admin")
        one = self.target(by, user_id)
        one[flag] = value
        hush(self.state, one)
        more = {} if kind == "speak.changed" else {"reason": None}
        self.tell(kind, user_id=user_id, by_user=by, **{flag: value}, **more)

    def set_role(self, by: int, user_id: int, role: str) -> None:
        self.ranked(by, "owner")
        one = self.target(by, user_id)
        if one["is_stranger"]:
            raise No("member_not_found")
        one["role"] = role
        hush(self.state, one)
        self.tell("role.changed", user_id=user_id, role=role, by_user=by)

    def set_state(self, by: int, **changes: Any) -> None:
        self.ranked(by, "admin")
        self.state.update(changes)
        for one in self.members.values():
            hush(self.state, one)
        names = ("topic", "is_locked", "mute_all", "recording_active")
        self.tell("state.changed", **{name: self.state[name] for name in names}, by_user=by)

    def record(self, by: int, on: bool) -> int | None:
        self.ranked(by, "admin")
        if self.state["recording_active"] == on:
            return None
        self.state["recording_active"] = on
        return self.tell("record.started" if on else "record.stopped", by_user=by, recording_active=on)

    def update(self, by: int, title: str, is_private: bool) -> None:
        self.ranked(by, "owner")
        self.state["title"], self.is_private = title, is_private
        self.tell("room.updated", title=title, is_private=is_private, by_user=by)

    # ---- what members do ----

    def say(self, user_id: int, cid: str | None, **content: Any) -> int:
        """`text`, or the three fields of a sealed line."""
        one = self.inside(user_id)
        if cid is not None and cid in one["cids"]:
            return int(one["cids"][cid])
        if reason := silenced(self.state, one):
            raise No(reason)
        if content.get("text") == "":
            raise No("empty_message")
        if "text" not in content:
            self.must_be_fresh(content["key_epoch"])
        recent = [at for at in one["said"] if at > self.now - self.chat_rate[1]]
        if len(recent) >= self.chat_rate[0]:
            raise No("rate_limited")
        one["said"] = [*recent, self.now]
        kind = "chat.message" if "text" in content else "chat.message.enc"
        seq = self.tell(kind, id=self.seq + 1, room_slug=self.slug, user_id=user_id, **content)
        if cid is not None:
            one["cids"][cid] = seq
        return seq

    def delete(self, by: int, seq: int) -> None:
        self.standing(by)
        event = self.log[seq - 1] if 0 < seq <= self.seq else {"type": "none"}
        if not event["type"].startswith("chat.message") or seq in self.deleted:
            raise No("message_not_found")
        if event["user_id"] != by:
            self.ranked(by, "admin")
            self.target(by, event["user_id"])
        self.deleted.add(seq)
        self.tell("chat.deleted", id=seq, by_user=by)

    def media(self, user_id: int, mic_muted: bool, cam_off: bool) -> int:
        one = self.inside(user_id)
        if not mic_muted and (reason := silenced(self.state, one)):
            raise No(reason)
        if not cam_off and one["admin_video_off"]:
            raise No("video_off_by_admin")
        one.update(mic_muted=mic_muted, cam_off=cam_off)
        return self.tell("media.updated", user_id=user_id, mic_muted=mic_muted, cam_off=cam_off)

    def hand(self, by: int, user_id: int, up: bool) -> int | None:
        self.inside(by)
        if by != user_id:
            self.ranked(by, "admin")
            self.target(by, user_id)
        hands = self.state["hands_up"]
        if (user_id in hands) == up:
            return None
        self.state["hands_up"] = [*hands, user_id] if up else [hand for hand in hands if hand != user_id]
        told = {"user_id": user_id, "hands_up": list(self.state["hands_up"])}
        return self.tell("hand.raised", **told) if up else self.tell("hand.lowered", **told, by_user=by)

    def signal(self, user_id: int, to: int) -> None:
        self.inside(user_id)
        if to == user_id or to not in self.sockets:
            raise No("peer_not_found")

    # ---- keys ----

    def must_be_fresh(self, key_epoch: int | None) -> None:
        if self.mode is None or (key_epoch is None and self.mode == "server"):
            return
        if key_epoch != self.state["key_epoch"] or (self.stale_at is not None and self.stale_at <= self.now):
            raise No("stale_epoch")

    def must_rotate(self, *gone: int) -> None:
        if self.stale_at is None and any(user_id in self.holders for user_id in gone):
            self.stale_at = self.now + STALE
            self.tell("key.rotate_required", key_epoch=self.state["key_epoch"])

    def show_key(self, user_id: int, key: str | None) -> None:
        if key is None:
            self.device_keys.pop(user_id, None)
        else:
            self.device_keys[user_id] = key
        one = self.members.get(user_id)
        if one and one["inside"] and self.holders.get(user_id) not in (None, key):
            self.must_rotate(user_id)

    def begin_epoch(self, by: int, key_epoch: int, shares: set[int]) -> None:
        self.inside(by)
        if by not in self.key_owners():
            raise No("forbidden")
        if key_epoch != self.state["key_epoch"] + 1:
            raise No("epoch_conflict")
        if shares != self.key_owners():
            raise No("member_set_mismatch")
        self.change_key(by, "e2e", {user_id: self.device_keys[user_id] for user_id in shares})

    def init(self, by: int) -> None:
        """Nobody here has an RSA key."""
        self.ranked(by, "admin")
        self.change_key(by, "server", {})

    def change_key(self, by: int, mode: str, holders: dict[int, str | None]) -> None:
        self.state["key_epoch"] += 1
        self.mode, self.holders, self.stale_at = mode, dict(holders), None
        for user_id in holders:
            self.members[user_id]["epochs"].add(self.state["key_epoch"])
        self.tell("key.changed", key_epoch=self.state["key_epoch"], mode=mode, by_user=by)

    def share(self, by: int, key_epoch: int, user_ids: set[int]) -> None:
        self.inside(by)
        if self.mode != "e2e" or key_epoch != self.state["key_epoch"]:
            raise No("epoch_conflict")
        if by not in self.holders:
            raise No("forbidden")
        if self.stale_at is not None:
            raise No("stale_epoch")
        if not user_ids or not user_ids <= self.key_owners() - set(self.holders):
            raise No("member_set_mismatch")
        for user_id in user_ids:
            self.holders[user_id] = self.device_keys[user_id]
            self.members[user_id]["epochs"].add(key_epoch)
        self.tell("key.shared", key_epoch=key_epoch, user_ids=sorted(user_ids))
