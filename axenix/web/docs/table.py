"""Every request the server answers, one row each: who may ask, what goes in, what comes out, what else may be said.

A route without a row fails a test, and so does an answer that is not of its row.
"""

from __future__ import annotations

from axenix.room import commands as c
from axenix.room.events import ChatPosted
from axenix.room.state import Snapshot
from axenix.store.people import User
from axenix.web import auth, chat, crypto, device_keys, moderation, participants, rooms, shapes, state, users
from axenix.web import media_shapes as media
from axenix.web.docs.row import File, Json, Param, Raw, Row
from axenix.web.tus import EXTENSIONS, STREAM
from axenix.web.tus_headers import VERSION

SLUG = "tea-3f9a1c20"
X25519 = "d5hgBSdoPUa1a8hOh8Sf9dC2rJCTSEVMUgSO0IRL2XU="
WRAP = (
    "0Dfj4BZudY5lW9IN+LDh0h1fv3z1LstTd6lDmuNMiSGGZ6Oq5a590PnE3lxn4fMtNxTAv0hZfOl2ctXsd9wrP3PiE65gNWOFgL/GtBj9bbQ="
)
JSON, HTML, TEXT, ANY = Raw("application/json"), Raw("text/html"), Raw("text/plain"), Raw("*/*")
PICTURE = File("JPEG, PNG or WebP by its content, at most 5 MiB and 16 megapixels")
RECORDING = File("WebM, MP4, Ogg or WAV by its content", {
    "title": "at most 200 characters", "duration_sec": "seconds, such as 913.4"})


def whole(name: str, about: str, **more: int) -> Param:
    return Param(name, about, {"type": "integer", "minimum": 0, **more})


def limit(most: int, default: int) -> Param:
    return whole("limit", f"how many, brought into 1 to {most}", default=default)


def header(name: str, about: str, required: bool = False, **schema: object) -> Param:
    return Param(name, about, {"type": "string", **schema}, "header", required)


def acted(action: str, who: str, about: str, example: Json) -> Row:
    body, answer = moderation.ACTIONS[action]
    route, example = f"POST /api/moderation/{{slug}}/{action}", {"user_id": 9, **example}
    return Row(action, route, who, about, answer, 200, body, example, "member_not_found")


STATUS = Param("status", "one or more of active, lost, left, banned, with commas between", {
    "type": "string", "default": "active,lost",
    "pattern": "^(active|lost|left|banned)?(,(active|lost|left|banned)?)*$"})
TUS = header("Tus-Resumable", "the version of tus", True, const=VERSION)
LENGTH = header("Upload-Length", "bytes; known at the beginning, or said with the last piece", pattern="^[0-9]{1,15}$")
CHECKSUM = header("Upload-Checksum", "sha1 or sha256, a space, and the checksum of this body in base64")
CONCAT = header("Upload-Concat", "`partial`, or `final;` and the addresses of the parts with spaces between")
STANDS = ("Tus-Resumable", "Upload-Offset", "Upload-Expires")
KNOWN = header("If-None-Match", "the ETag of what is known already")
WHICH = whole("key_epoch", "the key epoch; left out: the present one")
ONE_TUS = "/api/recordings/{slug}/tus/{upload_id}"
CAN = ("Tus-Resumable", "Tus-Version", "Tus-Extension", "Tus-Checksum-Algorithm", "Tus-Max-Size")

