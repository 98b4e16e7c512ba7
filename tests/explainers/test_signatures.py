"""Signatures against openssl, in both directions; what is not trusted is not read."""

import base64
import shutil
import subprocess

import pytest

from explainers.bundle import MANIFEST, SIGNATURE, read_bundle, write_bundle
from explainers.errors import (
    IntegrityError,
    KeyFileError,
    ManifestError,
    SignatureError,
)
from explainers.loading import open_model
from explainers.signatures import generate_key, read_trusted_keys, sign_bundle


def openssl(*arguments) -> str:
    program = shutil.which("openssl")
    assert program is not None
    ran = subprocess.run(
        [program, *map(str, arguments)], capture_output=True, text=True, check=True
    )
    return ran.stdout


@pytest.fixture
def key(tmp_path):
    generate_key(tmp_path / "release.pem")
    return tmp_path / "release.pem"


@pytest.fixture
def trusted(key):
    return read_trusted_keys(key.with_name("release.pem.pub"))


def test_openssl_accepts_our_signature(linear_bundle, key, tmp_path):
    digest = sign_bundle(linear_bundle, key)
    assert digest == read_bundle(linear_bundle).digest
    raw = tmp_path / "signature"
    raw.write_bytes(base64.b64decode((linear_bundle / SIGNATURE).read_bytes()))
    said = openssl(
        "pkeyutl", "-verify", "-pubin", "-inkey", f"{key}.pub", "-rawin",
        "-in", linear_bundle / MANIFEST, "-sigfile", raw,
    )  # fmt: skip
    assert "Signature Verified Successfully" in said


def test_what_openssl_signed_is_trusted(linear_bundle, tmp_path):
    key, public, raw = (tmp_path / name for name in ("key", "public", "raw"))
    openssl("genpkey", "-algorithm", "ed25519", "-out", key)
    openssl("pkey", "-in", key, "-pubout", "-out", public)
    openssl(
        "pkeyutl", "-sign", "-inkey", key, "-rawin", "-in", linear_bundle / MANIFEST,
        "-out", raw,
    )  # fmt: skip
    (linear_bundle / SIGNATURE).write_bytes(base64.b64encode(raw.read_bytes()))
    check = read_trusted_keys(public).check
    assert open_model(linear_bundle, check).name == "linear"


def test_any_of_several_keys_is_enough(linear_bundle, key, tmp_path):
    sign_bundle(linear_bundle, key)
    generate_key(tmp_path / "older.pem")
    both = tmp_path / "both"
    both.write_text(
        "".join((tmp_path / f"{n}.pem.pub").read_text() for n in ("older", "release"))
    )
    read_bundle(linear_bundle, read_trusted_keys(both).check)


def test_without_trusted_keys_signed_and_unsigned_bundles_are_read(linear_bundle, key):
    read_bundle(linear_bundle)
    sign_bundle(linear_bundle, key)
    assert read_bundle(linear_bundle).signature is not None


def _other_manifest(directory):
    path = directory / MANIFEST
    path.write_bytes(path.read_bytes().replace(b'"version":"1"', b'"version":"2"'))


def _other_key(directory):
    generate_key(directory.parent / "other.pem")
    sign_bundle(directory, directory.parent / "other.pem")


DISTRUSTED = {
    "unsigned": (lambda d: (d / SIGNATURE).unlink(), "manifest.sig: missing"),
    "empty": (lambda d: (d / SIGNATURE).write_bytes(b""), "none of the 1 trusted"),
    "not base64": (lambda d: (d / SIGNATURE).write_bytes(b"?!"), "not base64"),
    "short": (lambda d: (d / SIGNATURE).write_bytes(b"AAAA"), "none of the 1 trusted"),
    "other manifest": (_other_manifest, "none of the 1 trusted"),
    "other key": (_other_key, "none of the 1 trusted"),
    "no manifest at all": (
        lambda d: (d / MANIFEST).write_bytes(b"["), "none of the 1 trusted"),
}  # fmt: skip


@pytest.mark.parametrize("kind", DISTRUSTED)
def test_distrusted_bundles_are_refused_before_they_are_parsed(
    linear_bundle, key, trusted, kind
):
    sign_bundle(linear_bundle, key)
    read_bundle(linear_bundle, trusted.check)
    damage, message = DISTRUSTED[kind]
    damage(linear_bundle)
    with pytest.raises(SignatureError, match=message):
        read_bundle(linear_bundle, trusted.check)


def test_signature_does_not_excuse_other_files(linear_bundle, key, trusted):
    sign_bundle(linear_bundle, key)
    (linear_bundle / "tree.json").write_bytes(b"{}")
    with pytest.raises(IntegrityError, match="tree.json"):
        read_bundle(linear_bundle, trusted.check)


def test_a_damaged_bundle_is_not_signed(linear_bundle, key):
    (linear_bundle / MANIFEST).write_bytes(b"{}")
    with pytest.raises(ManifestError):
        sign_bundle(linear_bundle, key)
    assert not (linear_bundle / SIGNATURE).exists()


@pytest.mark.parametrize("link", ["symbolic", "hard"])
def test_signature_is_read_as_strictly_as_any_file(linear_bundle, key, trusted, link):
    sign_bundle(linear_bundle, key)
    elsewhere = linear_bundle.parent / "elsewhere"
    if link == "hard":
        elsewhere.hardlink_to(linear_bundle / SIGNATURE)
    else:
        (linear_bundle / SIGNATURE).rename(elsewhere)
        (linear_bundle / SIGNATURE).symlink_to(elsewhere)
    with pytest.raises(IntegrityError, match="manifest.sig"):
        read_bundle(linear_bundle, trusted.check)


def test_a_rewritten_bundle_is_unsigned_and_nothing_else_is_left(
    linear_bundle, linear_manifest, linear_files, key, trusted
):
    sign_bundle(linear_bundle, key)
    sign_bundle(linear_bundle, key)
    write_bundle(linear_bundle, linear_manifest, linear_files)
    with pytest.raises(SignatureError, match="missing"):
        read_bundle(linear_bundle, trusted.check)
    names = {p.name for p in linear_bundle.parent.iterdir()}
    assert names == {"linear", "release.pem", "release.pem.pub"}


def test_private_key_is_its_owner_s_alone_and_never_replaced(key):
    assert key.stat().st_mode & 0o777 == 0o600
    with pytest.raises(KeyFileError, match="File exists"):
        generate_key(key)
    key.unlink()
    with pytest.raises(KeyFileError, match=r"release.pem.pub: File exists"):
        generate_key(key)
    assert not key.exists()


def test_other_kinds_of_keys_are_refused(linear_bundle, key, tmp_path):
    with pytest.raises(KeyFileError, match="BEGIN PUBLIC KEY"):
        read_trusted_keys(key)  # the private one, by mistake
    with pytest.raises(KeyFileError, match="no private key"):
        sign_bundle(linear_bundle, key.with_name("release.pem.pub"))
    openssl("genpkey", "-algorithm", "x25519", "-out", tmp_path / "x")
    openssl("pkey", "-in", tmp_path / "x", "-pubout", "-out", tmp_path / "x.pub")
    with pytest.raises(KeyFileError, match="not ed25519"):
        read_trusted_keys(tmp_path / "x.pub")
    with pytest.raises(KeyFileError, match="not ed25519"):
        sign_bundle(linear_bundle, tmp_path / "x")
    with pytest.raises(KeyFileError, match="No such file"):
        read_trusted_keys(tmp_path / "nowhere")
