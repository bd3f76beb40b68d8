"""Seals and authentication codes: what opens them, and what does not."""

import hmac
from hashlib import sha256

import pytest
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from hypothesis import given
from hypothesis import strategies as st

from connector.ledger.keyring import KeyMissing, Keyring, SealBroken
from tests.ledger.ledgers import KEYS, ONLY_NEW, ROTATED


@given(st.text(max_size=20), st.binary(max_size=2000), st.binary(max_size=100))
def test_what_is_sealed_comes_back(purpose: str, plaintext: bytes, associated: bytes) -> None:
    assert KEYS.unseal(purpose, KEYS.seal(purpose, plaintext, associated), associated) == plaintext


@given(st.data())
def test_a_seal_with_any_bit_turned_does_not_open(data: st.DataObject) -> None:
    sealed = bytearray(KEYS.seal("p", b"secret"))
    place = data.draw(st.integers(0, len(sealed) * 8 - 1))
    sealed[place // 8] ^= 1 << place % 8
    with pytest.raises((SealBroken, KeyMissing)):
        KEYS.unseal("p", bytes(sealed))


@given(st.binary(max_size=60))
def test_anything_else_does_not_open_as_a_seal(sealed: bytes) -> None:
    with pytest.raises((SealBroken, KeyMissing)):
        KEYS.unseal("p", sealed)


@pytest.mark.parametrize(("purpose", "associated"), [("q", b"a"), ("p", b"b"), ("p", b"")])
def test_a_seal_opens_for_its_purpose_and_its_associated_data_only(purpose: str, associated: bytes) -> None:
    sealed = KEYS.seal("p", b"secret", b"a")
    with pytest.raises(SealBroken):
        KEYS.unseal(purpose, sealed, associated)


def test_the_same_text_never_gives_the_same_seal() -> None:
    assert len({KEYS.seal("p", b"secret") for _ in range(100)}) == 100


def test_after_a_rotation_the_new_key_seals_and_the_old_one_still_opens() -> None:
    assert ROTATED.unseal("p", KEYS.seal("p", b"secret")) == b"secret"
    assert ONLY_NEW.unseal("p", ROTATED.seal("p", b"secret")) == b"secret"


def test_a_key_that_was_taken_out_is_named() -> None:
    with pytest.raises(KeyMissing, match="old"):
        ONLY_NEW.unseal("p", KEYS.seal("p", b"secret"))
    with pytest.raises(KeyMissing, match="old"):
        ONLY_NEW.mac("p", b"message", key_id="old")


def test_codes_differ_by_key_purpose_and_message() -> None:
    codes = {ROTATED.mac(purpose, text, key_id=key) for purpose in "pq" for text in (b"1", b"2") for key in ("old", "new")}
    assert len(codes) == 8
    assert ROTATED.mac("p", b"1") == ROTATED.mac("p", b"1", key_id="new")


def test_no_key_shows_in_a_representation() -> None:
    assert repr(ROTATED) == "Keyring(new, old)"


@given(st.binary(min_size=1, max_size=100), st.text(max_size=20), st.binary(max_size=100))
def test_the_key_of_a_purpose_is_that_of_rfc_5869(secret: bytes, purpose: str, message: bytes) -> None:
    derived = HKDF(algorithm=SHA256(), length=32, salt=None, info=f"opshub-connector mac {purpose}".encode()).derive(secret)

    assert Keyring({"a": secret}).mac(purpose, message) == hmac.digest(derived, message, sha256)


def test_a_promoted_key_seals_and_one_that_was_retired_opens_nothing() -> None:
    keyring = Keyring({"old": b"o" * 32})
    earlier = keyring.seal("p", b"earlier")
    keyring.add_from(ROTATED)
    between = keyring.seal("p", b"between")
    keyring.promote("new")
    assert [*keyring.ids] == ["new", "old"]
    assert [keyring.unseal("p", sealed) for sealed in (earlier, between)] == [b"earlier", b"between"]
    assert KEYS.unseal("p", keyring.seal("p", b"chosen", key_id="old")) == b"chosen"
    assert ONLY_NEW.unseal("p", keyring.seal("p", b"later")) == b"later"

    keyring.retire(["old"])
    keyring.forget_retired()
    keyring.add_from(ONLY_NEW)
    assert [*keyring.ids] == ["new"]
    with pytest.raises(KeyMissing, match="old"):
        keyring.unseal("p", earlier)
    with pytest.raises(KeyMissing, match="old"):
        keyring.seal("p", b"text", key_id="old")
