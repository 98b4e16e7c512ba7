"""Nothing but what was sealed comes out of an envelope."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.cache.envelope import seal, unseal
from api.cache.interface import Entry

KEY = bytes(range(32))
ENTRY = Entry(b'{"a":1}', 1_700_000_000.25)
SECRETS = [None, b"s" * 32]


@pytest.mark.parametrize("secret", SECRETS)
def test_what_was_sealed_comes_out(secret):
    assert unseal(KEY, seal(KEY, ENTRY, secret), secret) == ENTRY


@pytest.mark.parametrize("secret", SECRETS)
def test_no_single_bit_may_differ(secret):
    sealed = seal(KEY, ENTRY, secret)
    for bit in range(8 * len(sealed)):
        changed = bytearray(sealed)
        changed[bit // 8] ^= 1 << bit % 8
        assert unseal(KEY, bytes(changed), secret) is None


@pytest.mark.parametrize("secret", SECRETS)
def test_shorter_longer_and_others_values_are_misses(secret):
    sealed = seal(KEY, ENTRY, secret)
    for length in range(len(sealed)):
        assert unseal(KEY, sealed[:length], secret) is None
    assert unseal(KEY, sealed + b"\x00", secret) is None
    assert unseal(KEY[::-1], sealed, secret) is None


def test_value_under_another_secret_is_a_miss():
    for written in (*SECRETS, b"t" * 32):
        for read in (*SECRETS, b"t" * 32):
            if written != read:
                assert unseal(KEY, seal(KEY, ENTRY, written), read) is None


@given(st.binary(max_size=200))
def test_any_bytes_are_a_miss(value):
    assert unseal(KEY, value, None) is None
