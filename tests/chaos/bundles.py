"""Bundles that are damaged, hostile or unsigned: none serves, the old ones go on."""

import random
import re
import shutil
from base64 import b64encode
from collections.abc import Callable
from pathlib import Path

import msgspec
import onnx
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
    served, kinds = site.folder / "served", _kinds(key, flips)
    names = [GOOD, *kinds]
    for name in names:
        _write(served / name, key)
    server = site.start(served, trusted_keys=f"{key}.pub")
    before = _digests(server, names)
    if None in before.values():
        raise NoFire("a good bundle was not served")
    for name, spoil in kinds.items():
        _replace(served / name, site.folder / "bad" / name / name, key, spoil)
    reload(server)
    after, ready = _digests(server, names), server.get("/v2/health/ready").json()
    told = {one["name"] for one in ready["models"] if one["reason"]}
    server.stop()
    anew = _digests(site.start(served, trusted_keys=f"{key}.pub"), names)
    accepted = [name for name in kinds if anew[name] is not None]
    stopped = [name for name in names if after[name] != before[name]]
    return [
        _count(f"bad bundles of {len(kinds)} that a new server accepts", accepted),
        _count("bad bundles of which readiness says nothing", sorted({*kinds} - told)),
        _count("old versions that do not go on", stopped),
    ]


def _count(what: str, names: list[str]) -> Figure:
    """How many there are; none is allowed, and the first ones are named."""
    which = f": {', '.join(names[:5])}" if names else ""
    return Figure(what + which, len(names), 0)


def _digests(server: Server, names: list[str]) -> dict[str, str | None]:
    """The digest with which each model answers a prediction; None for no answer."""
    row = {"instances": [[1.0, -2.0, 0.0]]}
    replies = {n: server.post(f"/v1/models/{n}:predict", json=row) for n in names}
    return {
        n: r.json()["model"]["digest"] if r.ok else None for n, r in replies.items()
    }


def _write(directory: Path, key: Path, **changes: bytes | None) -> None:
    """Write and sign the linear bundle, under the directory's name."""
    manifest = msgspec.structs.replace(make_manifest(), name=directory.name)
    files = {**make_files(), **changes}
    content = {name: raw for name, raw in files.items() if raw is not None}
    directory.parent.mkdir(parents=True, exist_ok=True)
    write_bundle(directory, manifest, content)
    sign_bundle(directory, key)


def _replace(
    served: Path,
    staged: Path,
    key: Path,
    spoil: dict[str, bytes | None] | Callable[[Path], object],
) -> None:
    """Put a bad bundle where a good one lies: with other files, or damaged."""
    if isinstance(spoil, dict):
        _write(staged, key, **spoil)
    else:
        _write(staged, key)
        spoil(staged)
    shutil.rmtree(served)
    staged.rename(served)


def _kinds(
    key: Path, flips: int
) -> dict[str, dict[str, bytes | None] | Callable[[Path], object]]:
    """Every way to spoil a bundle, by a model's name: by other files, or by damage."""
    files = make_files()
    graphs = {name: graph for name, (graph, _) in HOSTILE.items()} | UNBOUNDED
    kinds = {
        **{f"damage {name}": damage for name, (damage, _) in DAMAGE.items()},
        "path outside": _listing_a_file_outside(key),
        **{f"unsigned {name}": damage for name, (damage, _) in DISTRUSTED.items()},
        **{f"content {name}": change(files) for name, (change, *_) in CHANGES.items()},
        **{
            f"graph {name}": {"predict.onnx": graph.SerializeToString()}
            for name, graph in graphs.items()
        },
        "graph that is right and holds more": {"predict.onnx": _drawing_too()},
        **{f"flip {number}": _flip(number) for number in range(flips)},
    }
    return {re.sub("[^a-z0-9]+", "-", k.lower()): spoil for k, spoil in kinds.items()}


def _drawing_too() -> bytes:
    """The good network with a forbidden operator, whose result nobody uses: no golden
    output tells it from the good one.
    """
    model = onnx.load_from_string(make_files()["predict.onnx"])
    drawing = onnx.helper.make_node("RandomNormalLike", ["input"], ["drawn"])
    model.graph.node.append(drawing)
    return bytes(model.SerializeToString())


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
