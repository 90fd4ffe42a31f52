from __future__ import annotations

import base64
import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.respond.tokens import digest, mint, well_formed


def test_tokens_are_long_random_and_safe_in_an_address() -> None:
    minted = {mint() for _ in range(500)}
    assert len(minted) == 500
    assert all(well_formed(token) and len(token) == 22 for token in minted)


@given(st.binary(min_size=16, max_size=16))
def test_every_128_bits_are_a_token(bits: bytes) -> None:
    assert well_formed(base64.urlsafe_b64encode(bits).decode().rstrip("="))


@pytest.mark.parametrize(
    "text",
    ["", "A" * 21, "A" * 23, "A" * 22 + "\n", "A" * 21 + "B", "A" * 21 + "=", "+" + "A" * 21, "É" + "A" * 21, "../" + "A" * 19, "А" * 22],
)
def test_other_shapes_are_no_token(text: str) -> None:
    assert not well_formed(text)


def test_the_digest_is_what_the_store_knows() -> None:
    assert digest("AAAAAAAAAAAAAAAAAAAAAA") == hashlib.sha256(b"AAAAAAAAAAAAAAAAAAAAAA").digest()
