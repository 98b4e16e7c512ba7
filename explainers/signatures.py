"""Signatures of bundles: ed25519 over the bytes of manifest.json (RFC 8032).

The manifest lists the SHA-256 of every other file, so its signature covers them all.
Keys are PEM files as openssl writes them; manifest.sig is the signature in base64.
Needs the package cryptography (the extra [sign]): import this module where keys are
used, and nowhere else.
"""

import base64
import binascii
import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import (
    Ed25519PrivateKey,
    Ed25519PublicKey,
)

from explainers.bundle import SIGNATURE, read_bundle, replace_file
from explainers.errors import KeyFileError, SignatureError

_PUBLIC = re.compile(
    rb"-----BEGIN PUBLIC KEY-----.*?-----END PUBLIC KEY-----", re.DOTALL
)


@dataclass(frozen=True)
class TrustedKeys:
    """The public keys whose signatures are accepted."""

    keys: Sequence[Ed25519PublicKey]

    def check(self, manifest: bytes, signature: bytes | None) -> None:
        """Accept a manifest that one of the keys has signed.

        Parameters
        ----------
        manifest : the bytes of manifest.json. signature : those of manifest.sig.

        Raises
        ------
        SignatureError
            There is no signature, or it is by none of the keys for this manifest.
        """
        if signature is None:
            raise SignatureError(
                f"{SIGNATURE}: missing; only signed bundles are trusted here: "
                "leafpath sign DIR --key FILE"
            )
        try:
            raw = base64.b64decode(signature.strip(), validate=True)
        except binascii.Error as error:
            raise SignatureError(f"{SIGNATURE}: not base64: {error}") from error
        if not any(_signed_by(key, raw, manifest) for key in self.keys):
            raise SignatureError(
                f"{SIGNATURE}: signed by none of the {len(self.keys)} trusted keys, or "
                "for another manifest"
            )


def _signed_by(key: Ed25519PublicKey, signature: bytes, manifest: bytes) -> bool:
    try:
        key.verify(signature, manifest)
    except InvalidSignature:
        return False
    return True


def read_trusted_keys(path: Path) -> TrustedKeys:
    """Read a file of one or more public keys in PEM, one after the other.

    Raises
    ------
    KeyFileError
        The file cannot be read, holds no public key, or one that is not ed25519.
    """
    blocks = _PUBLIC.findall(_read(path))
    if not blocks:
        raise KeyFileError(f"{path} holds no '-----BEGIN PUBLIC KEY-----'")
    keys = []
    for block in blocks:
        try:
            key = serialization.load_pem_public_key(block)
        except (ValueError, UnsupportedAlgorithm) as error:
            raise KeyFileError(f"{path}: not a public key: {error}") from error
        if not isinstance(key, Ed25519PublicKey):
            raise KeyFileError(f"{path} holds a key that is not ed25519")
        keys.append(key)
    return TrustedKeys(tuple(keys))


def generate_key(path: Path) -> Path:
    """Write a new private key to ``path``, readable by its owner alone; return the path
    of its public key, ``path`` and ".pub".

    Raises
    ------
    KeyFileError
        A file is there already, or cannot be written.
    """
    beside = path.with_name(f"{path.name}.pub")
    if beside.exists():
        raise KeyFileError(f"{beside}: File exists")
    key = Ed25519PrivateKey.generate()
    private = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    public = key.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    _write_new(path, private, 0o600)
    _write_new(beside, public, 0o644)
    return beside


def sign_bundle(directory: Path, key_file: Path) -> str:
    """Check a bundle, sign its manifest, and return its digest.

    Writing the bundle anew (training, visualize, landscape) drops the signature.

    Raises
    ------
    KeyFileError
        The key is no private ed25519 key in PEM without a password.
    BundleError
        The bundle is not intact.
    """
    key = _read_private(key_file)
    bundle = read_bundle(directory)
    signature = base64.b64encode(key.sign(bundle.raw_manifest)) + b"\n"
    replace_file(directory / SIGNATURE, signature)
    return bundle.digest


def _read_private(path: Path) -> Ed25519PrivateKey:
    try:
        key = serialization.load_pem_private_key(_read(path), password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        # Without the reason's text, which might show a part of the key.
        raise KeyFileError(
            f"{path} is no private key in PEM without a password"
        ) from error
    if not isinstance(key, Ed25519PrivateKey):
        raise KeyFileError(f"{path} holds a key that is not ed25519")
    return key


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise KeyFileError(f"{path}: {error.strerror}") from error


def _write_new(path: Path, content: bytes, mode: int) -> None:
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    except OSError as error:
        raise KeyFileError(f"{path}: {error.strerror}") from error
    with os.fdopen(descriptor, "wb") as stream:
        stream.write(content)
