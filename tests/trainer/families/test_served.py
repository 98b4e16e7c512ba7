"""From one's own data to a server's answer: export, verify, serve, explain, compare."""

import shutil
import warnings
from pathlib import Path

import captum.attr
import numpy as np
import pandas as pd
import pytest
import torch
from click.testing import CliRunner
from sklearn.datasets import load_wine

from explainers.loading import open_model
from explainers.reading import write_instance
from leafpath import main
from tests.api.processes import start_server
from tests.trainer.families.conftest import Case
from tests.trainer.families.own_networks import ragged
from trainer.config import parse_config
from trainer.errors import TrainingWarning
from trainer.export.write import write_model
from trainer.pipeline import train

ROWS = np.arange(20)
FROM_FILES = {
    "table": {
        "data": {"path": "wines.parquet", "target": "class"},
        "model": {"hidden": [8]},
        "train": {"epochs": 60},
    },
    "visits": {
        "data": {
            "path": "visits.csv", "target": "state", "sequence": "patient",
            "time": "day", "labels": "sequence",
        },
        "model": {"family": "sequence", "cell": "lstm", "hidden": 6},
        "tree_features": {"windows": [3], "statistics": ["mean"]},
        "train": {"epochs": 30, "learning_rate": 1e-2},
    },
}  # fmt: skip
FROM_CODE = ["gru", "lstm", "cnn", "own"]


def write_tables(directory: Path) -> None:
    """A table of wines as Parquet; sequences of 2 to 12 shuffled lines as CSV."""
    wine = load_wine(as_frame=True)
    columns = ["alcohol", "flavanoids", "proline"]
    kinds = wine.target.map(dict(enumerate("abc")))
    wine.data[columns].assign(**{"class": kinds}).to_parquet(
        directory / "wines.parquet"
    )
    drawn = ragged(n=120)
    lines = [
        (patient, day, *step, state)
        for patient, (steps, state) in enumerate(
            zip(drawn.values, drawn.labels, strict=True)
        )
        for day, step in enumerate(steps)
    ]
    frame = pd.DataFrame(lines, columns=["patient", "day", "a", "b", "c", "state"])
    frame.sample(frac=1, random_state=0).to_csv(directory / "visits.csv", index=False)


@pytest.fixture(scope="module")
def served(tmp_path_factory, case_of):
    """Every case by name, and a server of all their bundles."""
    directory = tmp_path_factory.mktemp("served")
    bundles = directory / "bundles"
    cases = {name: case_of(name) for name in FROM_CODE}
    for name, case in cases.items():
        shutil.copytree(case.bundle, bundles / name)
    write_tables(directory)
    for name, raw in FROM_FILES.items():
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", TrainingWarning)
            config = parse_config({"name": name, **raw})
            trained = train(config, directory, controls=False)
            write_model(trained, bundles / name)
        cases[name] = Case(trained, bundles / name, open_model(bundles / name))
    server = start_server(directory, bundles, workers=1)
    yield cases, server
    server.stop()


def own_steps(array, lengths):
    """The rows of a batch, each of its own length."""
    if not lengths:
        return list(array)
    return [row[:n] for row, n in zip(array, lengths[0].tolist(), strict=True)]


def walk(nodes, x):
    """The ids of the nodes from the root to the leaf of one row of tree features."""
    path = [0]
    while nodes[path[-1]].feature is not None:
        node = nodes[path[-1]]
        left = np.float32(x[node.feature]) <= node.threshold
        path.append(node.left if left else node.right)
    return path


@pytest.mark.parametrize("name", [*FROM_FILES, *FROM_CODE])
def test_a_server_explains_what_was_trained(served, name):
    cases, server = served
    case = cases[name]
    verified = CliRunner().invoke(main, ["verify", str(case.bundle)])
    assert verified.exit_code == 0, verified.output
    assert case.model.digest in verified.output

    prepared, network = case.trained.prepared, case.trained.network
    inputs, *lengths = prepared.family.inputs(ROWS)
    counts = lengths[0] if lengths else np.ones(len(ROWS), dtype=int)
    schema = case.model.manifest.input
    quadrature = {"baseline": "zero", "steps": 20, "max_steps": 20, "target": 1}
    body = {
        "instances": [
            write_instance(schema, row, int(n))
            for row, n in zip(inputs, counts, strict=True)
        ],
        "explanations": [
            "tree_path",
            {"method": "gradient", "target": 1},
            {"method": "integrated_gradients", **quadrature},
        ],
    }
    reply = server.post(f"/v1/models/{name}:explain", json=body)
    assert reply.status_code == 200, reply.text
    answer = reply.json()

    x = torch.from_numpy(np.ascontiguousarray(inputs))
    rest = tuple(map(torch.from_numpy, lengths))
    with torch.no_grad():
        expected = torch.softmax(network(x, *rest), dim=1).numpy()
    found = np.array([p["probabilities"] for p in answer["predictions"]])
    np.testing.assert_allclose(found, expected, atol=2e-5)

    paths, *attributions = zip(*answer["explanations"], strict=True)
    for row, path in zip(ROWS, paths, strict=True):
        *decisions, leaf = walk(case.trained.tree.nodes, prepared.Z[row])
        assert [step["node"] for step in path["path"]] == decisions
        assert path["leaf"] == leaf
    asked = {"target": 1, "additional_forward_args": rest or None}
    oracles = (
        captum.attr.Saliency(network).attribute(
            x.clone().requires_grad_(), abs=False, **asked
        ),
        captum.attr.IntegratedGradients(network).attribute(x, n_steps=20, **asked),
    )
    for ours, oracle in zip(attributions, oracles, strict=True):
        whole = oracle.detach().numpy()
        for one, other in zip(ours, own_steps(whole, lengths), strict=True):
            np.testing.assert_allclose(
                np.float32(one["attributions"]), other, atol=1e-5 * np.abs(whole).max()
            )
