"""From a trained model to report.html."""

from trainer.pipeline import Trained
from trainer.report import sections
from trainer.report.evidence import gather
from trainer.report.page import page, paragraph

REPORT = "report.html"
SECTIONS = (
    sections.summary,
    sections.frontier,
    sections.drawing,
    sections.leaves,
    sections.boundary,
    sections.calibration,
    sections.confusion,
    sections.disagreement,
    sections.curves,
)
"""In the order of the page; a section that has nothing to say returns nothing."""
MOST_CLASSES = 10
"""Classes that the page names before it says how many more there are."""


def write_report(trained: Trained) -> bytes:
    """Return the report: self-contained, no script, no request to elsewhere."""
    config, evidence = trained.prepared.config, gather(trained)
    tree = trained.metrics.tree
    rows = ", ".join(f"{n} {part}" for part, n in trained.provenance.rows.items())
    parts = [build(trained, evidence) for build in SECTIONS]
    if config.decision == "tree":
        parts.insert(
            0,
            paragraph(
                "The tree decides: the network's logits are projected onto its side, "
                "so tree and network agree everywhere by construction."
            ),
        )
    return page(
        f"{config.name}, version {config.version}",
        f"A network and the tree of {tree.leaves} leaves that speaks for it. "
        f"{_few(evidence.classes)}; rows: {rows}.",
        [part for part in parts if part],
        f"Data {trained.provenance.data_digest}. Seed {trained.provenance.seed}, "
        f"regularizer {config.regularizer.name}, strength {config.tree.strength:g}.",
    )


def _few(classes: tuple[str, ...]) -> str:
    """Return the names of the classes, of many the first ones and how many more."""
    more = len(classes) - MOST_CLASSES
    names = ", ".join(classes[:MOST_CLASSES])
    return f"{names} and {more} more classes" if more > 0 else names
