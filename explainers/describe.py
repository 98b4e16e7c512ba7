"""A bundle in words, for reading in a terminal."""

from collections.abc import Iterator

from explainers.manifest import ControlMetrics, Estimate, Manifest, TreeMetrics
from explainers.model import Model
from explainers.rules import rules_as_text, tree_as_text

_WIDTH = 26


def describe_model(model: Model) -> str:
    """Return everything that one should know before trusting the model's tree."""
    manifest = model.manifest
    columns, classes = manifest.tree_features, manifest.output.classes
    sections = [
        "\n".join(_header(model)),
        _section("Network, test split", _estimates(manifest.metrics.network)),
        _section("Tree, test split", _tree(manifest.metrics.tree)),
        _section(
            "Always the most frequent class (the floor)",
            _estimates(manifest.metrics.constant_class),
        ),
        *(
            _section(f"Control {name}", _control(control))
            for name, control in manifest.metrics.controls.items()
        ),
        _section(
            "Tree (the indented branch below a question is its yes)",
            tree_as_text(model.tree, columns, classes).splitlines(),
        ),
        _section("Rules", rules_as_text(model.tree, columns, classes).splitlines()),
    ]
    return "\n\n".join(sections) + "\n"


def _header(model: Model) -> Iterator[str]:
    manifest = model.manifest
    yield f"{manifest.name} version {manifest.version}"
    yield _line("task", f"{manifest.task}, {manifest.family}")
    yield _line("classes", ", ".join(manifest.output.classes))
    yield _line("inputs", _inputs(manifest))
    rows = manifest.provenance.rows
    yield _line("rows", ", ".join(f"{name} {n}" for name, n in rows.items()))
    yield _line("graphs", ", ".join(sorted(model.sessions)))
    for graph, reason in manifest.unavailable.items():
        yield _line(f"no {graph} graph", reason)
    yield _line("exposes", manifest.expose)
    yield _line("digest", model.digest)


def _inputs(manifest: Manifest) -> str:
    features = manifest.input.features
    categorical = sum(feature.kind == "categorical" for feature in features)
    missing = sum(feature.missing == "impute" for feature in features)
    return (
        f"{len(features)} ({categorical} categorical, {missing} may be missing), "
        f"{len(manifest.tree_features)} tree features"
    )


def _control(control: ControlMetrics) -> Iterator[str]:
    yield f"  {control.description}"
    yield from _estimates(control.network)
    if control.tree is not None:
        yield from _tree(control.tree)


def _tree(tree: TreeMetrics) -> Iterator[str]:
    yield _line("leaves", str(tree.leaves))
    yield _line("depth", str(tree.depth))
    yield from _estimates(
        {
            "accuracy": tree.accuracy,
            "fidelity": tree.fidelity,
            "balanced fidelity": tree.balanced_fidelity,
            "average path length": tree.average_path_length,
        }
    )


def _estimates(estimates: dict[str, Estimate]) -> Iterator[str]:
    for name, estimate in estimates.items():
        yield _line(
            name.replace("_", " "),
            f"{estimate.value:.3f}  (95 % {estimate.low:.3f} to {estimate.high:.3f}, "
            f"n={estimate.n})",
        )


def _section(title: str, lines: Iterator[str] | list[str]) -> str:
    return "\n".join([title, "-" * len(title), *lines])


def _line(name: str, value: str) -> str:
    return f"  {name:<{_WIDTH}}{value}"
