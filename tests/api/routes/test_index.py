"""The front door."""


def test_programs_hear_that_the_server_lives_and_browsers_are_led_on(client):
    for accept in (None, "*/*", "application/json"):
        headers = {"Accept": accept} if accept else {}
        assert client.get("/", headers=headers).json == {"status": "alive"}
    browser = {"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"}
    reply = client.get("/", headers=browser)
    assert (reply.status_code, reply.headers["Location"]) == (302, "/docs")
