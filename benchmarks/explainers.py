"""Explanation methods beside hand-written torch, captum, lime and shap.

A trained network of tables and one of pictures, and the gradients of larger networks
(networks.py); one input (and 64), one thread, all rivals of a contest in every round.
Usage: python -m benchmarks explainers
"""

import json
import tempfile
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import TypeAlias

import numpy as np
import shap
import torch
from captum.attr import IntegratedGradients, LayerGradCam, NoiseTunnel, Saliency
from lime.lime_tabular import LimeTabularExplainer
from sklearn.tree import DecisionTreeClassifier

from benchmarks.interleaved import Timing, interleave, load
from benchmarks.networks import CONFIGURATIONS
from explainers.arrays import Inputs
from explainers.loading import open_model
from explainers.model import Model
from explainers.registry import EXPLAINERS, parse_parameters
from trainer.config import Config, load_config, parse_config
from trainer.export.write import write_model
from trainer.pipeline import Trained, train

STEPS = 50
Rivals: TypeAlias = dict[str, Callable[[], object]]


def main() -> None:
    """Train both networks, time every method beside its rivals, print a table."""
    torch.set_num_threads(1)
    warnings.simplefilter("ignore")
    print(f"breast cancer (30 inputs) and digits (8 x 8 pixels), one thread, {load()}")
    tables = _example("breast-cancer")
    rivals = contests(*tables)
    rivals |= _class_activation(*_example("digits"))
    for name, values in CONFIGURATIONS.items():
        config = parse_config({"name": "large", "train": {"epochs": 3}, **values})
        rivals |= _larger(name, *_train(config))
    results = {name: interleave(contest) for name, contest in rivals.items()}
    for name, timings in results.items():
        _print(name, timings)
    print(load())
    for line in _same_features(*tables):
        print(line)
    print(json.dumps(as_json(results)))


def _example(name: str) -> tuple[Trained, Model]:
    return _train(load_config(Path(f"examples/{name}.toml")))


def _train(config: Config) -> tuple[Trained, Model]:
    trained = train(config, Path(__file__).parent, controls=False)
    with tempfile.TemporaryDirectory() as folder:
        write_model(trained, Path(folder) / "model")
        return trained, open_model(Path(folder) / "model")


def as_json(results: dict[str, dict[str, Timing]]) -> dict[str, dict[str, float]]:
    """Return median milliseconds by contest and rival."""
    return {
        name: {rival: round(t.median_ms, 4) for rival, t in timings.items()}
        for name, timings in results.items()
    }


def contests(trained: Trained, model: Model) -> dict[str, Rivals]:
    """Return what is timed: by contest, Leafpath first, then its rivals."""
    rows = trained.prepared.Z[trained.prepared.split.test][:64]
    network = trained.network
    one, many = rows[:1], rows
    result: dict[str, Rivals] = {}
    for label, x in (("1 row", one), ("64 rows", many)):
        result |= _gradients(model, network, x, label)
    result |= _limes(trained, model, one)
    result["tree_shap, 1 row"] = _tree_shap(trained, model, one)
    return result


def _explain(
    model: Model, name: str, *rows: np.ndarray, **values: object
) -> Callable[[], object]:
    method = EXPLAINERS[name]
    parameters = parse_parameters(method, values)
    prediction = model.predict(*rows)
    return lambda: method.explain(model, prediction, parameters)


