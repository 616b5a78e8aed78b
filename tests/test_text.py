"""Text: what names, chat lines and addresses of rooms look like once they are let in."""

from __future__ import annotations

import re
import time
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from axenix.errors import Refused
from axenix.room.text import SLUG, clean_chat, clean_name, contains_banned, slug_from_title

ANY_TEXT = st.text(st.characters(codec=None))
"""Lone surrogates too."""


def refusal(clean: object, *args: object) -> Refused:
    with pytest.raises(Refused) as no:
        clean(*args)  # type: ignore[operator]
    return no.value


# ---- names -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("raw, clean", [
    ("Anna", "Anna"), ("  Anna  ", "Anna"), ("Анна Ахматова", "Анна Ахматова"), ("a  b", "a  b"), ("日本語", "日本語"),
    ("\0A\x1bn\x7fn\x85a\n", "Anna"), ("\u202eannA\u202c", "annA"), ("\u2066A\u2069\u200e\u200f\u061c", "A"),
    ("\ud800A\udfff", "A"), ("A\u2028B", "AB"), ("\u00a0A\u3000", "A"), ("👩\u200d👩\u200d👧", "👩\u200d👩\u200d👧"),
    ("می\u200cخواهم", "می\u200cخواهم"), ("\u202e A", "A"), ("ﬁ①", "ﬁ①"),
])
def test_a_name_is_trimmed_and_holds_nothing_that_disturbs_its_neighbours(raw: str, clean: str) -> None:
    assert clean_name(raw, 80, "nickname") == clean


def test_a_name_typed_on_two_systems_is_one_name() -> None:
    assert clean_name("И\u0306осиф", 80, "nickname") == clean_name("Йосиф", 80, "nickname") == "Йосиф"


@pytest.mark.parametrize("raw", ["", " ", "\n\0", "\u202e", "\u200b", "\u200b \ufeff", "\u3164", "a" * 81])
def test_a_nickname_has_1_to_80_characters_that_can_be_seen(raw: str) -> None:
    no = refusal(clean_name, raw, 80, "nickname")
    assert (no.reason, no.status) == ("bad_payload", 422)
    assert "`nickname`" in no.detail and "1 to 80" in no.detail


def test_a_name_as_long_as_a_body_may_be_costs_no_time() -> None:
    began = time.process_time()
    for raw in ("a" + "\u0315\u0300" * 40_000, "щ" * 130_000, "\x01" * 250_000, "e\u0301" * 80_000):
        with pytest.raises(Refused):
            clean_name(raw, 80, "nickname")
    assert time.process_time() - began < 0.3


def test_a_letter_may_be_written_as_all_that_it_is_composed_of() -> None:
    assert clean_name("\u03b1\u0313\u0300\u0345" * 80, 80, "nickname") == "\u1f82" * 80


def test_length_is_counted_after_cleaning() -> None:
    assert clean_name(" " * 100 + "\0" * 100 + "a" * 80, 80, "nickname") == "a" * 80


def test_marks_without_end_cost_no_time() -> None:
    """To put n marks in order takes n times n steps: half a minute for as many as a body holds."""
    began = time.process_time()
    with pytest.raises(Refused):
        clean_name("a" + "\u0315\u0300" * 60_000, 500, "nickname")
    assert not contains_banned("a" + "\u0315\u0300" * 60_000, ["bad"])
    assert time.process_time() - began < 2
    assert contains_banned("b" + "\u0300" * 20 + "ad", ["b" + "\u0300" * 20 + "AD"])


def test_a_name_that_was_typed_in_pieces_may_be_as_long_as_another() -> None:
    typed = unicodedata.normalize("NFD", "\u1f82" * 80)
    assert len(typed) == 320 and clean_name(typed, 80, "nickname") == "\u1f82" * 80


def test_a_topic_may_be_empty() -> None:
    assert clean_name(" \u200b ", 200, "topic", least=0) == ""
    assert clean_name("a" * 200, 200, "topic", least=0) == "a" * 200
    assert "`topic`" in refusal(clean_name, "a" * 201, 200, "topic", 0).detail


@given(ANY_TEXT)
def test_a_clean_name_is_clean_and_stays_as_it_is(raw: str) -> None:
    name = clean_name(raw, 10**6, "title", least=0)
    assert clean_name(name, 10**6, "title", least=0) == name == name.strip()
    assert not any(unicodedata.category(letter) in ("Cc", "Cs", "Zl", "Zp") for letter in name)
    assert not any(unicodedata.bidirectional(letter) in ("LRE", "RLE", "PDF", "LRO", "RLO", "LRI", "RLI", "FSI", "PDI")
                   for letter in name)
    name.encode()


# ---- chat ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("raw, clean", [
    ("hi", "hi"), ("  hi\n", "hi"), ("one\ntwo\tthree", "one\ntwo\tthree"), ("one\r\ntwo\rthree", "one\ntwo\nthree"),
    ("\0h\x07i\x1b[31m\x9f", "hi[31m"), ("\ud83dhi", "hi"), ("<b>&amp;", "<b>&amp;"), ("שלום", "שלום"), ("👍🏽", "👍🏽"),
])
def test_a_message_keeps_its_lines_and_loses_its_controls(raw: str, clean: str) -> None:
    assert clean_chat(raw) == clean


