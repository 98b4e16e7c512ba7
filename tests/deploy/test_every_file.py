"""Every file of deploy/ stands in the table of what checks it, and is checked there."""

import re
import subprocess
from fnmatch import fnmatchcase
from os.path import normpath

import pytest
from yamllint import linter
from yamllint.config import YamlLintConfig

from tests.api.processes import ROOT
from tests.deploy.deployed import DEPLOY

NAMES = re.compile(r"`([^`]+)`")
ROWS = [
    [NAMES.findall(cell) for cell in (cells[1], cells[3])]
    for line in (DEPLOY / "README.md").read_text().splitlines()
    if len(cells := line.split("|")) == 5 and "`" in cells[1]
]
TRACKED = subprocess.run(
    ["git", "ls-files", "deploy", "Dockerfile"],
    cwd=ROOT, capture_output=True, text=True, check=True,
).stdout.split()  # fmt: skip
STYLE = YamlLintConfig(
    "{extends: default, rules: {document-start: disable, line-length: disable}}"
)
PLAIN_YAML = [
    file
    for file in TRACKED
    if re.search(r"\.ya?ml$", file) and "/templates/" not in file
]


def patterns():
    return [normpath(f"deploy/{name}") for names, _ in ROWS for name in names]


@pytest.mark.parametrize("file", TRACKED)
def test_file_has_one_line_of_the_table(file):
    found = [pattern for pattern in patterns() if fnmatchcase(file, pattern)]
    assert len(found) == 1, f"say in deploy/README.md what checks {file}"


def test_table_names_nothing_that_is_gone():
    assert len(ROWS) > 10
    unused = [p for p in patterns() if not any(fnmatchcase(f, p) for f in TRACKED)]
    assert unused == []


def test_checks_that_the_table_names_are_there():
    named = {test for _, tests in ROWS for test in tests}
    assert all(tests for _, tests in ROWS)
    assert [test for test in sorted(named) if not (ROOT / test).is_file()] == []


@pytest.mark.parametrize("file", PLAIN_YAML)
def test_yamllint_finds_nothing(file):
    assert list(linter.run((ROOT / file).read_text(), STYLE, file)) == []


def test_yamllint_would_find_a_key_that_stands_twice():
    (found,) = linter.run("a: 1\nb: 2\na: 3\n", STYLE)
    assert found.rule == "key-duplicates"
