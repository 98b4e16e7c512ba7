"""Rows with what training never saw, beside what the server answers to each alone."""

from pathlib import Path

import msgspec
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from flask.testing import FlaskClient

from api.app import create_app
from api.settings import Settings
from bulk.errors import BulkError
from bulk.explain import explain_file
from explainers.bundle import read_bundle, write_bundle

INPUTS = ["alcohol", "flavanoids", "colour"]
ROWS = [
    {"alcohol": 13.0, "flavanoids": 2.0, "colour": "ruby"},
    {"alcohol": 9999.0, "flavanoids": 2.0, "colour": "ruby"},
    {"alcohol": 13.0, "flavanoids": None, "colour": "blue"},
    {"alcohol": None, "flavanoids": -7.1, "colour": "blue"},  # alcohol must be there
    {"alcohol": -0.1, "flavanoids": 1e6 / 3, "colour": "mauve, or 'so'"},
    {"alcohol": 13.0, "flavanoids": -7.1, "colour": "dark"},
    {"alcohol": 9999.0, "flavanoids": 2.0, "colour": "blue"},
]
PREDICT = "/v1/models/wines:predict"


@pytest.fixture(scope="module")
def cask(tmp_path_factory) -> Path:
    """The rows above in the second step of 1,024, the last of them in a second part."""
    first = [ROWS[0]] * 1030
    path = tmp_path_factory.mktemp("cask") / "cask.parquet"
    table = pa.Table.from_pandas(pd.DataFrame(first + ROWS), preserve_index=False)
    table = table.set_column(2, "colour", table["colour"].dictionary_encode())
    pq.write_table(table, path)
    return path


def client_of(bundle: Path, home: Path) -> FlaskClient:
    (home / "bundles").mkdir()
    (home / "bundles" / "wines").symlink_to(bundle)
    return create_app(Settings(bundles=home / "bundles")).test_client()


@pytest.fixture
def strict(bundle: Path, tmp_path: Path) -> Path:
    """The bundle, written to refuse what training never saw."""
    read = read_bundle(bundle)
    schema = msgspec.structs.replace(read.manifest.input, beyond_training="refuse")
    manifest = msgspec.structs.replace(read.manifest, input=schema)
    write_bundle(tmp_path / "strict", manifest, read.files)
    return tmp_path / "strict"


def explained(data: Path, bundle: Path, out: Path) -> list[dict]:
    """Return what bulk answers to the rows above."""
    explain_file(data, bundle, out, rows_per_part=1036, jobs=1)
    parts = [pq.read_table(path) for path in sorted(out.glob("part-*.parquet"))]
    assert [len(part) for part in parts] == [1036, 1]
    table = pa.concat_tables(parts)
    assert table.slice(0, 1030)["error"].null_count == 1030
    assert table.slice(0, 1030)["warnings"].null_count == 1030
    return table.slice(1030).to_pylist()


def test_a_row_is_warned_of_in_the_words_of_the_server(bundle, cask, tmp_path):
    client = client_of(bundle, tmp_path)
    warned = 0
    for row, found in zip(ROWS, explained(cask, bundle, tmp_path / "o"), strict=True):
        reply = client.post(PREDICT, json={"instances": [row]})
        if reply.status_code == 422:
            assert found["error"] is not None
            assert found["warnings"] is None
            continue
        told = [warning["problem"] for warning in reply.json["warnings"]]
        assert found["error"] is None
        assert found["label"] == reply.json["predictions"][0]["label"]
        assert found["warnings"] == ("; ".join(told) or None)
        warned += len(told)
    assert warned == 8


def test_a_row_is_refused_where_the_server_refuses_it(strict, cask, tmp_path):
    client = client_of(strict, tmp_path)
    found = explained(cask, strict, tmp_path / "out")
    for i, (row, answer) in enumerate(zip(ROWS, found, strict=True)):
        reply = client.post(PREDICT, json={"instances": [row]})
        assert answer["warnings"] is None
        if reply.status_code == 200:
            assert (answer["error"], answer["error_path"]) == (None, None)
            assert answer["label"] == reply.json["predictions"][0]["label"]
            continue
        assert reply.status_code == 422
        path = answer["error_path"].replace(f"$[{1030 + i}]", "$.instances[0]")
        assert f"{path}: {answer['error']}" == reply.json["detail"]
        assert path == reply.json["errors"][0]["path"]
        unsaid = {"row", "error", "error_path"}
        assert {v for k, v in answer.items() if k not in unsaid} == {None}
    assert [row["error"] is None for row in found] == [True] + [False] * 6
    assert "9999 for 'alcohol' is outside the training range" in found[1]["error"]


def test_a_column_named_as_the_warnings_cannot_be_kept(bundle, wines, tmp_path):
    table = pa.Table.from_pandas(wines.assign(warnings="x"), preserve_index=False)
    pq.write_table(table, tmp_path / "a.parquet")
    with pytest.raises(BulkError, match="'warnings' have the names of"):
        explain_file(tmp_path / "a.parquet", bundle, tmp_path / "out")