def _gradients(
    model: Model, network: torch.nn.Module, x: Inputs, label: str
) -> dict[str, Rivals]:
    tensor = torch.from_numpy(x)
    targets = network(tensor).argmax(1)
    baseline = torch.from_numpy(model.mean)[None]
    captum_ig, saliency = IntegratedGradients(network), Saliency(network)
    tunnel = NoiseTunnel(saliency)
    nodes, weights = np.polynomial.legendre.leggauss(STEPS)
    alphas = torch.from_numpy(((nodes + 1) / 2).astype(np.float32))[:, None, None]
    halves = torch.from_numpy((weights / 2).astype(np.float32))[:, None, None]

    def gradient(at: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
        at = at.detach().requires_grad_(True)
        score = network(at).gather(1, target[:, None]).sum()
        return torch.autograd.grad(score, at)[0]

    def torch_ig() -> torch.Tensor:
        path = baseline + alphas * (tensor - baseline)  # [steps, n, d]
        flat = gradient(path.reshape(-1, x.shape[1]), targets.repeat(STEPS))
        return (tensor - baseline) * (halves * flat.reshape(path.shape)).sum(0)

    def torch_smoothgrad() -> torch.Tensor:
        noisy = tensor + 0.15 * torch.from_numpy(model.spread) * torch.randn(
            STEPS, *tensor.shape
        )
        flat = gradient(noisy.reshape(-1, x.shape[1]), targets.repeat(STEPS))
        return flat.reshape(noisy.shape).mean(0)

    return {
        f"gradient, {label}": {
            "leafpath": _explain(model, "gradient", x),
            "torch": lambda: gradient(tensor, targets),
            "captum": lambda: saliency.attribute(tensor, target=targets, abs=False),
        },
        f"integrated gradients {STEPS} steps, {label}": {
            "leafpath": _explain(
                model, "integrated_gradients", x, steps=STEPS, max_steps=STEPS
            ),
            "torch": torch_ig,
            "captum": lambda: captum_ig.attribute(
                tensor, baseline, target=targets, n_steps=STEPS
            ),
        },
        f"smoothgrad {STEPS} samples, {label}": {
            "leafpath": _explain(model, "smoothgrad", x, samples=STEPS),
            "torch": torch_smoothgrad,
            "captum": lambda: tunnel.attribute(
                tensor, nt_samples=STEPS, stdevs=0.15, target=targets, abs=False
            ),
        },
    }


def _class_activation(trained: Trained, model: Model) -> dict[str, Rivals]:
    rows = model.background[:64]
    result: dict[str, Rivals] = {}
    network = trained.network
    captum = LayerGradCam(network, network.body)

    def by_hand(x: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
        found = network.feature_map(x).detach().requires_grad_(True)
        logits = network.centre(network.head(found.mean((2, 3))))
        score = logits.gather(1, target[:, None]).sum()
        (gradients,) = torch.autograd.grad(score, found)
        return torch.relu((gradients.mean((2, 3), keepdim=True) * found).sum(1))

    for label, x in (("1 picture", rows[:1]), ("64 pictures", rows)):
        tensor = torch.from_numpy(x)
        targets = network(tensor).argmax(1)
        result[f"grad_cam, {label}"] = {
            "leafpath": _explain(model, "grad_cam", x),
            "torch": lambda x=tensor, target=targets: by_hand(x, target),
            "captum": lambda tensor=tensor, targets=targets: captum.attribute(
                tensor, target=targets, relu_attributions=True
            ),
        }
    return result


def _larger(name: str, trained: Trained, model: Model) -> dict[str, Rivals]:
    """Return the gradient of one logit of a larger network, for 1 and 64 rows."""

    def by_hand(x: torch.Tensor, *rest: torch.Tensor) -> torch.Tensor:
        x = x.detach().requires_grad_(True)
        score = trained.network(x, *rest)[:, 1].sum()
        return torch.autograd.grad(score, x)[0]

    result: dict[str, Rivals] = {}
    for label, n in (("1 row", 1), ("64 rows", 64)):
        rows = trained.prepared.family.inputs(np.arange(n))
        tensors = [torch.from_numpy(np.ascontiguousarray(part)) for part in rows]
        result[f"gradient, {name}, {label}"] = {
            "leafpath": _explain(model, "gradient", *rows, target=1),
            "torch": lambda tensors=tensors: by_hand(*tensors),
        }
    return result


def _probabilities(model: Model) -> Callable[[np.ndarray], np.ndarray]:
    return lambda rows: model.forward(rows.astype(np.float32))[1].astype(np.float64)


def _rival_lime(
    trained: Trained, discretize: bool, seed: int = 0
) -> LimeTabularExplainer:
    return LimeTabularExplainer(
        trained.prepared.X_train, discretize_continuous=discretize, random_state=seed
    )


def _limes(trained: Trained, model: Model, x: Inputs) -> dict[str, Rivals]:
    probabilities = _probabilities(model)
    result = {}
    for samples in (1000, 5000):
        for discretize in (False, True):
            rival = _rival_lime(trained, discretize)
            kind = "discretised" if discretize else "continuous"
            result[f"lime {samples} samples, {kind}"] = {
                "leafpath": _explain(
                    model, "lime", x, samples=samples, discretize=discretize
                ),
                "lime": lambda rival=rival, samples=samples: rival.explain_instance(
                    x[0], probabilities, num_samples=samples, num_features=30
                ),
            }
    return result


def _same_features(
    trained: Trained, model: Model, n: int = 10, samples: int = 5000
) -> Iterator[str]:
    """Say how far the 5 largest of ours and of lime's are the same inputs.

    Beside it, lime's with another seed of its own: more cannot be asked.
    """
    rows = trained.prepared.Z[trained.prepared.split.test][:n]
    for discretize in (False, True):
        asked = {"samples": samples, "discretize": discretize, "target": 1}
        ours = [a.attributions for a in _explain(model, "lime", rows, **asked)()]
        theirs, again = (
            [
                dict(
                    rival.explain_instance(
                        row, _probabilities(model), num_samples=samples, num_features=30
                    ).as_map()[1]
                )
                for row in rows
            ]
            for rival in (_rival_lime(trained, discretize, seed) for seed in (0, 1))
        )
        kind = "discretised" if discretize else "continuous"
        yield (
            f"lime {samples} samples, {kind}: of the 5 largest of {n} rows, mean "
            f"Jaccard with lime {_overlap(map(dict, map(enumerate, ours)), theirs):.2f}"
            f", lime with itself {_overlap(theirs, again):.2f}"
        )


def _overlap(
    some: Iterable[Mapping[int, float]], others: Iterable[Mapping[int, float]]
) -> float:
    shares = []
    for one, other in zip(some, others, strict=True):
        a, b = (
            set(sorted(weights, key=lambda i: -abs(weights[i]))[:5])
            for weights in (one, other)
        )
        shares.append(len(a & b) / len(a | b))
    return float(np.mean(shares))


def _tree_shap(trained: Trained, model: Model, x: Inputs) -> Rivals:
    prepared = trained.prepared
    classifier = DecisionTreeClassifier(
        max_leaf_nodes=len(model.tree.leaves), random_state=0
    ).fit(prepared.X_train, prepared.table.y[prepared.split.train])
    rival = shap.TreeExplainer(classifier)
    return {
        "leafpath": _explain(model, "tree_shap", x),
        "shap": lambda: rival.shap_values(x),
    }


def _print(name: str, timings: dict[str, Timing]) -> None:
    ours = timings["leafpath"].median_ms
    parts = [
        f"{rival} {t.median_ms:.3f} ms ({t.low_ms:.3f}-{t.high_ms:.3f})"
        + ("" if rival == "leafpath" else f" = {t.median_ms / ours:.1f}x")
        for rival, t in timings.items()
    ]
    print(f"{name}: {', '.join(parts)}")


if __name__ == "__main__":
    main()