@pytest.mark.parametrize("raw", ["", "   ", "\n\r\n", "\0\x01", "\u200b", "\u00a0", "\ud800"])
def test_a_message_without_text_is_refused(raw: str) -> None:
    assert refusal(clean_chat, raw).reason == "empty_message"


def test_a_message_has_at_most_4000_characters() -> None:
    assert clean_chat("я" * 4000 + "  ") == "я" * 4000
    no = refusal(clean_chat, "я" * 4001)
    assert no.reason == "message_too_long" and "4000" in no.detail and "4001" in no.detail


@given(ANY_TEXT)
def test_a_clean_message_is_clean_and_stays_as_it_is(raw: str) -> None:
    try:
        text = clean_chat(raw)
    except Refused as no:
        assert no.reason == "empty_message"
        return
    assert clean_chat(text) == text == text.strip()
    assert not any(unicodedata.category(letter) in ("Cc", "Cs") and letter not in "\n\t" for letter in text)
    text.encode()


# ---- the word filter -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("text", [
    "spam", "SPAM", "no spamming", "Spam!", "ｓｐａｍ", "s\u200bp\u00adam", "𝓼𝓹𝓪𝓶", "ſpam", "sp\u034fam", "xspamx",
    "s\ufe0fpam",
])
def test_a_banned_word_is_found_in_every_plain_disguise(text: str) -> None:
    assert contains_banned(text, ["other", "spam"])


@pytest.mark.parametrize("text, word", [
    ("Хлам", "хЛАМ"), ("STRASSE", "straße"), ("straße", "STRASSE"), ("ИЙ\u0306", "ий\u0306"), ("plain spam", "ＳＰＡＭ"),
    ("two  bad words here", " bad words "), ("café", "cafe\u0301"),
])
def test_words_and_text_are_compared_in_the_same_form(text: str, word: str) -> None:
    assert contains_banned(text, (word,))


@pytest.mark.parametrize("text", ["", "s p a m", "ham", "мир", "spa\nm"])
def test_other_text_passes(text: str) -> None:
    assert not contains_banned(text, ["spam"])
    assert not contains_banned(text, [])


def test_an_empty_word_bans_nothing() -> None:
    assert not contains_banned("anything", ["", " ", "\u200b"])


WORDS = st.text("abcdeшщжяßéＡ", min_size=1, max_size=8)


@given(WORDS, WORDS, WORDS)
def test_a_part_of_a_word_counts(before: str, word: str, after: str) -> None:
    assert contains_banned(before + word.upper() + after, [word])
    assert contains_banned(before + "\u200b".join(word) + after, [word])


@given(ANY_TEXT)
def test_whatever_can_be_seen_can_be_banned(text: str) -> None:
    assert contains_banned(text, [text]) or refusal(clean_chat, text).reason == "empty_message"


# ---- addresses of rooms ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("title, slug", [
    ("Team Meeting", "team-meeting-x7"), ("Планёрка отдела", "planyorka-otdela-x7"), ("Щи & борщ!", "shchi-borshch-x7"),
    ("Зустріч у Києві", "zustrich-u-kiyevi-x7"), ("Café Über", "cafe-uber-x7"), ("日本語", "x7"), ("", "x7"),
    ("---", "x7"), ("../etc/passwd", "etc-passwd-x7"), ("И\u0306од", "yod-x7"), ("Подъезд №5", "podezd-no5-x7"),
    ("ĲK", "ijk-x7"),
])
def test_a_slug_can_be_read_aloud(title: str, slug: str) -> None:
    assert slug_from_title(title, "x7") == slug


@given(ANY_TEXT | st.text("абвгдеёжщ -a"), st.from_regex("[a-z0-9]{1,32}", fullmatch=True))
def test_a_slug_is_always_an_address(title: str, suffix: str) -> None:
    slug = slug_from_title(title, suffix)
    assert SLUG.search(slug) and len(slug) <= 64 and slug.endswith(suffix)


def test_a_long_title_is_cut_and_still_makes_an_address() -> None:
    assert slug_from_title("a" * 300, "x7") == "a" * 61 + "-x7"
    assert slug_from_title("a" * 60 + " b", "x7") == "a" * 60 + "-x7"


@pytest.mark.parametrize("suffix", ["", "-", "A", "a" * 33, "a\n", "é"])
def test_a_suffix_that_makes_no_address_is_a_mistake_of_the_program(suffix: str) -> None:
    with pytest.raises(ValueError):
        slug_from_title("title", suffix)


@pytest.mark.parametrize("slug", ["a", "0", "a-b", "a--b", "a" * 64])
def test_addresses(slug: str) -> None:
    assert SLUG.search(slug)


@pytest.mark.parametrize("slug", [
    "", "-", "-a", "a-", "A", "a b", "a_b", "../x", "a/b", "a\n", "a\0", "é", "*", "a" * 65,
])
def test_no_addresses(slug: str) -> None:
    assert not SLUG.search(slug)


@given(st.text("ab-Z\n", max_size=70))
def test_an_address_is_what_the_protocol_says(slug: str) -> None:
    expected = bool(re.fullmatch("[a-z0-9](?:[a-z0-9-]{0,62}[a-z0-9])?", slug))
    assert bool(SLUG.search(slug)) == bool(SLUG.match(slug)) == bool(SLUG.fullmatch(slug)) == expected
