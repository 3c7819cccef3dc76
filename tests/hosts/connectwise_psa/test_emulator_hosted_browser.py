"""The host's side of the hosted API in a real browser: what a page of ours may rely on."""

import json
import shutil
from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, expect, sync_playwright
from werkzeug.wrappers import Request, Response

from plugin.edge.emulator import serve
from plugin.hosts.connectwise_psa.emulator import ConnectWisePsaEmulator
from tests.hosts.connectwise_psa.caller import Json

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(shutil.which("chromium") is None, reason="make browser installs Chromium"),
]

HOSTED = """<!doctype html><title>Ours</title><script>
  let frameID = "";
  window.heard = [];
  window.silent = location.search.includes("silent");
  function tell(message) { parent.postMessage(JSON.stringify({...message, frameID}), "*"); }
  window.ask = (message) => tell(message);
  addEventListener("message", (event) => {
    const message = JSON.parse(event.data);
    window.heard.push(message);
    if (message.MessageFrameID) { frameID = message.MessageFrameID; }
    if (message.event && !window.silent) {
      const refused = location.search.includes("refuse") && message.event !== "onLoad";
      const result = refused ? {result: "failure", errors: ["not yet"]} : {result: "success"};
      tell({event: message.event, _id: message._id, ...result});
    }
  });
  parent.postMessage(JSON.stringify({message: "ready"}), "*");
</script>"""


@Request.application
def hosted(request: Request) -> Response:
    return Response(HOSTED, mimetype="text/html")


@pytest.fixture
def page() -> Iterator[Page]:
    with sync_playwright() as browsers:
        browser = browsers.chromium.launch(
            executable_path=shutil.which("chromium"), args=["--no-sandbox"]
        )
        yield browser.new_page()
        browser.close()


@pytest.fixture
def addresses(psa: ConnectWisePsaEmulator) -> Iterator[tuple[str, str]]:
    """Give the origins of PSA and of the page it frames: two sites, as in life."""
    with serve(psa) as host, serve(hosted) as ours:
        yield host, ours.replace("127.0.0.1", "localhost")


def open_page(page: Page, addresses: tuple[str, str], query: str = "") -> None:
    host, ours = addresses
    page.goto(f"{host}/host/dashboard?screen=ticket&id=7&frame={ours}/?{query}")
    page.frames[1].wait_for_function("window.heard.some((each) => each.event === 'onLoad')")


def heard(page: Page) -> list[Json]:
    return list(page.frames[1].evaluate("window.heard"))


def answer_to(page: Page, message: Json, name: str) -> Json:
    frame = page.frames[1]
    frame.evaluate("(message) => window.ask(message)", message)
    frame.wait_for_function(f"window.heard.some((each) => each.response === '{name}')")
    return next(each["data"] for each in heard(page) if each.get("response") == name)


def test_the_page_is_greeted_asked_and_told_who_is_there(
    page: Page, addresses: tuple[str, str], psa: ConnectWisePsaEmulator
) -> None:
    open_page(page, addresses)
    first, second, *_ = heard(page)
    assert first["MessageFrameID"]
    assert second["event"] == "onLoad"
    screen = {"screen": "ticket", "id": "7", "hostedAs": "pod"}
    assert second["data"] == {"screenObject": screen}
    told = answer_to(page, {"hosted_request": "getMemberAuthentication"}, "getmemberauthentication")
    assert told["memberid"] == "jdoe"
    assert told["memberHash"] in psa.table("hashes")
    assert answer_to(page, {"hosted_request": "getScreenObject"}, "getscreenobject") == {
        "screenObject": screen
    }
    log = page.locator("#log")
    expect(log).to_contain_text("getmemberauthentication")
    expect(log).not_to_contain_text(told["memberHash"])


def test_a_wrong_key_or_a_message_that_is_no_text_is_silently_ignored(
    page: Page, addresses: tuple[str, str]
) -> None:
    open_page(page, addresses)
    frame = page.frames[1]
    frame.evaluate("window.ask({request: 'getMemberAuthentication'})")
    frame.evaluate("parent.postMessage({hosted_request: 'getMemberAuthentication'}, '*')")
    frame.evaluate(
        "parent.postMessage(JSON.stringify({hosted_request: 'getMemberAuthentication'}), '*')"
    )
    answer_to(page, {"hosted_request": "getScreenObject"}, "getscreenobject")
    assert "memberHash" not in json.dumps(heard(page))


def test_a_save_waits_for_the_answer_of_the_page(page: Page, addresses: tuple[str, str]) -> None:
    for query, state in (("", "saved"), ("refuse", "stopped: not yet"), ("silent", "saving")):
        open_page(page, addresses, query)
        page.click("#save")
        expect(page.locator("#state")).to_have_text(state)
