"""What a reader looks up must be there: every setting, path, method and key."""

import json
import os
import re
import shutil
import subprocess
import sys
from dataclasses import fields
from pathlib import Path

import msgspec
import pytest
import torch

from api.app import create_app
from api.settings import Settings
from explainers.registry import EXPLAINERS
from trainer.config import SECTIONS, Config
from trainer.regularizers import REGULARIZERS

ROOT = Path(__file__).resolve().parent.parent
DOCS = ROOT / "docs"


def _text(name: str) -> str:
    return (DOCS / name).read_text(encoding="utf-8")


@pytest.mark.parametrize("setting", [field.name for field in fields(Settings)])
def test_every_setting_is_documented(setting):
    assert f"`LEAFPATH_{setting.upper()}`" in _text("serving.md")


@pytest.mark.parametrize("method", EXPLAINERS)
def test_every_method_is_documented_in_the_table_and_in_a_section(method):
    text = _text("explanations.md")
    assert f"| `{method}` | {EXPLAINERS[method].cost} |" in text
    assert re.search(rf"^## .*\b{method}\b", text, re.MULTILINE)


@pytest.mark.parametrize("method", EXPLAINERS.values(), ids=EXPLAINERS)
def test_every_parameter_is_documented_with_its_bounds_and_default(method):
    table = _text("explanations.md").partition("\n## Parameters\n")[2]
    rows = re.findall(r"^\| (.+) \| `(\w+)` \| (.+) \| (.+) \|$", table, re.MULTILINE)
    said = {name: row for names, name, *row in rows if f"`{method.name}`" in names}
    schema = msgspec.json.schema(method.parameters)
    ((_, parameters),) = schema["$defs"].items()
    shared = {} if method.name == "counterfactual" else {"target", "seed"}
    own = {k: v for k, v in parameters["properties"].items() if k not in shared}
    assert said.keys() == own.keys()
    for name, parameter in own.items():
        (allowed, default), bounds = said[name], parameter.get("anyOf", [parameter])[0]
        assert default.partition(":")[0].strip("`") == json.dumps(parameter["default"])
        if "exclusiveMinimum" in bounds:
            least, most = bounds["exclusiveMinimum"], bounds["maximum"]
            assert allowed == f"above {least}, up to {most}"
        elif "minimum" in bounds:
            least, most = bounds["minimum"], bounds["maximum"]
            assert allowed.partition(",")[0] == f"{least} to {most}"
        elif "maxItems" in bounds:
            assert allowed == f"up to {bounds['maxItems']} names"
        for choice in bounds.get("enum", ()):
            assert f'`"{choice}"`' in allowed


def test_every_training_key_is_documented():
    text = _text("training.md")
    keys = [key for section in SECTIONS.values() for key in section.__struct_fields__]
    top = [key for key in Config.__struct_fields__ if key not in (*SECTIONS, "model")]
    assert [key for key in [*keys, *top] if f"`{key}`" not in text] == []


@pytest.mark.parametrize("name", REGULARIZERS)
def test_every_regularizer_is_documented(name):
    assert f"`{name}`" in _text("training.md")


def test_every_native_path_is_documented(tmp_path):
    text = "".join(path.read_text(encoding="utf-8") for path in DOCS.glob("*.md"))
    app = create_app(Settings(bundles=tmp_path))
    for route in app.url_map.iter_rules():
        fixed = str(route).partition("<")[0]
        assert fixed in text, route


def test_links_between_documents_lead_somewhere():
    deploying = ROOT / "deploy" / "README.md"
    for page in [ROOT / "README.md", deploying, *DOCS.glob("*.md")]:
        for target in re.findall(r"\]\(([^)#:]+)\)", page.read_text(encoding="utf-8")):
            assert (page.parent / target).exists(), f"{page.name}: {target}"


def test_every_proof_that_the_security_page_names_exists():
    cited = re.findall(r"`(tests/\S+\.py)::(\w+)`", _text("security.md"))
    assert len(cited) > 20
    for file, name in cited:
        assert f"\ndef {name}(" in (ROOT / file).read_text(encoding="utf-8"), name
    assert [f"API{i} " in _text("security.md") for i in range(1, 11)] == [True] * 10


