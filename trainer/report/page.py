"""The page: one HTML file with its style and pictures inside, and no script."""

from collections.abc import Iterable, Sequence
from html import escape

STYLE = """
body{font:15px/1.5 system-ui,-apple-system,"Segoe UI",Helvetica,Arial,sans-serif;
color:#222;background:#fff;max-width:58rem;margin:2rem auto;padding:0 1.2rem}
h1{font-size:1.6rem;margin:0 0 .2rem}h2{font-size:1.15rem;margin:2.2rem 0 .4rem;
border-bottom:1px solid #dde2e6;padding-bottom:.2rem}
p{margin:.5rem 0}.lead{color:#555}figure{margin:.8rem 0;overflow-x:auto}
figure svg{max-width:100%;height:auto}figure.wide svg{max-width:none}
table{border-collapse:collapse;font-size:.88rem;margin:.6rem 0;width:100%}
th,td{text-align:left;padding:.28rem .6rem;border-bottom:1px solid #e6eaed;
vertical-align:top}th{font-weight:600;color:#444}
td.number,th.number{text-align:right;font-variant-numeric:tabular-nums;
white-space:nowrap}
.scroll{overflow:auto;max-height:44rem}
.scroll th{position:sticky;top:0;background:#fff}
details{margin:.4rem 0}summary{cursor:pointer;overflow-wrap:anywhere}
.warn{background:#fff5e6;border-left:4px solid #c98a1b;
padding:.5rem .8rem;margin:.8rem 0}code{font-size:.86rem;word-break:break-all}
footer{margin:3rem 0 1rem;color:#666;font-size:.85rem;overflow-wrap:anywhere}
@media print{body{max-width:none}.scroll{max-height:none}
h2{break-after:avoid}figure,table{break-inside:avoid}}
"""


def page(title: str, lead: str, sections: Iterable[str], footer: str) -> bytes:
    """Return the whole file."""
    body = "\n".join(sections)
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escape(title)}</title><style>{STYLE}</style></head><body>"
        f'<h1>{escape(title)}</h1><p class="lead">{escape(lead)}</p>\n'
        f"{body}\n<footer>{escape(footer)}</footer></body></html>\n"
    ).encode()


def section(title: str, *parts: str) -> str:
    """Return a section; parts are HTML."""
    return f"<section><h2>{escape(title)}</h2>{''.join(parts)}</section>"


def paragraph(text: str, *, warn: bool = False) -> str:
    """Return a paragraph of plain text."""
    kind = ' class="warn"' if warn else ""
    return f"<p{kind}>{escape(text)}</p>"


def picture(svg: str, *, wide: bool = False) -> str:
    """Return a figure; a wide one scrolls instead of shrinking."""
    kind = ' class="wide"' if wide else ""
    return f"<figure{kind}>{svg}</figure>"


def fold(title: str, content: str) -> str:
    """Return HTML that opens with a click on its title, or on a link into it."""
    return f"<details><summary>{escape(title)}</summary>{content}</details>"


def table(
    head: Sequence[str], rows: Iterable[Sequence[str]], numbers: Iterable[int] = ()
) -> str:
    """Return a table of plain texts; ``numbers`` are the columns set to the right."""
    right = set(numbers)

    def cells(tag: str, texts: Sequence[str]) -> str:
        return "".join(
            f"<{tag}{' class=number' if i in right else ''}>{escape(text)}</{tag}>"
            for i, text in enumerate(texts)
        )

    lines = "".join(f"<tr>{cells('td', row)}</tr>" for row in rows)
    return (
        f'<div class="scroll"><table><thead><tr>{cells("th", head)}</tr></thead>'
        f"<tbody>{lines}</tbody></table></div>"
    )
