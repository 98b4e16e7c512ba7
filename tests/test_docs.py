"""What a reader looks up must be there: every setting, path, method and key."""

import re
from dataclasses import fields
from pathlib import Path

import pytest

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
    for page in [ROOT / "README.md", *DOCS.glob("*.md")]:
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


def test_places_that_the_runbook_points_to_exist():
    text = _text("operations.md")
    headings = re.findall(r"^### (.+)$", text, re.MULTILINE)
    places = {re.sub(r"[^a-z0-9 -]", "", h.lower()).replace(" ", "-") for h in headings}
    assert set(re.findall(r"\]\(#([^)]+)\)", text)) <= places
