"""What people write: names, chat lines, the word filter and the addresses of rooms. Text in, text out.

Knows Unicode; knows no room, no HTML and no chance (the random part of an address is handed in).
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Collection
from functools import lru_cache

from axenix.errors import Refused

NOBODY = "Deleted user"
"""The name of everybody who was erased."""
CHAT_LIMIT = 4000

SLUG = re.compile(r"^[a-z0-9](?:[a-z0-9-]{0,62}[a-z0-9])?$(?!\n)")
"""The address of a room. The end is guarded because Python's `$` also matches before a last line feed."""

_CONTROLS = re.compile("[\0-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")
"""Controls, line and paragraph separators, and lone surrogates, which no UTF-8 can carry."""

_CHAT_CONTROLS = re.compile("[\0-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff]")
"""The same for chat, where tabs and lines are text."""

_BIDI = re.compile("[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]")
"""Marks, overrides and isolates that reorder what stands beside a name. Letters bring their own direction."""

_INVISIBLE = re.compile("[\xad\u034f\u061c\u115f\u1160\u180b-\u180f\u200b-\u200f\u202a-\u202e\u2060-\u206f"
                        "\u3164\ufe00-\ufe0f\ufeff\uffa0\U000e0000-\U000e0fff]")
"""What Unicode says to draw as nothing (Default_Ignorable_Code_Point)."""

_COMPOSED = 4
"""So many code points become one when they are composed, at most."""

_MARKS = 30
"""Marks on one letter: no language needs more (UAX 15, Stream-Safe), and to sort n of them takes n times n steps."""

_CYRILLIC = str.maketrans(
    dict(zip("абвгґдезиіійклмнопрстуўфцыэћјђ", "abvggdeziiijklmnoprstuufcyecjd"))
    | dict(ё="yo", ж="zh", й="y", х="kh", ц="ts", ч="ch", ш="sh", щ="shch", ъ="", ь="", ю="yu", я="ya", є="ye",
           ї="yi", љ="lj", њ="nj", џ="dz", ђ="dj", ғ="gh", қ="q", ң="ng", ө="o", ұ="u", ү="u", һ="h", ә="a")
)


def clean_name(raw: str, limit: int, field: str, least: int = 1) -> str:
    """A nickname, title or topic: one line that cannot disturb what stands beside it.

    Composed (NFC), so that one name typed on two systems is one name; not NFKC, which would redraw what people chose.
    """
    name = _BIDI.sub("", _CONTROLS.sub("", raw)).strip()
    if len(name) <= limit * _COMPOSED:  # what is longer stays too long, and composing it may take half a minute
        name = unicodedata.normalize("NFC", name).strip()
    if not _visible(name):
        name = ""
    if not least <= len(name) <= limit:
        raise Refused("bad_payload", f"`{field}` must have {least} to {limit} characters that can be seen.")
    return name


def clean_chat(raw: str) -> str:
    text = raw.strip()
    if not text.isprintable():  # nearly everything is, and then there is nothing to take out
        text = _CHAT_CONTROLS.sub("", text.replace("\r\n", "\n").replace("\r", "\n")).strip()
    if not text or not (text.isascii() or _visible(text)):
        raise Refused("empty_message")
    if len(text) > CHAT_LIMIT:
        raise Refused("message_too_long", f"A message has at most {CHAT_LIMIT} characters; this one has {len(text)}.")
    return text


def contains_banned(text: str, words: Collection[str]) -> bool:
    """Whether any of the words is in the text, also inside another word, in other case, width or with gaps unseen."""
    if not words:
        return False
    plain = _plain(text)
    return any(word and word in plain for word in map(_plain_word, words))


def slug_from_title(title: str, random_suffix: str) -> str:
    """An address that can be read aloud and not be guessed. The suffix: 1 to 32 of a-z and 0-9."""
    if not re.fullmatch("[a-z0-9]{1,32}", random_suffix):
        raise ValueError(f"no suffix for an address: {random_suffix!r}")
    latin = unicodedata.normalize("NFC", title).lower().translate(_CYRILLIC)
    letters = unicodedata.normalize("NFKD", latin).encode("ascii", "ignore").decode().lower()
    words = re.sub("[^a-z0-9]+", "-", letters)[:63 - len(random_suffix)].strip("-")
    return f"{words}-{random_suffix}" if words else random_suffix


def _visible(text: str) -> bool:
    return bool((text if text.isascii() else _INVISIBLE.sub("", text)).strip())


def _plain(text: str) -> str:
    """What the eye takes it for: without case, width and other forms of the same letters (UAX 15, NFKC)."""
    folded = unicodedata.normalize("NFKC", _few_marks(_INVISIBLE.sub("", text))).casefold()
    return unicodedata.normalize("NFKC", folded)


def _few_marks(text: str) -> str:
    if text.isascii() or len(text) <= _MARKS:
        return text
    kept, marks = [], 0
    for letter in text:
        marks = marks + 1 if unicodedata.combining(letter) else 0
        if marks <= _MARKS:
            kept.append(letter)
    return "".join(kept)


@lru_cache(maxsize=4096)
def _plain_word(word: str) -> str:
    return _plain(word).strip()
