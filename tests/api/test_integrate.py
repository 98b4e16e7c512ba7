"""Every program in docs/integrate.md is the file it names, and works."""

import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import requests

from tests.api.processes import free_port, wait_until

ROOT = Path(__file__).resolve().parents[2]
CLIENTS = ROOT / "examples" / "clients"
IN_CLIENTS = ROOT / ".venv" / "clients" / "bin"
_BLOCK = re.compile(r"^```\w+ (\S+)\n(.*?)^```$", re.M | re.S)
BLOCKS = dict(_BLOCK.findall((ROOT / "docs" / "integrate.md").read_text()))


def run(*command, server, **environment):
    done = subprocess.run(
        list(map(str, command)),
        env=os.environ | {"SERVER": server.url} | environment,
        cwd=ROOT, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-2000:] + done.stdout[-2000:]
    return done.stdout


def test_page_shows_every_file_as_it_is():
    files = [path for path in CLIENTS.iterdir() if path.is_file()]
    assert {p.relative_to(ROOT).as_posix(): p.read_text() for p in files} == BLOCKS


@pytest.mark.parametrize(
    ("program", "words"),
    [
        (["sh", "predict.sh"], '"integrated_gradients"'),
        ([sys.executable, "with_requests.py"], "because"),
        (["node", "with_fetch.mjs"], "because"),
        ([IN_CLIENTS / "python", "with_tritonclient.py"], "gradients: (100, 30)"),
        ([IN_CLIENTS / "python", "with_kserve.py"], "integrated_gradients (2, 30)"),
    ],
    ids=lambda value: value[-1] if isinstance(value, list) else "",
)
def test_program_runs(server, program, words):
    *interpreter, script = program
    assert words in run(*interpreter, CLIENTS / script, server=server)


def test_generator_makes_a_typed_client(server, tmp_path):
    document = tmp_path / "openapi.json"
    document.write_bytes(server.get("/openapi.json").content)
    run(IN_CLIENTS / "openapi-python-client", "generate", "--path", document,
        "--output-path", tmp_path / "client", server=server)  # fmt: skip
    printed = run(
        IN_CLIENTS / "python",
        CLIENTS / "with_typed_client.py",
        server=server,
        PYTHONPATH=str(tmp_path / "client"),
    )
    assert "because" in printed
    assert "IntegratedGradientsExplanation of" in printed


@pytest.fixture
def application(server):
    """Start one of the applications on a free port; returns its address."""
    running = []

    def start(*command):
        port = str(free_port())
        running.append(
            subprocess.Popen(
                [str(part) for part in command] + ["--port", port],
                env=os.environ | {"SERVER": server.url},
                cwd=CLIENTS, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
            )
        )  # fmt: skip
        url = f"http://127.0.0.1:{port}"

        def answers():
            try:
                return requests.get(url, timeout=5).status_code == 404
            except requests.ConnectionError:
                return False

        wait_until(answers, what=" ".join(map(str, command)))
        return url

    yield start
    for process in running:
        process.terminate()
        process.wait(10)


@pytest.fixture
def case(model, instances):
    names = [feature.name for feature in model.manifest.input.features]
    return dict(zip(names, instances[0], strict=True))


@pytest.fixture
def disagreeing(model):
    """A case within the training range on which tree and network disagree."""
    features = model.manifest.input.features
    low, high = (np.array(bound) for bound in zip(
        *((feature.minimum, feature.maximum) for feature in features), strict=True
    ))  # fmt: skip
    points = np.random.default_rng(0).uniform(0, 0.5, (1000, len(features)))
    cases = np.float32(low + points * (high - low))
    prediction = model.predict(cases)
    found = cases[prediction.labels != prediction.tree_labels][0]
    names = [feature.name for feature in features]
    return dict(zip(names, found.tolist(), strict=True))


def test_flask_application_shows_reasons_and_trust(application, case, disagreeing):
    url = application(sys.executable, "-m", "flask", "--app", "flask_app", "run")
    page = requests.post(f"{url}/case", json=case, timeout=10)
    assert page.status_code == 200
    assert "<h1>malignant (" in page.text
    assert "of 100 new cases" in page.text
    assert page.text.count("<li>") >= 1
    odd = requests.post(f"{url}/case", json=disagreeing, timeout=10)
    assert "Have a person look" in odd.text
    assert "<li>" not in odd.text
    far = requests.post(f"{url}/case", json=case | {"mean radius": 99}, timeout=10)
    assert "99 for &#39;mean radius&#39; is outside the training range" in far.text
    assert "of 100 new cases" not in far.text
    assert not [page for page in (page, odd, far) if "(100 %)" in page.text]
    wrong = requests.post(f"{url}/case", json=case | {"mean radius": "x"}, timeout=10)
    assert wrong.status_code == 400
    assert "mean radius" in wrong.text


def test_fastapi_application_answers_with_the_rule(application, case, model):
    url = application(IN_CLIENTS / "python", "-m", "uvicorn", "fastapi_app:app")
    reply = requests.post(f"{url}/verdict", json=case, timeout=10).json()
    assert reply["label"] == "malignant"
    assert reply["digest"] == model.digest
    assert reply["rule"]
    assert reply["warnings"] == []
    far = requests.post(f"{url}/verdict", json=case | {"mean radius": 99}, timeout=10)
    assert "outside the training range" in far.json()["warnings"][0]
    short = requests.post(f"{url}/verdict", json={"mean radius": 1}, timeout=10)
    assert short.status_code == 422
    assert "lacks" in short.text
