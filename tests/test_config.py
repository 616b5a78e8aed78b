"""Options: one table, the command line before the environment, and a clear no at the start."""

from __future__ import annotations

from dataclasses import FrozenInstanceError
from ipaddress import ip_network
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from axenix.config import OPTIONS, Config, Option, markdown_table
from axenix.written import Bucket, Rate

SECRET = "0123456789abcdef0123456789abcdef"


def refusal(capsys: pytest.CaptureFixture[str], argv: list[str], environ: dict[str, str]) -> str:
    with pytest.raises(SystemExit) as stopped:
        Config.load(argv, environ)
    assert stopped.value.code == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.startswith("axenix: ") and said.err.count("\n") == 1
    return said.err


def test_with_nothing_given_the_defaults_are_those_of_the_protocol() -> None:
    config = Config.load([], {})
    assert config == Config()
    assert (config.host, config.port, config.data_dir) == ("127.0.0.1", 8088, Path("data"))
    assert (config.chat_rate, config.message_rate, config.signal_rate) == (Rate(5, 10), Bucket(50, 100),
                                                                           Bucket(200, 1000))
    assert (config.max_behind, config.reconnect_grace, config.event_retention) == (1024 * 1024, 10.0, 0)
    assert config.token_ttl == 30 * 24 * 3600
    assert (config.public_url, config.jwt_secret, config.turn_secret) == (None, None, None)
    assert config.allowed_origins == config.trusted_proxies == config.banned_words == config.turn_urls == ()


