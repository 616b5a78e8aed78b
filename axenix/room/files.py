"""Covers and recordings as the room knows them: that they are there, and who may change that. Rules of `decide.py`.

The files themselves are in place before the room hears of them, and are removed after it has forgotten them.
"""

from __future__ import annotations

from axenix.errors import Refused
from axenix.room import commands as c
from axenix.room import events as e
from axenix.room.permits import Case, member, moderator

RECORDINGS = 1000
"""Of one room: each is kept in memory while the room is awake."""
SERVER = 0
"""The user id of the server itself: the sweeper, when a time to live is over."""


def change_cover(case: Case, command: c.ChangeCover) -> list[e.Event]:
    if command.cover_url == case.room.cover_url:
        return []
    return [e.CoverChanged(cover_url=command.cover_url, by_user=case.who.user_id)]


def add_recording(case: Case, command: c.AddRecording) -> list[e.Entry]:
    if len(case.room.recordings) >= RECORDINGS:
        raise Refused("quota_exceeded", f"A room has at most {RECORDINGS} recordings; delete some first.")
    added = e.RecordingAdded(
        title=command.title, duration_sec=command.duration_sec, size=command.size, mime=command.mime,
        sha256=command.sha256, uploader_user_id=case.who.user_id, expires_at=command.expires_at,
    )
    return [e.Entry(added, e.Aside(name=command.name))]


def delete_recording(case: Case, command: c.DeleteRecording) -> list[e.Event]:
    asker = case.who.user_id
    if asker != SERVER:
        member(case)
    recording = case.room.recordings.get(command.id)
    if recording is None:
        raise Refused("recording_not_found")
    if asker not in (SERVER, recording.uploader_user_id):
        moderator(case)
    return [e.RecordingDeleted(id=command.id, by_user=asker or None)]