def test_every_metric_and_every_error_in_the_log_is_in_the_runbook(tmp_path):
    text = _text("operations.md")
    client = create_app(Settings(bundles=tmp_path)).test_client()
    metrics = re.findall(r"^# TYPE (\S+)", client.get("/metrics").text, re.MULTILINE)
    names = {name.removesuffix("_created") for name in metrics}
    assert len(names) > 8
    assert [name for name in sorted(names) if f"`{name}" not in text] == []
    for path in (ROOT / "api").rglob("*.py"):
        source = path.read_text(encoding="utf-8")
        for event in re.findall(r"log\.(?:error|warning)\(\s*\"([^\"%]+)\"", source):
            assert f"`{event}`" in text, (path.name, event)


def test_the_method_in_the_guide_for_contributors_works(tmp_path):
    """In a copy of the source with its file, its line and its test alone."""
    (tmp_path / "bundles").mkdir()
    for name in ("explainers", "tests/explainers", "tests/api"):
        shutil.copytree(ROOT / name, tmp_path / name)
    guide = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    blocks = dict(re.findall(r"^```python (\S+)\n(.*?)^```$", guide, re.M | re.S))
    registry = tmp_path / "explainers" / "registry.py"
    line = blocks.pop("explainers/registry.py")
    module = line.partition(": ")[2].partition(".")[0]
    text = registry.read_text(encoding="utf-8")
    for opening, more in (
        ("from explainers.methods import (\n", f"    {module},\n"),
        ("EXPLAINERS: dict[str, Explainer] = {\n", line),
    ):
        assert opening in text
        text = text.replace(opening, opening + more)
    registry.write_text(text, encoding="utf-8")
    for path, content in blocks.items():
        assert not (tmp_path / path).exists(), path
        (tmp_path / path).write_text(content, encoding="utf-8")
    (test,) = (path for path in blocks if path.startswith("tests/"))
    (tmp_path / "served.py").write_text(SERVED)
    for command in (
        ["pytest", "-q", "--import-mode=importlib", "-o", "pythonpath=.", test],
        ["served"],
    ):
        done = subprocess.run(
            [sys.executable, "-m", *command],
            env=os.environ | {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"},
            cwd=tmp_path, capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stdout + done.stderr


SERVED = """
import numpy as np
from pathlib import Path
from api.app import create_app
from api.settings import Settings
from explainers.loading import open_model
from tests.api.small_bundles import write_cancer

write_cancer(Path("bundles/b"))
model = open_model(Path("bundles/b"))
client = create_app(Settings(bundles=Path("bundles"))).test_client()
body = {"instances": model.background[:1].tolist(),
        "explanations": ["gradient", "scaled_gradient"]}
reply = client.post("/v1/models/breast-cancer:explain", json=body)
plain, scaled = (np.array(e["attributions"]) for e in reply.json["explanations"][0])
np.testing.assert_allclose(scaled, plain * model.spread, rtol=1e-5)
assert "scaled_gradient" in client.get("/openapi.json").text
assert "scaled_gradient" in client.get("/docs").text
"""


def test_the_lines_for_a_training_loop_of_ones_own_work():
    """Once before the loop, and then at each step, with what the page says of them."""
    (block,) = re.findall(r"^```python\n(.*?)^```$", _text("training.md"), re.M | re.S)
    head, each = block.strip().rsplit("\n", 1)
    generator = torch.Generator().manual_seed(0)
    features = torch.rand(200, 2, generator=generator)
    names = {
        "features": features,
        "forward": lambda some: torch.stack([some[:, 0], 1 - some[:, 0]], dim=1),
        "total_steps": 40,
    }
    exec(head, names)
    penalties = []
    for _ in range(40):
        rows = torch.randint(200, (20,), generator=generator)
        logits = (features[rows] - 0.5).requires_grad_()  # not what the tree says
        names |= {"rows": rows, "logits": logits, "task_loss": torch.zeros(())}
        exec(each, names)
        penalties.append(names["loss"].item())
    assert penalties[0] == 0
    assert penalties[-1] > 0
    names["loss"].backward()
    assert logits.grad.abs().sum() > 0


def test_places_that_the_runbook_points_to_exist():
    text = _text("operations.md")
    headings = re.findall(r"^### (.+)$", text, re.MULTILINE)
    places = {re.sub(r"[^a-z0-9 -]", "", h.lower()).replace(" ", "-") for h in headings}
    assert set(re.findall(r"\]\(#([^)]+)\)", text)) <= places
