"""Reading and writing a bundle directory: the bytes, not their meaning.

Every file is read once, through one descriptor; those bytes are hashed and those bytes
are parsed, so nothing can change between the check and the use.
"""

import hashlib
import io
import os
import re
import shutil
import stat
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

import msgspec
import numpy as np
from numpy.typing import NDArray

from explainers.errors import IntegrityError
from explainers.manifest import File, Manifest, decode_manifest, encode_manifest

MANIFEST = "manifest.json"
SIGNATURE = "manifest.sig"
"""Beside the manifest, and the only file that it does not list: see signatures.py."""
MAX_SIGNATURE_BYTES = 1024
MAX_FILES = 4096
MAX_MANIFEST_BYTES = 64 * 2**20
MAX_FILE_BYTES = 2 * 2**30
_PATH = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*(/[A-Za-z0-9_][A-Za-z0-9_.-]*)*\Z")


@dataclass(frozen=True)
class Bundle:
    """A bundle whose every byte has been checked against its manifest.

    ``digest`` is ``sha256:`` and the SHA-256 of manifest.json; ``files`` maps each
    listed path to its content. ``raw_manifest`` and ``signature`` are the bytes of
    manifest.json and, where there is one, of manifest.sig.
    """

    manifest: Manifest
    digest: str
    files: Mapping[str, bytes]
    raw_manifest: bytes
    signature: bytes | None


SignatureCheck: TypeAlias = Callable[[bytes, bytes | None], None]
"""Raises SignatureError for a manifest and its signature that are not trusted."""


def read_bundle(
    directory: Path, check_signature: SignatureCheck | None = None
) -> Bundle:
    """Read and check every file of a bundle, the signature before anything is parsed.

    Parameters
    ----------
    check_signature : ``TrustedKeys.check``; None trusts unsigned bundles.

    Raises
    ------
    SignatureError
        The manifest is not signed by a trusted key.
    ManifestError
        manifest.json cannot be read as a manifest of this format.
    IntegrityError
        A file is missing, extra, altered, too large, a symbolic or hard link, a device,
        or named outside the directory.
    """
    if not directory.is_dir():
        raise IntegrityError("no such directory")
    raw = _read_file(directory, MANIFEST, MAX_MANIFEST_BYTES)
    signature = None
    if os.path.lexists(directory / SIGNATURE):
        signature = _read_file(directory, SIGNATURE, MAX_SIGNATURE_BYTES)
    if check_signature is not None:
        check_signature(raw, signature)
    manifest = decode_manifest(raw)
    _check_listing(directory, manifest)
    files = {file.path: _read_listed(directory, file) for file in manifest.files}
    return Bundle(manifest, _digest(raw), files, raw, signature)


def _digest(raw: bytes) -> str:
    return f"sha256:{hashlib.sha256(raw).hexdigest()}"


def write_bundle(
    directory: Path, manifest: Manifest, files: Mapping[str, bytes]
) -> str:
    """Write a bundle so that a reader sees the old one or the new one, never half.

    The files go to a temporary directory beside the target, are flushed to disk, and
    the directory is renamed; an older bundle of that name is moved away first and
    removed last.

    Parameters
    ----------
    directory : the bundle's directory; its parent must exist.
    manifest : complete but for ``files``, which is filled in here.
    files : content by POSIX path.

    Returns
    -------
    The bundle digest.
    """
    listed = tuple(
        File(path=path, bytes=len(content), sha256=hashlib.sha256(content).hexdigest())
        for path, content in sorted(files.items())
    )
    raw = encode_manifest(msgspec.structs.replace(manifest, files=listed))
    decode_manifest(raw)  # never write what the reader would refuse
    _write_directory(directory, {**files, MANIFEST: raw})
    return _digest(raw)


def copy_bundle(bundle: Bundle, directory: Path) -> None:
    """Write a bundle that has been read: the same bytes, with the signature."""
    signature = {} if bundle.signature is None else {SIGNATURE: bundle.signature}
    _write_directory(
        directory, {**bundle.files, MANIFEST: bundle.raw_manifest, **signature}
    )


def _write_directory(directory: Path, files: Mapping[str, bytes]) -> None:
    parent = directory.parent
    scratch = Path(tempfile.mkdtemp(prefix=f".{directory.name}.", dir=parent))
    try:
        new = scratch / "new"
        for path, content in files.items():
            _check_path(path)
            _write_file(new / path, content)
        for folder in [new, *(p for p in new.rglob("*") if p.is_dir())]:
            folder.chmod(0o755)
            _sync(folder)
        if directory.exists():
            directory.rename(scratch / "old")
        new.rename(directory)
        _sync(parent)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