PEOPLE = (
    Row("guest", "POST /api/auth/guest", "any", "A new guest; or, with a token, a fresh token for the same user",
        shapes.GuestPass, 201, auth.Guest, {"nickname": "Ann"}, "rate_limited"),
    Row("create_user", "POST /api/users", "any", "A new user with a public key",
        shapes.UserPass, 201, users.NewUser, {"nickname": "Ann"}, "rate_limited bad_public_key"),
    Row("me", "GET /api/users/me", "user", "The user whose token it is", User),
    Row("change_me", "PATCH /api/users/me", "user", "Changes one's own profile",
        User, 200, users.Profile, {"nickname": "Anna"}, "bad_public_key"),
    Row("user", "GET /api/users/{id}", "user", "A user", User, refused="user_not_found"),
    Row("change_user", "PATCH /api/users/{id}", "self", "Changes one's own profile",
        User, 200, users.Profile, {"nickname": "Anna", "public_key_pem": None}, "bad_public_key"),
    Row("upload_avatar", "POST /api/users/{id}/avatar", "self", "One's own picture", shapes.AvatarShown, 200, PICTURE),
    Row("put_device_key", "PUT /api/users/me/device_key", "user", "One's own device key; null takes it away",
        shapes.DeviceKeyKept, 200, device_keys.DeviceKey, {"x25519_b64": X25519}, "user_not_found"),
    Row("export", "GET /api/users/me/export", "user", "All that there is of oneself", shapes.Dossier,
        refused="user_not_found overloaded"),
    Row("erase", "DELETE /api/users/me", "user", "Oneself is gone for good", shapes.Erased, refused="user_not_found"),
)
ROOMS = (
    Row("create_room", "POST /api/rooms", "user", "A new room, owned by the caller",
        shapes.RoomShown, 201, rooms.NewRoom, {"title": "Tea", "slug": SLUG, "create_invite": True},
        "slug_taken quota_exceeded room_not_found"),
    Row("rooms", "GET /api/rooms", "any", "The public rooms, newest first", shapes.RoomPage,
        params=(limit(100, 50), whole("cursor", "`next_cursor` of the page before"))),
    Row("room", "GET /api/rooms/{slug}", "any", "A room, as much of it as the asker may see",
        (shapes.RoomShown, shapes.PrivateRoom), refused="room_not_found"),
    Row("change_room", "PATCH /api/rooms/{slug}", "owner", "Changes a room, or makes a new invite key",
        shapes.RoomShown, 200, rooms.Changes, {"title": "High tea"}),
    Row("delete_room", "DELETE /api/rooms/{slug}", "owner", "Room, history and files are gone", shapes.Done),
    Row("room_exists", "GET /api/rooms/{slug}/exists", "any", "Is there such a room?", shapes.Existence),
    Row("room_by_invite", "POST /api/rooms/join/by-invite", "user", "The room that an invite key opens",
        shapes.RoomShown, 200, rooms.Invitation, {"invite_key": "mS0f3uJ6zR1vQx8Yt2LwKd9PbN4cHe7A"},
        "invite_required_or_invalid too_many_attempts room_not_found"),
    Row("upload_cover", "POST /api/covers/{slug}/upload", "mod", "The picture of a room",
        shapes.CoverShown, 200, PICTURE),
    Row("cover", "GET /api/covers/{slug}", "any", "The address of the cover", shapes.CoverShown,
        refused="room_not_found cover_not_found"),
    Row("delete_cover", "DELETE /api/covers/{slug}", "mod", "Takes the cover away", shapes.Done,
        refused="cover_not_found"),
)
MEMBERS = (
    Row("participants", "GET /api/participants/{slug}", "member", "Who is there, or has been",
        shapes.ParticipantList, params=(STATUS,), refused="bad_payload"),
    Row("join", "POST /api/participants/{slug}/join", "entering", "Comes in without a socket",
        shapes.ParticipantShown, 200, participants.Entrance, {},
        "invite_required_or_invalid too_many_attempts room_locked draining"),
    Row("heartbeat", "POST /api/participants/{slug}/heartbeat", "inside", "Stays for another 45 seconds",
        shapes.ParticipantShown, 200, participants.Nothing, {}),
    Row("leave", "POST /api/participants/{slug}/leave", "inside", "Ends the stay",
        shapes.ParticipantShown, 200, participants.Nothing, {}),
    acted("promote_admin", "owner", "Makes a guest an admin", {}),
    acted("demote_admin", "owner", "Makes an admin a guest", {}),
    acted("kick", "mod", "Throws a member out, and keeps it out", {"ban_sec": 0, "reason": "noise"}),
    acted("unban", "mod", "Lifts a ban", {}),
    acted("force_mute", "mod", "Mutes a member, or takes that back", {"muted": True, "reason": "noise"}),
    acted("force_video", "mod", "Turns a member's video off, or takes that back", {"video_off": True}),
    acted("speak", "mod", "The right to speak while everyone is muted", {"can_speak": True}),
    Row("bans", "GET /api/moderation/{slug}/bans", "mod", "Who is kept out", shapes.BanList),
    Row("moderation_log", "GET /api/moderation/{slug}/log", "mod", "What moderators did, newest first", shapes.DeedList,
        params=(whole("before", "only what has a smaller `seq`"), limit(200, 50))),
    Row("state", "GET /api/state/{slug}", "member", "The snapshot", Snapshot),
    Row("set_topic", "POST /api/state/{slug}/set_topic", "mod", "What it is about",
        shapes.Settings, 200, state.Topic, {"topic": "Biscuits"}),
    Row("set_lock", "POST /api/state/{slug}/set_lock", "mod", "Lets nobody in who is outside",
        shapes.Settings, 200, state.Value, {"value": False}),
    Row("set_mute_all", "POST /api/state/{slug}/set_mute_all", "mod", "Mutes all guests",
        shapes.Settings, 200, state.Value, {"value": True}),
)
HISTORY = (
    Row("chat", "GET /api/chat/{slug}", "member", "Messages exactly as they were sent live, newest last",
        shapes.ChatPage,
        params=(limit(200, 50), whole("before_id", "only what has a smaller `id`"))),
    Row("post_message", "POST /api/chat/{slug}", "inside", "Says something", ChatPosted, 201, chat.NewMessage,
        {"text": "hello", "cid": "m-17"},
        "muted_by_admin mute_all empty_message message_too_long forbidden_words rate_limited message_not_found"),
    Row("delete_message", "DELETE /api/chat/{slug}/{id}", "mod", "The text is gone; for its author and moderators",
        shapes.Done, refused="message_not_found member_not_found"),
    Row("sync", "GET /api/sync/{slug}", "member", "Catches up: a page of events, or a reset",
        (shapes.EventPage, shapes.Reset), params=(
            whole("after_seq", "the last event that is known", default=0), limit(1000, 200),
            Param("epoch", "which history that number belongs to"))),
)
KEYS = (
    Row("rtc_config", "GET /api/rtc/config", "any", "What to give to RTCPeerConnection", media.RtcConfig),
    Row("keys", "GET /api/crypto/{slug}", "member", "How the room's key stands", media.KeyStanding),
    Row("init_key", "POST /api/crypto/{slug}/init", "mod", "A key made by the server, wrapped for all inside",
        media.KeyDistributed, 201, participants.Nothing, {}, "epoch_conflict"),
    Row("begin_epoch", "POST /api/crypto/{slug}/epochs", "inside", "A key made in a browser, wrapped for all inside",
        media.KeyNamed, 201, crypto.NewEpoch, {"key_epoch": 2, "shares": [{"user_id": 7, "wrapped_key_b64": WRAP}]},
        "forbidden epoch_conflict member_set_mismatch"),
    Row("share_key", "POST /api/crypto/{slug}/epochs/{key_epoch}/shares", "inside", "The present key for newcomers",
        media.KeyNamed, 201, crypto.Shares, {"shares": [{"user_id": 9, "wrapped_key_b64": WRAP}]},
        "forbidden epoch_conflict stale_epoch member_set_mismatch key_not_found"),
    Row("my_key", "GET /api/crypto/{slug}/my_key", "member", "One's own share of a key", media.MyKey,
        params=(WHICH,), refused="key_not_found"),
)
RECORDINGS = (
    Row("upload_recording", "POST /api/recordings/{slug}/upload", "member", "A recording in one piece",
        media.RecordingShown, 201, RECORDING, refused="quota_exceeded"),
    Row("recordings", "GET /api/recordings/{slug}", "member", "The recordings, newest first", media.RecordingList),
    Row("delete_recording", "DELETE /api/recordings/{slug}/{rec_id}", "mod", "For its uploader and moderators",
        shapes.Done, refused="recording_not_found"),
    Row("tus_options", "OPTIONS /api/recordings/{slug}/tus", "open", "What uploads in pieces can do here",
        status=204, refused="forbidden", headers=CAN),
    Row("tus_create", "POST /api/recordings/{slug}/tus", "member", f"Begins an upload in pieces (tus: {EXTENSIONS})",
        None, 201, Raw(STREAM), refused="bad_payload unsupported_media_type tus_version too_large quota_exceeded "
        "rate_limited recording_not_found offset_conflict checksum_mismatch", headers=("Location", *STANDS), params=(
            TUS, LENGTH, CHECKSUM, CONCAT, header("Upload-Defer-Length", "1: the length is said later", const="1"),
            header("Upload-Metadata", "title, duration_sec, filename: `key base64,key base64`"))),
    Row("tus_one_options", f"OPTIONS {ONE_TUS}", "open", "What uploads in pieces can do here",
        status=204, refused="forbidden", headers=CAN),
    Row("tus_look", f"HEAD {ONE_TUS}", "member", "How far an upload has come",
        headers=(*STANDS, "Upload-Length", "Upload-Defer-Length", "Upload-Metadata", "Upload-Concat"), params=(TUS,),
        refused="recording_not_found tus_version storage_full overloaded unsupported_media_type"),
    Row("tus_go_on", f"PATCH {ONE_TUS}", "member", "The next piece", None, 204, Raw(STREAM), headers=STANDS,
        refused="recording_not_found tus_version forbidden offset_conflict checksum_mismatch quota_exceeded too_large "
        "rate_limited unsupported_media_type bad_payload", params=(
            TUS, LENGTH, CHECKSUM, header("Upload-Offset", "where it begins", True, pattern="^[0-9]{1,15}$"))),
    Row("tus_give_up", f"DELETE {ONE_TUS}", "member", "Gives an upload up", status=204, headers=("Tus-Resumable",),
        params=(TUS,), refused="recording_not_found tus_version"),
    Row("recording_file", "GET /static/records/{slug}/{name}", "member", "A recording, by its file_url or with a token",
        ANY, refused="recording_not_found", also=(206, 304, 412, 416), params=(
            Param("u", "of a file_url"), Param("e", "of a file_url"), Param("s", "of a file_url: its signature"))),
)
SERVER = (
    Row("livez", "GET /livez", "open", "The process is alive", shapes.Done),
    Row("readyz", "GET /readyz", "open", "It may be sent people", shapes.Readiness,
        refused="draining storage_full storage_unavailable"),
    Row("metrics", "GET /metrics", "open", "Figures for Prometheus", TEXT),
    Row("socket", "GET /ws/rooms/{slug}", "open", "The socket: see /asyncapi.json", None, 101,
        refused="forbidden bad_request upgrade_required", params=(
            Param("token", "the token, where it cannot come as a header or a subprotocol"),
            Param("invite_key", "of a private room"), whole("after_seq", "the last event that is known"),
            Param("epoch", "which history that number belongs to"))),
    Row("page", "GET /", "open", "The page", HTML, also=(304,), params=(KNOWN,)),
    Row("room_page", "GET /r/{slug}", "open", "The page of a room", HTML, also=(304,), params=(KNOWN,)),
    Row("file", "GET /static/{path}", "open", "What the page is made of", ANY, also=(304,), params=(KNOWN,),
        refused="not_found"),
    Row("avatar_file", "GET /static/avatars/{name}", "open", "The picture of a person", Raw("image/webp"),
        also=(206, 304, 412, 416), refused="not_found"),
    Row("cover_file", "GET /static/covers/{name}", "open", "The picture of a room", Raw("image/webp"),
        also=(206, 304, 412, 416), refused="not_found"),
    Row("docs", "GET /docs", "open", "This document, to be read and tried out", HTML, also=(304,), params=(KNOWN,)),
    Row("socket_docs", "GET /docs/socket", "open", "The socket, to be read", HTML, also=(304,), params=(KNOWN,)),
    Row("protocol", "GET /docs/protocol", "open", "The whole protocol in words", TEXT, also=(304,), params=(KNOWN,)),
    Row("openapi", "GET /openapi.json", "open", "This document", JSON, also=(304,), params=(KNOWN,)),
    Row("asyncapi", "GET /asyncapi.json", "open", "The socket as AsyncAPI", JSON, also=(304,), params=(KNOWN,)),
)
TABLE = (*PEOPLE, *ROOMS, *MEMBERS, *HISTORY, *KEYS, *RECORDINGS, *SERVER)
UNLISTED = {"OPTIONS /api/{path}"}
"""What browsers ask before a page of another origin may ask anything (CORS)."""

PATH: dict[str, Json] = {
    "slug": {"type": "string", "pattern": "^[a-z0-9]([a-z0-9-]{0,62}[a-z0-9])?$", "example": SLUG},
    "id": {"type": "integer", "minimum": 1, "maximum": c.MAX_ID, "example": 7},
    "key_epoch": {"type": "integer", "minimum": 1, "maximum": c.MAX_ID, "example": 2},
    "rec_id": {"type": "integer", "minimum": 1, "maximum": c.MAX_ID, "example": 72},
    "upload_id": {"type": "string", "minLength": 1},
    "name": {"type": "string", "minLength": 1},
    "path": {"type": "string", "minLength": 1, "example": "icon.svg"},
}
