"""What the site shows and docs/ does not hold; mkdocs.yml names this file as a hook.

README, changelog and the guide for contributors stay where readers of the source look
for them, the API's page is made from its OpenAPI document, and a link to a file of the
source becomes a link to a copy of that file.
"""

import json
import re
import tempfile
from pathlib import Path

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

from api.app import create_app
from api.documentation import EXTENSION
from api.settings import Settings

ROOT = Path(__file__).resolve().parent.parent
PAGES = {
    "README.md": "index.md",
    "CONTRIBUTING.md": "contributing.md",
    "CHANGELOG.md": "changelog.md",
    "deploy/README.md": "deploy.md",
}
ICON = ROOT / "api/inspector/static/icon.svg"
_LINK = re.compile(r"\]\((?!https?:|#)([^)#\s]+)")


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the pages and files from outside docs/."""
    for source, uri in PAGES.items():
        text = (ROOT / source).read_text(encoding="utf-8")
        content = _relinked(text, (ROOT / source).parent)
        files.append(File.generated(config, uri, content=content))
    document = _openapi()
    files.append(File.generated(config, "api.md", content=_api_page(document)))
    text = json.dumps(document, indent=1)
    files.append(File.generated(config, "openapi.json", content=text))
    files.append(File.generated(config, "favicon.svg", abs_src_path=str(ICON)))
    for path in sorted(_linked_sources()):
        uri = f"source/{path}"
        files.append(File.generated(config, uri, abs_src_path=str(ROOT / path)))
    return files


def on_page_markdown(markdown: str, page: Page, **_: object) -> str:
    """Lead links out of docs/ to the site's copies."""
    if page.file.generated_by is not None:
        return markdown
    return _relinked(markdown, ROOT / "docs")


def _relinked(text: str, folder: Path) -> str:
    """Return Markdown of a file in ``folder`` with its links as the site has them."""
    return _LINK.sub(lambda link: f"]({_uri(link[1], folder)}", text)


def _uri(target: str, folder: Path) -> str:
    path = (folder / target).resolve()
    if not path.is_relative_to(ROOT):
        return target  # for the strict build to complain of
    name = path.relative_to(ROOT).as_posix()
    return PAGES.get(name) or (
        name.removeprefix("docs/") if name.startswith("docs/") else f"source/{name}"
    )


def _linked_sources() -> set[str]:
    """Return the files outside docs/ that some page links to, from the root."""
    pages = [*(ROOT / "docs").glob("*.md"), *map(ROOT.joinpath, PAGES)]
    found = {
        _uri(target, page.parent)
        for page in pages
        for target in _LINK.findall(page.read_text(encoding="utf-8"))
    }
    sources = {uri.removeprefix("source/") for uri in found if uri[:7] == "source/"}
    return {path for path in sources if (ROOT / path).is_file()}


def _openapi() -> dict:
    """Return the document that a server without models carries."""
    with tempfile.TemporaryDirectory() as empty:
        app = create_app(Settings(bundles=Path(empty)))
    return json.loads(app.extensions[EXTENSION].openapi)


def _api_page(document: dict) -> str:
    """Return a table of paths for each subject, in the order of the document's tags."""
    lines = [
        "# API reference",
        document["info"]["description"],
        "The same with every parameter, answer and problem is at `/docs` of a running"
        " server, where its models' inputs are filled in, and for programs at"
        " `/openapi.json` ([without models](openapi.json)).",
    ]
    for tag in document["tags"]:
        rows = [
            f"| `{method.upper()}` | `{path}` | {operation['summary']} |"
            for path, operations in document["paths"].items()
            for method, operation in operations.items()
            if tag["name"] in operation["tags"]
        ]
        head = ["| method | path | what it does |", "|---|---|---|"]
        lines += [f"## {tag['name'].capitalize()}", tag.get("description", "")]
        lines += ["\n".join(head + rows)]
    return "\n\n".join(lines)
