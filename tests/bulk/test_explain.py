"""Whole files beside the model itself, asked one row at a time."""

import dataclasses
import json
from pathlib import Path

import msgspec
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner

from bulk.columns import fields_of
from bulk.errors import BulkError
from bulk.explain import explain_file
from explainers.errors import ParameterError, UnknownMethodError, UnsupportedMethodError
from explainers.instances import encode_instances
from explainers.registry import EXPLAINERS, available, parse_parameters
from leafpath import main

INPUTS = ["alcohol", "flavanoids", "colour"]


def rows_of(table: pa.Table) -> list[dict]:
    """Return rows by feature name, as a client would send them."""
    return table.select(INPUTS).to_pylist()


def plain(value):
    """Return what JSON would hold."""
    text = msgspec.json.encode(value, enc_hook=lambda v: v.tolist())
    return msgspec.json.decode(text)


def ask(model, method: str, row: dict, **parameters) -> dict:
    prediction = model.predict(encode_instances(model.manifest.input, [row]))
    explainer = EXPLAINERS[method]
    (result,) = explainer.explain(
        model, prediction, parse_parameters(explainer, parameters)
    )
    return {
        field.name: plain(getattr(result, field.name))
        for field in dataclasses.fields(result)
    }


def answers(out: Path) -> pa.Table:
    return pa.concat_tables(
        [pq.read_table(path) for path in sorted(out.glob("part-*.parquet"))]
    )


def write(path: Path, frame: pd.DataFrame) -> Path:
    table = pa.Table.from_pandas(frame, preserve_index=False)
    pq.write_table(table, path)
    return path


def test_every_row_is_what_the_model_answers_alone(model, bundle, cellar, tmp_path):
    done = explain_file(
        cellar, bundle, tmp_path / "out", rows_per_part=500, jobs=2,
        methods='["tree_path", {"method": "integrated_gradients", "steps": 8, '
        '"target": "south"}]',
    )  # fmt: skip
    assert (done.rows, done.faulty, done.parts) == (1200, 0, 4)
    sizes = [
        pq.read_metadata(p).num_rows for p in sorted((tmp_path / "out").glob("p*t"))
    ]
    assert sizes == [500, 500, 150, 50]
    source = pq.read_table(cellar)
    table = answers(tmp_path / "out")
    assert table["row"].to_pylist() == list(range(1200))
    assert table["bottle"].equals(source["bottle"])
    assert table["region"].equals(source["region"])
    assert set(INPUTS).isdisjoint(table.column_names)
    inputs = encode_instances(model.manifest.input, rows_of(source))
    probabilities = np.array(table["probabilities"].to_pylist(), dtype=np.float32)
    assert np.array_equal(probabilities, model.predict(inputs).probabilities)
    for i in (0, 1, 499, 500, 1023, 1024, 1149, 1150, 1199):
        found, row = table.slice(i, 1).to_pylist()[0], rows_of(source)[i]
        path = ask(model, "tree_path", row)
        for name in ("leaf", "agrees", "rule"):
            assert found[name] == path[name]
        assert found["tree_label"] == path["label"]
        assert found["tree_path.path"] == path["path"]
        gradients = ask(model, "integrated_gradients", row, steps=8, target="south")
        for name in ("attributions", "encoded_attributions", "completeness"):
            assert found[f"integrated_gradients.{name}"] == gradients[name]
        assert found["label"] == model.classes[int(np.argmax(probabilities[i]))]


def test_every_method_of_a_table_has_its_whole_answer(model, bundle, cellar, tmp_path):
    names = list(available(model))
    assert {"lime", "tree_shap", "counterfactual", "prototypes"} < set(names)
    source = pq.read_table(cellar).slice(0, 6)
    pq.write_table(source, tmp_path / "six.parquet")
    explain_file(
        tmp_path / "six.parquet", bundle, tmp_path / "out", methods=",".join(names),
        jobs=1,
    )  # fmt: skip
    found = answers(tmp_path / "out").to_pylist()
    for method in names:
        kinds = fields_of(EXPLAINERS[method])
        for i, row in enumerate(rows_of(source)):
            for name, value in ask(model, method, row).items():
                if name == "method":
                    continue
                written = found[i][f"{method}.{name}"]
                if kinds[name] is None:
                    written = json.loads(written)
                assert written == value, (method, name)


def test_the_answers_say_where_they_come_from(model, bundle, cellar, tmp_path):
    explain_file(
        cellar, bundle, tmp_path, jobs=1, keep=("bottle",),
        methods='["tree_path", {"method": "smoothgrad", "samples": 3, "seed": 5}]',
    )  # fmt: skip
    told = json.loads(
        pq.read_schema(tmp_path / "part-000000.parquet").metadata[b"leafpath"]
    )
    assert told["model"]["digest"] == model.digest
    assert told["features"] == [f.name for f in model.manifest.input.features]
    assert told["classes"] == list(model.classes)
    smoothgrad = told["methods"][1]
    assert (smoothgrad["samples"], smoothgrad["seed"]) == (3, 5)
    assert smoothgrad.keys() > {"method", "target"}  # defaults too
    names = answers(tmp_path).column_names
    assert "bottle" in names
    assert "region" not in names


