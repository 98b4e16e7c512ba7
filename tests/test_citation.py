"""CITATION.cff is what the format's own schema asks for, and speaks of this version."""

import importlib.util
import json
import tomllib
from pathlib import Path

import jsonschema
import yaml

ROOT = Path(__file__).resolve().parent.parent


def test_citation_is_valid_and_of_this_version():
    # Found without an import: what the package depends on is not installed.
    package = Path(importlib.util.find_spec("cffconvert").origin).parent
    schema = json.loads((package / "schemas/1.2.0/schema.json").read_bytes())
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_bytes())
    validator = jsonschema.Draft7Validator(schema)
    assert list(validator.iter_errors(citation)) == []
    assert list(validator.iter_errors({**citation, "authors": []})) != []
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert citation["version"] == project["version"]
    assert citation["license"] == project["license"]
