"""The report's section about the methods: curves and figures."""

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from explainers.manifest import Estimate
from trainer.evaluate.document import CONTROL, Evaluation
from trainer.report.figures import INK, PALETTE, draw
from trainer.report.page import paragraph, picture, section, table

KEY = "evaluation"
"""What marks the section in the report, so that a later run replaces it."""


def write_section(found: Evaluation) -> str:
    """Return the section as HTML."""
    return section(
        "How good the explanations are",
        paragraph(
            f"On {found.rows} test rows, of the class that the network answers. "
            "Deletion and insertion: the area under the curve of its probability as "
            "the parts of the input that speak most for it are taken away (lower is "
            "better) or put into a usual input first (higher is better), beside a "
            "random order. Infidelity: the share of the network's changes that the "
            "attributions miss. Sensitivity: their largest relative change within "
            f"{found.radius:g} training standard deviations. The last column: rank "
            "correlation with the attributions after so many layers, from the output "
            "on, were randomised; a method that stays near 1 does not look at the "
            "weights."
        ),
        picture(draw_curves(found)),
        table(
            [
                "",
                "deletion",
                "insertion",
                "infidelity",
                "sensitivity",
                f"after {', '.join(map(str, found.layers))} layers",
            ],
            [_line(found, name) for name in found.methods],
            range(1, 6),
        ),
    )


def _line(found: Evaluation, name: str) -> list[str]:
    record = found.methods[name]
    alike = ["-" if value is None else f"{value:.2f}" for value in record.randomised]
    return [
        "random order" if name == CONTROL else name,
        _text(record.deletion),
        _text(record.insertion),
        _text(record.infidelity),
        _text(record.max_sensitivity),
        ", ".join(alike),
    ]


def _text(estimate: Estimate | None) -> str:
    if estimate is None:
        return ""
    return f"{estimate.value:.3f} ({estimate.low:.3f}-{estimate.high:.3f})"


def draw_curves(found: Evaluation) -> str:
    """Draw both curves of every method, the control dashed, as <svg>."""

    def paint(figure: Figure) -> None:
        left, right = figure.subplots(1, 2, sharey=True)
        for i, (name, record) in enumerate(found.methods.items()):
            control = name == CONTROL
            colour = INK if control else PALETTE[(i - 1) % len(PALETTE)]
            line = "--" if control else "-"
            for ax, curve in (
                (left, record.deletion_curve),
                (right, record.insertion_curve),
            ):
                ax.plot(found.fractions, curve, line, color=colour, label=name)
        _label(left, "deletion", "share of the parts taken away")
        _label(right, "insertion", "share of the parts put in")
        left.set_ylabel("mean probability of the class")
        handles, labels = left.get_legend_handles_labels()
        figure.legend(handles, labels, loc="outside lower center", ncols=4)

    return draw(paint, 8.2, 3.8, "Deletion and insertion curves of each method")


def _label(axes: Axes, title: str, x_label: str) -> None:
    axes.set_title(title)
    axes.set_xlabel(x_label)
    axes.set_ylim(0, 1.02)