def test_a_bad_row_keeps_its_place_and_says_what_is_wrong(
    model, bundle, wines, tmp_path
):
    frame = pd.concat([wines[INPUTS]] * 12, ignore_index=True)  # two steps of 1,024
    frame["bottle"] = np.arange(len(frame))
    table = pa.Table.from_pandas(frame, preserve_index=False).to_pydict()
    table["alcohol"][3] = None
    table["alcohol"][1030] = float("inf")
    table["alcohol"][1031] = 3e38  # fits; the network overflows
    table["flavanoids"][4] = float("nan")  # missing, which training saw
    pq.write_table(pa.table(table), tmp_path / "bad.parquet")
    arguments = [
        "explain", str(tmp_path / "bad.parquet"), "--bundle", str(bundle), "--jobs",
        "1", "--out", str(tmp_path / "out"), "--methods", "tree_path,gradient",
    ]  # fmt: skip
    result = CliRunner().invoke(main, arguments)
    assert result.exit_code == 0, result.output
    assert f"{len(frame)} rows in 1 parts, 3 with an error" in result.output
    found = answers(tmp_path / "out").to_pylist()
    assert [row["bottle"] for row in found] == list(range(len(frame)))
    bad = {row["row"]: row for row in found if row["error"] is not None}
    assert list(bad) == [3, 1030, 1031]
    assert bad[3]["error_path"] == "$[3]['alcohol']"
    assert "is null" in bad[3]["error"]
    assert bad[1030]["error_path"] == "$[1030]['alcohol']"
    assert "inf" in bad[1030]["error"]
    assert bad[1031]["error_path"] == "$[1031]"
    assert "non-finite" in bad[1031]["error"]
    for row in bad.values():
        unsaid = {"row", "bottle", "error", "error_path"}
        assert {v for k, v in row.items() if k not in unsaid} == {None}
    sent = {name: table[name][4] for name in INPUTS} | {"flavanoids": None}
    assert found[4]["tree_path.leaf"] == ask(model, "tree_path", sent)["leaf"]
    assert found[1032]["label"] is not None


def test_a_file_of_bad_rows_alone_has_every_column(bundle, wines, tmp_path):
    frame = wines[INPUTS].assign(alcohol="12.5 %")
    done = explain_file(
        write(tmp_path / "bad.parquet", frame), bundle, tmp_path / "out", jobs=1
    )
    assert done.faulty == done.rows == len(frame)
    found = answers(tmp_path / "out")
    assert found["tree_path.path"].null_count == len(frame)
    assert found["error"][0].as_py() == "expected a number for 'alcohol', got a string"


def test_a_file_without_rows_has_no_answers(bundle, wines, tmp_path):
    path = write(tmp_path / "empty.parquet", wines[:0])
    assert explain_file(path, bundle, tmp_path / "out", jobs=1).rows == 0


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda f: f.drop(columns="colour"), "lacks the columns 'colour'"),
        (lambda f: f.assign(alcohol=pd.Timestamp(0)), "'alcohol' is timestamp"),
        (lambda f: f.assign(label="x", rule="y"), "'label', 'rule' have the names of"),
    ],
)
def test_a_file_that_cannot_be_explained_is_refused(
    bundle, wines, tmp_path, change, said
):
    path = write(tmp_path / "a.parquet", change(wines))
    with pytest.raises(BulkError, match=said):
        explain_file(path, bundle, tmp_path / "out")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("methods", "error", "said"),
    [
        ("tree_path,limee", UnknownMethodError, r"\$.methods\[1\]: unknown method"),
        ("grad_cam", UnsupportedMethodError, "cannot answer 'grad_cam'"),
        ('[{"method": "lime", "samples": -1}]', ParameterError, r"\[0\]\.samples"),
        ('[{"method": "lime", "target": "west"}]', ParameterError, "'west' is not a"),
        ("gradient, gradient", BulkError, "gradient is asked for twice"),
        ("[1, 2]", BulkError, "names separated by commas, or a JSON array"),
    ],
)
def test_methods_that_cannot_be_are_refused(
    bundle, cellar, tmp_path, methods, error, said
):
    with pytest.raises(error, match=said):
        explain_file(cellar, bundle, tmp_path / "out", methods=methods)
    assert not (tmp_path / "out").exists()


def test_what_is_no_parquet_file_is_one_line(bundle, tmp_path):
    (tmp_path / "a.parquet").write_text("row,label\n")
    for name in ("a.parquet", "nowhere.parquet"):
        arguments = [
            "explain", str(tmp_path / name), "--bundle", str(bundle), "--out",
            str(tmp_path / "out"),
        ]  # fmt: skip
        result = CliRunner().invoke(main, arguments)
        assert result.exit_code == 1
        assert name in result.output
        assert len(result.output.splitlines()) == 1


def test_a_baseline_that_does_not_fit_is_told_and_not_a_row_s_fault(
    bundle, cellar, tmp_path
):
    methods = '[{"method": "integrated_gradients", "baseline": [1, 2]}]'
    with pytest.raises(BulkError, match="has 2 values"):
        explain_file(cellar, bundle, tmp_path, methods=methods, jobs=2)


def test_a_directory_holds_the_answers_to_one_question(bundle, cellar, wines, tmp_path):
    out = tmp_path / "out"
    explain_file(cellar, bundle, out, jobs=1)
    other = write(tmp_path / "other.parquet", wines)
    with pytest.raises(BulkError, match=r"another run \(other methods;"):
        explain_file(cellar, bundle, out, methods="gradient")
    with pytest.raises(BulkError, match=r"\(other data, keep;"):
        explain_file(other, bundle, out)
    with pytest.raises(BulkError, match=r"\(other keep, rows_per_part;"):
        explain_file(cellar, bundle, out, keep=(), rows_per_part=7)
    (out / "plan.json").unlink()
    with pytest.raises(BulkError, match=r"holds files but no plan\.json"):
        explain_file(cellar, bundle, out)
