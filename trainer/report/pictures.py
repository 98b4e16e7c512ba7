"""Sections put into a report that is already written: pictures, and others."""

import base64
import re
from collections.abc import Iterable, Mapping

from trainer.report.page import section

_MEDIA = {"png": "image/png", "svg": "image/svg+xml"}
MOST = 16
"""Pictures of one section: a report is opened as a whole."""


def with_pictures(
    report: bytes,
    key: str,
    title: str,
    files: Mapping[str, bytes],
    paths: Iterable[str],
) -> bytes:
    """Return the report with a section of pictures before its footer.

    A section of the same key, from an earlier run, is replaced. Pictures become data
    URIs: the report asks nothing of anyone.

    Parameters
    ----------
    files : content by path; ``paths`` are those to show, in order, .png or .svg.
    """
    shown = [_figure(path, files[path]) for path in paths][:MOST]
    return with_section(report, key, section(title, *shown))


def with_section(report: bytes, key: str, content: str) -> bytes:
    """Return the report with a section (HTML) before its footer.

    A section of the same key, from an earlier run, is replaced.
    """
    start, end = f"<!--{key}-->", f"<!--/{key}-->"
    text = report.decode()
    old = re.escape(start) + ".*?" + re.escape(end) + "\n"
    text = re.sub(old, "", text, flags=re.DOTALL)
    added = f"{start}{content}{end}\n"
    before, footer, after = text.rpartition("<footer>")
    return f"{before}{added}{footer}{after}".encode() if footer else report


def _figure(path: str, content: bytes) -> str:
    media = _MEDIA[path.rpartition(".")[2]]
    data = base64.b64encode(content).decode()
    return (
        f'<figure><img alt="{path}" style="max-width:100%" '
        f'src="data:{media};base64,{data}"></figure>'
    )
