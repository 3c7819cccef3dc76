"""Our pages in a host's frame as browsers have it now: two sites, TLS, no third-party cookies."""

import json
import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import (
    BrowserContext,
    Frame,
    FrameLocator,
    Page,
    Playwright,
    expect,
    sync_playwright,
)

from plugin.services import access
from plugin.services.access import Role
from plugin.store.base import writing
from plugin.store.people import User
from tests.blueprints.pages.office import PASSWORD
from tests.browser.chromium import CHROMIUM, MARKS
from tests.browser.stage import Stage, staged

NO_THIRD_PARTY = {"profile": {"cookie_controls_mode": 1, "block_third_party_cookies": True}}
NO_COOKIES = {"profile": {"default_content_setting_values": {"cookies": 2}}}
SOAK = bool(os.environ.get("BRIDGEHEAD_SOAK"))
ARGUMENTS = ["--no-sandbox", "--disable-background-networking", "--disable-component-update"]

pytestmark = MARKS


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    with staged(tmp_path_factory.mktemp("embedded")) as found:
        yield found


@pytest.fixture(scope="module")
def player() -> Iterator[Playwright]:
    with sync_playwright() as playwright:
        yield playwright


@contextmanager
def chromium(
    player: Playwright, folder: Path, preferences: Mapping[str, Any]
) -> Iterator[BrowserContext]:
    """Open Chromium as a person has set it."""
    (folder / "Default").mkdir(parents=True)
    (folder / "Default" / "Preferences").write_text(json.dumps(preferences))
    context = player.chromium.launch_persistent_context(
        str(folder),
        executable_path=str(CHROMIUM),
        args=ARGUMENTS,
        ignore_https_errors=True,
    )
    context.set_default_timeout(8000)
    yield context
    context.close()
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="module")
def visitor(
    player: Playwright, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[BrowserContext]:
    """Give a Chromium that blocks third-party cookies."""
    folder = tmp_path_factory.mktemp("chromium") / "profile"
    with chromium(player, folder, NO_THIRD_PARTY) as context:
        yield context


def opened(page: Page, stage: Stage) -> Frame:
    """Load the host's page, and wait until ours shows the record's client."""
    page.goto(stage.host_page())
    frame = page.frame_locator("#hosted")
    expect(frame.get_by_role("heading", name=stage.name, exact=True)).to_be_visible()
    return page.frames[1]


def cookie_of(visitor: BrowserContext) -> dict[str, Any] | None:
    found = [each for each in visitor.cookies() if each.get("name") == "__Host-bridgehead"]
    return dict(found[0]) if found else None


def test_a_member_works_in_the_frame_and_a_reload_is_no_second_sign_in(
    visitor: BrowserContext, stage: Stage
) -> None:
    page = visitor.new_page()
    opened(page, stage)
    cookie = cookie_of(visitor)
    assert cookie is not None
    assert cookie["partitionKey"].startswith("https://127.0.0.1")
    assert (cookie["secure"], cookie["httpOnly"], cookie["sameSite"]) == (True, True, "None")
    page.click("#save")
    expect(page.locator("#state")).to_have_text("saved")  # the event was answered

    before, frame = stage.runs(), page.frame_locator("#hosted")
    frame.get_by_text("Menu").click()
    frame.get_by_role("link", name="Dashboard").click()
    frame.get_by_role("button", name="Sync now").click()
    expect(frame.get_by_text("asked for. You can leave this page.")).to_be_visible()
    assert stage.runs() > before

    for _ in range(20 if SOAK else 1):
        opened(page, stage)
    assert len(stage.sessions()) == 1
    page.close()


def test_the_cookie_alone_carries_a_page_without_our_script(
    visitor: BrowserContext, stage: Stage
) -> None:
    page = visitor.new_page()
    frame = opened(page, stage)
    before = stage.runs()
    frame.goto(f"{stage.ours}/?embedded=1")
    frame.get_by_role("button", name="Sync now").click()
    expect(frame.get_by_text("asked for. You can leave this page.")).to_be_visible()
    assert stage.runs() > before
    page.close()


@pytest.mark.skipif(not SOAK, reason="three windows at once take long; make soak plays them")
def test_three_frames_at_once_all_work(visitor: BrowserContext, stage: Stage) -> None:
    pages = [visitor.new_page() for _ in range(3)]
    for page in pages:
        page.goto(stage.host_page(), wait_until="commit")
    for page in pages:
        heading = page.frame_locator("#hosted").get_by_role("heading", name=stage.name, exact=True)
        expect(heading).to_be_visible()
    for page in pages:
        frame = page.frame_locator("#hosted")
        frame.locator("main").get_by_role("link", name="Devices").first.click()
        expect(frame.get_by_role("heading", name="Devices")).to_be_visible()
        page.close()
    assert len(stage.sessions()) == 1, "a second sign-in"


@pytest.mark.skipif(not SOAK, reason="browser walks take long; make soak plays them")
def test_three_frames_in_one_page_of_the_host_share_one_sign_in(
    visitor: BrowserContext, stage: Stage
) -> None:
    page = visitor.new_page()
    page.goto(f"{stage.host_page()}&member=nobody")
    page.evaluate(
        """address => {
            document.body.replaceChildren(...[1, 2, 3].map(number => {
                const frame = document.createElement("iframe");
                Object.assign(frame, {src: address, id: `part${number}`, height: 700, width: 900});
                return frame;
            }));
        }""",
        stage.host_page(),
    )
    for number in (1, 2, 3):
        frame = page.frame_locator(f"#part{number}").frame_locator("#hosted")
        heading = frame.get_by_role("heading", name=stage.name, exact=True)
        expect(heading).to_be_visible(timeout=20_000)
    assert len(stage.sessions()) == 1, "a second sign-in"
    page.close()


def sandboxed(page: Page, stage: Stage, allows: str, member: str = "jdoe") -> FrameLocator:
    """Have the host sandbox our frame, as a host may."""
    page.goto(f"{stage.host_page()}&member={member}")
    page.evaluate(
        """allows => {
            const frame = document.querySelector("#hosted");
            frame.setAttribute("sandbox", allows);
            frame.src = frame.src;
        }""",
        allows,
    )
    return page.frame_locator("#hosted")


def test_a_sandbox_without_an_origin_is_told_in_a_page_that_can_be_read(
    visitor: BrowserContext, stage: Stage
) -> None:
    page = visitor.new_page()
    frame = sandboxed(page, stage, "allow-scripts allow-forms")
    expect(frame.get_by_role("alert")).to_contain_text("a sandbox in which nobody can sign in")
    expect(frame.get_by_text("Asking")).not_to_be_attached()
    button = frame.get_by_role("link", name="Try again")
    assert button.evaluate("each => getComputedStyle(each).borderRadius") != "0px", "no styles"
    page.close()


@pytest.mark.skipif(not SOAK, reason="browser walks take long; make soak plays them")
def test_a_sandbox_with_our_origin_changes_nothing_for_a_member(
    visitor: BrowserContext, stage: Stage
) -> None:
    page = visitor.new_page()
    frame = sandboxed(page, stage, "allow-scripts allow-same-origin allow-forms")
    expect(frame.get_by_role("heading", name=stage.name, exact=True)).to_be_visible()
    before = stage.runs()
    frame.get_by_text("Menu").click()
    frame.get_by_role("link", name="Dashboard").click()
    frame.get_by_role("button", name="Sync now").click()
    expect(frame.get_by_text("asked for. You can leave this page.")).to_be_visible()
    assert stage.runs() > before
    page.close()


def test_another_frame_of_the_same_host_page_changes_nothing_in_our_name(
    visitor: BrowserContext, stage: Stage
) -> None:
    page = visitor.new_page()
    opened(page, stage)
    before = stage.runs()
    address = f"{stage.stranger}/sends?target={stage.ours}/sync"
    with page.expect_response(f"{stage.ours}/sync") as answer:
        page.evaluate(
            """address => {
                const frame = document.createElement("iframe");
                frame.src = address;
                document.body.append(frame);
            }""",
            address,
        )
    assert "__Host-bridgehead=" in answer.value.request.all_headers().get("cookie", "")
    assert answer.value.status == 403
    assert stage.runs() == before
    page.close()


@pytest.mark.parametrize("path", ["/embed/{connection}", "/sign-in"])
def test_no_other_page_frames_ours_not_even_on_another_port(
    visitor: BrowserContext, stage: Stage, path: str
) -> None:
    page = visitor.new_page()
    target = stage.ours + path.format(connection=stage.connection)
    page.goto(f"{stage.stranger}/frames?target={target}")
    page.wait_for_timeout(300)
    assert page.frames[1].url != target
    assert "Bridgehead" not in page.frames[1].content()
    page.close()


def test_a_stranger_in_the_hosts_page_is_not_let_in(visitor: BrowserContext, stage: Stage) -> None:
    page = visitor.new_page()
    page.goto(f"{stage.host_page()}&member=nobody-of-this-name")
    frame = page.frame_locator("#hosted")
    expect(frame.get_by_role("alert")).to_contain_text("Sign in to the host again")
    expect(frame.get_by_role("link", name="Open in new window").first).to_be_visible()
    page.close()


def test_signing_out_ends_the_session_at_once(visitor: BrowserContext, stage: Stage) -> None:
    page = visitor.new_page()
    frame = opened(page, stage)
    frame.get_by_text("Menu").click()
    frame.get_by_role("button", name="Sign out").first.click()
    expect(frame.get_by_role("heading", name="Sign in")).to_be_visible()
    assert stage.sessions() == []
    frame.goto(f"{stage.ours}/devices")
    expect(frame.get_by_role("heading", name="Sign in")).to_be_visible()
    page.close()


def test_without_any_cookie_the_bearer_in_memory_carries_everything(
    player: Playwright, tmp_path: Path, stage: Stage
) -> None:
    with chromium(player, tmp_path / "profile", NO_COOKIES) as visitor:
        page = visitor.new_page()
        opened(page, stage)
        assert visitor.cookies() == []
        before, frame = stage.runs(), page.frame_locator("#hosted")
        frame.get_by_text("Menu").click()
        frame.get_by_role("link", name="Dashboard").click()
        frame.get_by_role("button", name="Sync now").click()
        expect(frame.get_by_role("heading", name="Dashboard")).to_be_visible()
        page.wait_for_timeout(200)
        assert stage.runs() > before
        frame.locator("main").get_by_role("link", name="Devices").first.click()
        with page.expect_download() as told:
            frame.get_by_role("link", name="CSV").click()
        assert told.value.suggested_filename.startswith("bridgehead-devices-")


@pytest.mark.skipif(not SOAK, reason="browser walks take long; make soak plays them")
def test_without_scripts_in_the_frame_one_signs_in_oneself_and_forms_work(
    player: Playwright, tmp_path: Path, stage: Stage
) -> None:
    with writing() as session:
        made = User(email="hand@msp.example", role=Role.TECHNICIAN, created_at=datetime.now(UTC))
        made.password_hash = access.hashed(PASSWORD)
        session.add(made)
    with chromium(player, tmp_path / "profile", NO_THIRD_PARTY) as visitor:
        page = visitor.new_page()
        frame = sandboxed(page, stage, "allow-same-origin allow-forms", "nobody")
        frame.get_by_role("link", name="Sign in here").click()
        frame.get_by_label("Email").fill("hand@msp.example")
        frame.get_by_label("Password").fill(PASSWORD)
        frame.get_by_role("button", name="Sign in").click()
        expect(frame.get_by_role("heading", name=stage.name, exact=True)).to_be_visible()
        before = stage.runs()
        page.frames[1].goto(f"{stage.ours}/?embedded=1")
        frame.get_by_role("button", name="Sync now").click()
        expect(frame.get_by_text("asked for. You can leave this page.")).to_be_visible()
        assert stage.runs() > before