def replace_file(path: Path, content: bytes) -> None:
    """Replace one file at once; the new one is written outside its directory, which may
    hold no other file.
    """
    scratch = Path(tempfile.mkdtemp(prefix=".new.", dir=path.parent.parent))
    try:
        _write_file(scratch / path.name, content)
        (scratch / path.name).replace(path)
        _sync(path.parent)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


def encode_array(array: NDArray[np.generic]) -> bytes:
    """Return the bytes of a .npy file."""
    buffer = io.BytesIO()
    np.save(buffer, np.ascontiguousarray(array), allow_pickle=False)
    return buffer.getvalue()


def decode_array(bundle: Bundle, path: str) -> NDArray[np.generic]:
    """Read a .npy file of the bundle; pickled content is refused.

    Raises
    ------
    IntegrityError
        The bundle has no such file, or it is not a plain array.
    """
    try:
        array: NDArray[np.generic] = np.load(
            io.BytesIO(bundle.files[path]), allow_pickle=False
        )
    except KeyError:
        raise IntegrityError(f"{path}: the bundle has no such file") from None
    except (ValueError, EOFError, OSError) as error:
        raise IntegrityError(f"{path}: not a plain .npy array: {error}") from error
    return array


def _check_path(path: str) -> None:
    if not _PATH.match(path):
        raise IntegrityError(
            f"{path!r}: not a path inside the bundle (letters, digits, '_', '.', '-' "
            "and '/' between names; no name starts with a dot)"
        )


def _check_listing(directory: Path, manifest: Manifest) -> None:
    """Compare the directory with the manifest before a single file is opened."""
    if len(manifest.files) > MAX_FILES:
        raise IntegrityError(f"{MANIFEST} lists more than {MAX_FILES} files")
    listed: set[str] = set()
    for file in manifest.files:
        _check_path(file.path)
        if file.path in listed or file.path in (MANIFEST, SIGNATURE):
            raise IntegrityError(f"{file.path}: listed twice")
        listed.add(file.path)
    present = set(_walk(directory, ""))
    for path in sorted(listed - present):
        raise IntegrityError(f"{path}: listed in {MANIFEST} but missing")
    for path in sorted(present - listed - {MANIFEST, SIGNATURE}):
        raise IntegrityError(f"{path}: present but not listed in {MANIFEST}")


def _walk(directory: Path, prefix: str) -> list[str]:
    paths: list[str] = []
    with os.scandir(directory) as entries:
        for entry in entries:
            path = prefix + entry.name
            if entry.is_symlink():
                raise IntegrityError(f"{path}: a symbolic link; copy the file instead")
            if entry.is_dir(follow_symlinks=False):
                below = _walk(Path(entry.path), f"{path}/")
                if not below:
                    raise IntegrityError(f"{path}: an empty directory")
                paths += below
            else:
                paths.append(path)
            if len(paths) > MAX_FILES + 1:
                raise IntegrityError(f"{directory}: more than {MAX_FILES} files")
    return paths


def _read_listed(directory: Path, file: File) -> bytes:
    content = _read_file(directory, file.path, min(file.bytes, MAX_FILE_BYTES))
    if len(content) != file.bytes:
        raise IntegrityError(
            f"{file.path}: {len(content)} bytes, but {MANIFEST} says {file.bytes}"
        )
    found = hashlib.sha256(content).hexdigest()
    if found != file.sha256:
        raise IntegrityError(
            f"{file.path}: SHA-256 is {found}, but {MANIFEST} says {file.sha256}"
        )
    return content


def _read_file(directory: Path, path: str, limit: int) -> bytes:
    """Read one regular file of at most ``limit`` bytes through one descriptor."""
    # O_NONBLOCK: opening a named pipe must not wait for its writer.
    flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
    try:
        descriptor = os.open(directory / path, flags)
    except FileNotFoundError:
        raise IntegrityError(f"{path}: missing") from None
    except OSError as error:
        raise IntegrityError(f"{path}: cannot be opened: {error.strerror}") from error
    with os.fdopen(descriptor, "rb") as stream:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            raise IntegrityError(f"{path}: not a regular file")
        if status.st_nlink != 1:
            raise IntegrityError(
                f"{path}: has {status.st_nlink} hard links; copy the file instead"
            )
        if status.st_size > limit:
            raise IntegrityError(
                f"{path}: {status.st_size} bytes, at most {limit} are expected"
            )
        return stream.read(limit + 1)


def _write_file(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("wb") as stream:
        stream.write(content)
        stream.flush()
        os.fsync(stream.fileno())


def _sync(directory: Path) -> None:
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
