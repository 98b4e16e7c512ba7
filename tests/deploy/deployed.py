"""What the files in deploy/ say, for the tests that compare one with another."""

import re

import yaml

from tests.api.processes import ROOT

DEPLOY = ROOT / "deploy"

COMPOSE = yaml.safe_load(
    # As Docker reads it where no variable is set.
    re.sub(r"\$\{\w+:-([^}]*)\}", r"\1", (DEPLOY / "compose.yaml").read_text())
)
SERVICES = COMPOSE["services"]

GRACEFUL_TIMEOUT_S = int(
    re.findall(
        r"^graceful_timeout = (\d+)$",
        (DEPLOY / "gunicorn.conf.py").read_text(),
        re.MULTILINE,
    )[0]
)


def environment_of(name, secrets) -> dict[str, str]:
    """The settings in a container's environment; ``secrets`` is where its files are."""
    service = SERVICES[name]
    image = {"LEAFPATH_BIND": "0.0.0.0:8000", "LEAFPATH_BUNDLES": "/bundles"}
    return image | {
        variable: value.replace("/run/leafpath", str(secrets))
        for variable, value in service["environment"].items()
    }


def lost(written, kept, place="") -> list[str]:
    """The places of what is written and not kept, or kept otherwise."""
    if isinstance(written, list) and isinstance(kept, list):
        written, kept = dict(enumerate(written)), dict(enumerate(kept))
    if not isinstance(written, dict) or not isinstance(kept, dict):
        return [] if written == kept else [place]
    return [
        found
        for key, value in written.items()
        for found in (
            lost(value, kept[key], f"{place}.{key}".lstrip("."))
            if key in kept
            else [f"{place}.{key}".lstrip(".")]
        )
    ]
