"""The inspector below a path of a site that has more on it."""

import subprocess

import pytest
from playwright.sync_api import expect

from tests.api.processes import Server, free_port, wait_until
from tests.deploy.programs import program, temporary_paths

NGINX = """
daemon off;
pid {directory}/pid;
events {{}}
http {{
    access_log off;
    {temporary}
    server {{
        listen 127.0.0.1:{port};
        location / {{ return 404; }}
        location = /v2/health/ready {{ return 200; }}
        location /risk/ {{ proxy_pass {url}/; }}
    }}
}}
"""


@pytest.fixture(scope="module")
def site(server, tmp_path_factory):
    """A site whose path /risk/ is the server, and that has nothing else."""
    directory = tmp_path_factory.mktemp("prefix")
    port, log = free_port(), directory / "error.log"
    main = directory / "nginx.conf"
    main.write_text(
        NGINX.format(
            directory=directory,
            temporary=temporary_paths(directory),
            port=port,
            url=server.url,
        )
    )
    command = [program("nginx"), "-e", log, "-c", main]
    nginx = Server(subprocess.Popen(command), port, log)
    wait_until(nginx.is_ready, what="nginx")
    yield nginx
    nginx.stop()


def test_inspector_works_below_a_path(open_visit, site):
    visit = open_visit(site)
    visit.page.goto(f"{site.url}/risk/#model=breast-cancer&example=3")
    expect(visit.card("Does the tree speak for it?").locator(".tree")).to_be_visible()
    visit.settle()
    visit.page.get_by_role("link", name="About the model").click()
    for heading in ("Gallery", "Loss landscape"):
        image = visit.card(heading).locator("img")
        image.scroll_into_view_if_needed()
        expect(image).not_to_have_js_property("naturalWidth", 0)
    visit.page.get_by_role("link", name="API").click()
    expect(visit.page).to_have_url(f"{site.url}/risk/docs")
    with visit.page.expect_navigation() as reply:
        visit.page.get_by_role("link", name="openapi.json").click()
    assert reply.value.ok
    assert reply.value.url == f"{site.url}/risk/openapi.json"