def test_every_option_is_a_flag_an_environment_variable_and_a_line_of_the_help(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with pytest.raises(SystemExit) as stopped:
        Config.load(["--help"], {})
    assert stopped.value.code == 0
    text = capsys.readouterr().out
    for option in OPTIONS:
        assert option.flag in text and option.env in text and option.env in markdown_table()
    assert text.isascii(), "consoles exist that can show nothing else"


@pytest.mark.parametrize("option", OPTIONS, ids=lambda option: option.name)
def test_a_default_can_be_written_down_and_means_the_same(option: Option) -> None:
    assert Config.load([option.flag, option.default], {}) == Config()
    assert Config.load([], {option.env: option.default}) == Config()


def test_the_command_line_wins_over_the_environment() -> None:
    config = Config.load(["--port", "1"], {"AXENIX_PORT": "2", "AXENIX_HOST": "0.0.0.0"})
    assert (config.port, config.host) == (1, "0.0.0.0")


def test_other_variables_are_none_of_its_business() -> None:
    assert Config.load([], {"PORT": "1", "AXENIX_SOMETHING_ELSE": "2", "axenix_port": "3"}) == Config()


def test_values_are_typed() -> None:
    config = Config.load([], {
        "AXENIX_DATA_DIR": "/srv/axenix", "AXENIX_PUBLIC_URL": "https://meet.example.org/", "AXENIX_JWT_SECRET": SECRET,
        "AXENIX_ALLOWED_ORIGINS": "https://A.example, capacitor://localhost/ ,", "AXENIX_CHAT_RATE": "7/20",
        "AXENIX_TRUSTED_PROXIES": "127.0.0.1,10.1.2.3/8,2001:db8::/32", "AXENIX_RECONNECT_GRACE": "0.5",
        "AXENIX_SIGNAL_RATE": "1/2", "AXENIX_BANNED_WORDS": "One, two words,,Ёж ", "AXENIX_GUEST_RATE": "0",
        "AXENIX_STUN_URLS": "", "AXENIX_TURN_URLS": "turn:t.example:3478?transport=udp,turns:t.example",
        "AXENIX_TURN_SECRET": "shared",
    })
    assert config.data_dir == Path("/srv/axenix")
    assert config.public_url == "https://meet.example.org"
    assert config.jwt_secret == SECRET.encode()
    assert config.allowed_origins == ("https://a.example", "capacitor://localhost")
    assert config.chat_rate == Rate(7, 20)
    assert config.trusted_proxies == (
        ip_network("127.0.0.1/32"), ip_network("10.0.0.0/8"), ip_network("2001:db8::/32"))
    assert config.reconnect_grace == 0.5
    assert config.signal_rate == Bucket(1, 2)
    assert config.banned_words == ("One", "two words", "Ёж")
    assert config.guest_rate == 0
    assert config.stun_urls == ()
    assert config.turn_urls == ("turn:t.example:3478?transport=udp", "turns:t.example")
    assert config.turn_secret == "shared"


@pytest.mark.parametrize("name", ["AXENIX_CHAT_RATE", "AXENIX_MESSAGE_RATE", "AXENIX_SIGNAL_RATE"])
def test_a_rate_of_0_is_off(name: str) -> None:
    assert getattr(Config.load([], {name: "0"}), name.removeprefix("AXENIX_").lower()) is None


@pytest.mark.parametrize("name, value, right", [
    ("AXENIX_PORT", "http", "a whole number from 0 to 65535"),
    ("AXENIX_PORT", "65536", "a whole number from 0 to 65535"),
    ("AXENIX_PORT", "-1", "a whole number from 0 to 65535"),
    ("AXENIX_PORT", "", "a whole number from 0 to 65535"),
    ("AXENIX_PORT", "８０", "a whole number from 0 to 65535"),
    ("AXENIX_PORT", "1_000", "a whole number from 0 to 65535"),
    ("AXENIX_PORT", "9" * 5000, "a whole number from 0 to 65535"),
    ("AXENIX_TOKEN_TTL", "0", "a whole number from 1"),
    ("AXENIX_HOST", " ", "something that is not empty"),
    ("AXENIX_DATA_DIR", "", "something that is not empty"),
    ("AXENIX_RECONNECT_GRACE", "nan", "seconds, such as 10 or 2.5"),
    ("AXENIX_RECONNECT_GRACE", "-1", "seconds, such as 10 or 2.5"),
    ("AXENIX_CHAT_RATE", "5", "messages/seconds, such as 5/10; or 0"),
    ("AXENIX_CHAT_RATE", "5/0", "messages/seconds, such as 5/10; or 0"),
    ("AXENIX_MESSAGE_RATE", "0/100", "per second/burst, such as 50/100; or 0"),
    ("AXENIX_SIGNAL_RATE", "5/10/2", "per second/burst"),
    ("AXENIX_ALLOWED_ORIGINS", "meet.example.org", "origins such as https://"),
    ("AXENIX_ALLOWED_ORIGINS", "https://meet.example.org/path", "origins such as https://"),
    ("AXENIX_TRUSTED_PROXIES", "localhost", "addresses or networks"),
    ("AXENIX_PUBLIC_URL", "meet.example.org", "an address such as https://"),
    ("AXENIX_STUN_URLS", "stun.example.org", "stun:"),
    ("AXENIX_TURN_URLS", "stun:stun.example.org", "turn:"),
    ("AXENIX_ICE_POLICY", "relays", "one of all, relay"),
    ("AXENIX_ICE_POLICY", "relay", "needs AXENIX_TURN_URLS"),
    ("AXENIX_JWT_SECRET", "short", "at least 32 bytes"),
])
def test_a_wrong_value_is_refused_with_one_line_that_says_what_is_right(
    name: str, value: str, right: str, capsys: pytest.CaptureFixture[str],
) -> None:
    said = refusal(capsys, [], {name: value})
    assert name in said and right in said


def test_blanks_around_a_value_do_no_harm() -> None:
    config = Config.load([], {"AXENIX_PORT": " 80\n", "AXENIX_SIGNAL_RATE": "5/10 ", "AXENIX_RECONNECT_GRACE": " 1 "})
    assert (config.port, config.signal_rate, config.reconnect_grace) == (80, Bucket(5, 10), 1.0)


def test_a_wrong_flag_is_called_by_its_own_name(capsys: pytest.CaptureFixture[str]) -> None:
    assert "--max-behind" in refusal(capsys, ["--max-behind", "lots"], {"AXENIX_MAX_BEHIND": "1"})
    assert "--nonsense" in refusal(capsys, ["--nonsense"], {})
    assert "--port" in refusal(capsys, ["--port"], {})
    assert "--por" in refusal(capsys, ["--por", "1"], {})


def test_a_turn_server_without_a_secret_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert "AXENIX_TURN_SECRET" in refusal(capsys, [], {"AXENIX_TURN_URLS": "turn:t.example"})


def test_a_webhook_without_a_secret_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    address = "https://example.org/hook?key=7"
    assert "AXENIX_WEBHOOK_SECRET" in refusal(capsys, [], {"AXENIX_WEBHOOK_URL": address})
    given = {"AXENIX_WEBHOOK_URL": address, "AXENIX_WEBHOOK_SECRET": SECRET}
    assert Config.load([], given).webhook_url == address
    assert "AXENIX_WEBHOOK_URL" in refusal(capsys, [], given | {"AXENIX_WEBHOOK_URL": "example.org/hook"})


def test_another_site_does_not_sign_with_our_own_secret(capsys: pytest.CaptureFixture[str]) -> None:
    given = {"AXENIX_FOREIGN_SECRET": SECRET, "AXENIX_JWT_SECRET": SECRET}
    assert "AXENIX_FOREIGN_SECRET" in refusal(capsys, [], given)


def test_a_secret_counts_in_bytes() -> None:
    assert Config.load([], {"AXENIX_JWT_SECRET": "ж" * 16}).jwt_secret == ("ж" * 16).encode()
    assert Config.load([], {"AXENIX_JWT_SECRET": "\udcff" * 32}).jwt_secret == b"\xff" * 32


def test_secrets_are_never_shown(capsys: pytest.CaptureFixture[str]) -> None:
    config = Config.load([], {"AXENIX_JWT_SECRET": SECRET, "AXENIX_TURN_SECRET": "turn-secret"})
    assert SECRET not in repr(config) and "turn-secret" not in repr(config)
    assert "too-short" not in refusal(capsys, ["--jwt-secret", "too-short"], {})


def test_a_configuration_does_not_change() -> None:
    with pytest.raises(FrozenInstanceError):
        Config().port = 1  # type: ignore[misc]


@given(st.sampled_from(OPTIONS), st.text())
def test_any_text_is_either_a_value_or_refused(option: Option, text: str) -> None:
    try:
        Config.load([], {option.env: text})
    except SystemExit as stopped:
        assert stopped.code == 2
