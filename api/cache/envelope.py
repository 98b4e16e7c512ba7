"""What is stored outside the process: version, time, tag, payload.

The tag covers the key too: a good value under another key is as foreign as garbage.
Without a secret the tag is a checksum against corruption; with one it is HMAC-SHA256
and also keeps out whoever can write to the store.
"""

import hmac
import struct

from api.cache.interface import Entry

VERSION = 1
_HEADER = struct.Struct(">Bd")  # version, seconds since 1970
_TAG_BYTES = 32
_NO_SECRET = b"leafpath"


def seal(key: bytes, entry: Entry, secret: bytes | None) -> bytes:
    """Return the bytes to store for an entry."""
    header = _HEADER.pack(VERSION, entry.stored_at)
    return header + _tag(header, key, entry.payload, secret) + entry.payload


def unseal(key: bytes, value: bytes, secret: bytes | None) -> Entry | None:
    """Return the entry, or None when the value is anything but what was sealed."""
    start = _HEADER.size + _TAG_BYTES
    if len(value) <= start or value[0] != VERSION:
        return None
    header, tag, payload = (
        value[: _HEADER.size],
        value[_HEADER.size : start],
        value[start:],
    )
    if not hmac.compare_digest(tag, _tag(header, key, payload, secret)):
        return None
    return Entry(payload, _HEADER.unpack(header)[1])


def _tag(header: bytes, key: bytes, payload: bytes, secret: bytes | None) -> bytes:
    # Header and key have fixed lengths, so that the parts cannot be shifted.
    return hmac.digest(secret or _NO_SECRET, header + key + payload, "sha256")
