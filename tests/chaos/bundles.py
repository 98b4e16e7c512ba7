"""Bundles that are damaged, hostile or unsigned: none serves, the old ones go on."""

import random
import shutil
from base64 import b64encode
from collections.abc import Callable
from pathlib import Path

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from explainers.bundle import MANIFEST, SIGNATURE, read_bundle, write_bundle
from explainers.manifest import File, encode_manifest
from explainers.signatures import generate_key, sign_bundle
from tests.api.processes import Server
from tests.api.test_server import reload
from tests.chaos.figure import Figure, NoFire
from tests.chaos.site import Site
from tests.explainers.linear_bundle import make_files, make_manifest
from tests.explainers.test_bundle import CHANGES, DAMAGE
from tests.explainers.test_onnx_safety import HOSTILE, UNBOUNDED
from tests.explainers.test_signatures import DISTRUSTED

GOOD = "good"


def burn(site: Site, *, flips: int) -> list[Figure]:
    """Replace each of many served bundles by a bad one; then serve the bad ones alone.

    All are signed, and by the trusted key wherever the damage is another.
    """
    key = site.folder / "release.pem"
    generate_key(key)
    served, bad = site.folder / "served", site.folder / "bad"
    kinds = _kinds(key, flips)
    names = [GOOD, *(f"m{number}" for number in range(len(kinds)))]
    for name in names:
        _write(served / name, key)
    server = site.start(served, trusted_keys=f"{key}.pub")
    before = _digests(server, names)
    if None in before.values():
        raise NoFire("a good bundle was not served")
    for name, (kind, spoil) in zip(names[1:], kinds.items(), strict=True):
        _spoil(bad / kind.replace("/", " ") / name, key, spoil)
        shutil.rmtree(served / name)
        (bad / kind.replace("/", " ") / name).rename(served / name)
    reload(server)
    after = _digests(server, names)
    told = {one["name"] for one in _told(server) if one["reason"]}
    if told != set(names[1:]):
        raise NoFire(f"refused: {told ^ set(names[1:])} differ")
    server.stop()
    anew = site.start(served, trusted_keys=f"{key}.pub")
    accepted = [name for name in names[1:] if _digests(anew, [name])[name]]
    return [
        Figure(
            f"bad bundles of {len(kinds)} that a new server accepts", len(accepted), 0
        ),
        Figure(
            "old versions that do not go on",
            sum(after[name] != before[name] for name in names),
            0,
        ),
    ]


def _digests(server: Server, names: list[str]) -> dict[str, str | None]:
    """The digest with which each model answers a prediction; None for no answer."""
    row = {"instances": [[1.0, -2.0, 0.0]]}
    replies = {n: server.post(f"/v1/models/{n}:predict", json=row) for n in names}
    return {
        n: r.json()["model"]["digest"] if r.ok else None for n, r in replies.items()
    }


def _told(server: Server) -> list[dict[str, str | None]]:
    models: list[dict[str, str | None]] = server.get("/v2/health/ready").json()[
        "models"
    ]
    return models


def _write(directory: Path, key: Path, **changes: bytes | None) -> None:
    """Write and sign the linear bundle, under the directory's name."""
    manifest = msgspec.structs.replace(make_manifest(), name=directory.name)
    files = {**make_files(), **changes}
    content = {name: raw for name, raw in files.items() if raw is not None}
    directory.parent.mkdir(parents=True, exist_ok=True)
    write_bundle(directory, manifest, content)
    sign_bundle(directory, key)


def _spoil(
    directory: Path,
    key: Path,
    spoil: dict[str, bytes | None] | Callable[[Path], object],
) -> None:
    """Write it with other files, or damage what was written."""
    if isinstance(spoil, dict):
        _write(directory, key, **spoil)
        return
    _write(directory, key)
    spoil(directory)


def _kinds(
    key: Path, flips: int
) -> dict[str, dict[str, bytes | None] | Callable[[Path], object]]:
    """Every way to spoil a bundle: by other files, or by damage."""
    files = make_files()
    graphs = {name: graph for name, (graph, _) in HOSTILE.items()} | UNBOUNDED
    return {
        **{f"damage: {name}": damage for name, (damage, _) in DAMAGE.items()},
        "path outside": _listing_a_file_outside(key),
        **{f"unsigned: {name}": damage for name, (damage, _) in DISTRUSTED.items()},
        **{f"content: {name}": change(files) for name, (change, *_) in CHANGES.items()},
        **{
            f"graph: {name}": {"predict.onnx": graph.SerializeToString()}
            for name, graph in graphs.items()
        },
        **{f"flip {number}": _flip(number) for number in range(flips)},
    }


def _listing_a_file_outside(key: Path) -> Callable[[Path], None]:
    """Let a manifest that is signed by the trusted key list the key itself."""

    def edit(directory: Path) -> None:
        manifest = read_bundle(directory).manifest
        outside = File(path=f"../../../{key.name}", bytes=1, sha256="0" * 64)
        edited = msgspec.structs.replace(manifest, files=(*manifest.files, outside))
        raw = encode_manifest(edited)
        (directory / MANIFEST).write_bytes(raw)
        private = load_pem_private_key(key.read_bytes(), None)
        assert isinstance(private, Ed25519PrivateKey)
        (directory / SIGNATURE).write_bytes(b64encode(private.sign(raw)))

    return edit


def _flip(number: int) -> Callable[[Path], None]:
    """Flip one bit of one file, drawn by number; not of the signature, whose last
    character has bits that mean nothing.
    """
    draw = random.Random(number)

    def flip(directory: Path) -> None:
        files = [p for p in sorted(directory.rglob("*")) if p.is_file()]
        path = draw.choice([p for p in files if p.name != SIGNATURE])
        content = bytearray(path.read_bytes())
        content[draw.randrange(len(content))] ^= 1 << draw.randrange(8)
        path.write_bytes(content)

    return flip
