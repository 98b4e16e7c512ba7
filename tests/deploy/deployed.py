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
