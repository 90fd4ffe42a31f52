"""Nothing secret or personal is left in what is shown."""

from __future__ import annotations

import pytest

from engine.net.redact import redact_text, redact_url


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("https://hooks.slack.test/services/T0/B0/secret", "https://hooks.slack.test"),
        ("https://user:secret@desk.test:8443/a?token=secret#secret", "https://desk.test:8443"),
        ("http://[::1]:8080/secret", "http://[::1]:8080"),
        ("hooks.slack.test/services/secret", "a malformed URL"),
        ("https:///secret", "a malformed URL"),
        ("https://user:secret/with/slashes@desk.test/", "a malformed URL"),
        ("http://[secret", "a malformed URL"),
    ],
)
def test_a_url_shows_scheme_host_and_port_only(url: str, shown: str) -> None:
    assert redact_url(url) == shown
    assert "secret" not in redact_url(url)


def test_a_foreign_text_loses_private_values_addresses_and_length() -> None:
    text = redact_text("Email ada@lavka.test of Ada Lovelace,\nAda is  known; key s3cret", ["Ada", "Ada Lovelace", None, "", "s3cret"])
    assert text == "Email … of …, … is known; key …"
    assert len(redact_text("x" * 1000)) == 200


def test_a_short_value_is_taken_out_as_a_word() -> None:
    assert redact_text("Al also called, al, Al.", ["Al"]) == "… also called, al, …."
    assert redact_text("key=s3cr&xs3crx", ["s3cr"]) == "key=…&x…x"
