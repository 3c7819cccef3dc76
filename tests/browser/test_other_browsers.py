"""A host's frame in Firefox and WebKitGTK: signed in and usable, whatever they do with cookies."""

import os
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path

import pytest

from tests.browser import driving
from tests.browser.driving import Browser
from tests.browser.stage import Stage, staged

BLOCK_ALL_THIRD_PARTY = {"network.cookie.cookieBehavior": 1}
Opened = Callable[[Path], AbstractContextManager[Browser]]

no_firefox = pytest.mark.skipif(
    not driving.FIREFOX.exists(), reason=f"{driving.FIREFOX} is missing: `make browser` installs it"
)
no_webkit = pytest.mark.skipif(
    not (driving.WEBKIT and driving.WEBKIT_DRIVER.exists() and driving.SCREEN.exists()),
    reason="webkit2gtk-driver or xvfb is missing: `make browser` installs them",
)
pytestmark = [
    pytest.mark.browser,
    pytest.mark.slow,
    pytest.mark.skipif(
        not os.environ.get("BRIDGEHEAD_SOAK"),
        reason="three browsers take long; make soak plays them",
    ),
]

WAYS = [
    pytest.param(lambda home: driving.firefox(home, {}), id="firefox-default", marks=no_firefox),
    pytest.param(
        lambda home: driving.firefox(home, BLOCK_ALL_THIRD_PARTY),
        id="firefox-blocks-all-third-party",
        marks=no_firefox,
    ),
    pytest.param(
        lambda home: driving.webkit(home, "no-third-party"),
        id="webkitgtk-no-third-party",
        marks=no_webkit,
    ),
]


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    with staged(tmp_path_factory.mktemp("others")) as found:
        yield found


def opened(browser: Browser, stage: Stage) -> None:
    """Load the host's page, and wait until ours shows the record's client."""
    browser.open(stage.host_page())
    browser.until(heading(stage.name))


def grown(stage: Stage, before: int) -> None:
    """Wait until the wish for sync runs was heard; its flash rides in a cookie, so not for that."""
    end = time.monotonic() + driving.WAITING
    while stage.runs() <= before:
        assert time.monotonic() < end, "the change never arrived"
        time.sleep(0.1)


def heading(text: str) -> str:
    return (
        "return [...document.querySelectorAll('h1, h2')]"
        f".some(each => each.textContent.trim() === {text!r})"
    )


@pytest.mark.parametrize("way", WAYS)
def test_a_member_works_changes_reloads_and_signs_out(
    way: Opened, stage: Stage, tmp_path: Path
) -> None:
    with way(tmp_path) as browser:
        opened(browser, stage)
        assert len(stage.sessions()) == 1

        before = stage.runs()
        browser.click("a", "Dashboard")
        browser.until(heading("Dashboard"))
        browser.click("button", "Sync now")
        grown(stage, before)

        opened(browser, stage)
        assert len(stage.sessions()) == 1, "a reload is no second sign-in"

        browser.click("button", "Sign out")
        browser.until(heading("Sign in"))
        assert stage.sessions() == []
