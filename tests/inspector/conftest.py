"""A real browser before a real server with every kind of bundle."""

import json
import re
from dataclasses import dataclass, field
from urllib.parse import urlencode

import pytest
from playwright.sync_api import expect

from tests.api.processes import start_server
from tests.inspector.bundles import write_all

SIZES = {"desktop": (1280, 900), "phone": (380, 780)}
REFUSED = re.compile(r"Failed to load resource: .* status of 4\d\d")


def in_words(condition):
    """A condition as the page writes it: seven digits tell thresholds apart."""
    short = re.sub(r"\d+\.\d{6,}", lambda found: f"{float(found[0]):.7g}", condition)
    return short.replace("<=", "\u2264")


@dataclass
class Visit:
    """A page of the inspector, and what the browser complained about."""

    page: object
    server: object
    complaints: list = field(default_factory=list)

    def __post_init__(self):
        self._listeners = {
            "console": self._note,
            "pageerror": lambda error: self.complaints.append(str(error)),
            "request": self._check_origin,
        }
        for event, listener in self._listeners.items():
            self.page.on(event, listener)

    def leave(self):
        """Empty the page for the next visit."""
        self.page.goto("about:blank")
        self.page.unroute_all()
        for event, listener in self._listeners.items():
            self.page.remove_listener(event, listener)

    def _note(self, message):
        if message.type in ("error", "warning"):
            self.complaints.append(message.text)

    def _check_origin(self, request):
        inside = (self.server.url, "blob:" + self.server.url, "data:")
        if not request.url.startswith(inside):
            self.complaints.append(f"asked elsewhere: {request.url}")

    def open(self, **state):
        """Show a state by its address, and wait until it stands."""
        words = {
            key: value if isinstance(value, str) else json.dumps(value)
            for key, value in state.items()
        }
        self.page.goto("about:blank")
        self.page.goto(f"{self.server.url}/#{urlencode(words)}")
        self.page.wait_for_selector("main > *")
        self.settle()

    def settle(self):
        """Wait for the answer under way."""
        # No wait_for_function: it evaluates a string, which the page's policy forbids.
        status = self.page.get_by_role("status")
        expect(status).not_to_have_text(re.compile("^(Loading|Asking)"))
        expect(self.page.locator("[aria-busy]")).to_have_count(0)

    def card(self, heading):
        return self.page.locator(".card").filter(
            has=self.page.get_by_role("heading", name=heading, exact=True)
        )

    def answers(self):
        """The text of every card that answers."""
        return self.page.locator(".answers .card").all_inner_texts()

    def field(self, name):
        return self.page.get_by_label(name, exact=True)

    def module(self, name):
        """The address of one of the modules that the page is made of."""
        return self.page.locator("script[type=module]").evaluate(
            "(script, name) => new URL(name, script.src).href", name
        )

    def explain(self):
        self.page.get_by_role("button", name="Explain").click()
        self.settle()

    def forgive_refusals(self):
        """Forget what the browser says of 4xx answers; call it where they are due."""
        self.complaints[:] = [c for c in self.complaints if not REFUSED.match(c)]


@pytest.fixture(scope="session")
def bundles(tmp_path_factory):
    return write_all(tmp_path_factory.mktemp("inspected"))


@pytest.fixture(scope="session")
def server(bundles, tmp_path_factory):
    running = start_server(tmp_path_factory.mktemp("server"), bundles, workers=1)
    yield running
    running.stop()


@pytest.fixture(scope="session")
def page_of(browser):
    """One page a look for all tests: a new one costs more than what most of them do."""
    pages = {}

    def get(size, scheme):
        if (size, scheme) not in pages:
            width, height = SIZES[size]
            viewport = {"width": width, "height": height}
            context = browser.new_context(viewport=viewport, color_scheme=scheme)
            context.set_default_timeout(10_000)
            pages[size, scheme] = context.new_page()
        return pages[size, scheme]

    return get


@pytest.fixture
def open_visit(page_of):
    """Begin a visit; at its end the browser must have had nothing to say."""
    visits = []

    def begin(server, size="desktop", scheme="light"):
        visits.append(Visit(page_of(size, scheme), server))
        return visits[-1]

    yield begin
    for visit in visits:
        visit.leave()
    assert [visit.complaints for visit in visits] == [[]] * len(visits)


@pytest.fixture
def visit(open_visit, server):
    return open_visit(server)
