"""One browser for all tests that look at pages."""

import shutil

import pytest
from playwright.sync_api import sync_playwright


@pytest.fixture(scope="session")
def browser():
    program = shutil.which("chromium")
    if program is None:
        raise RuntimeError("chromium is not installed: sh tests/install_tools.sh")
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=program)
        yield started
        started.close()
