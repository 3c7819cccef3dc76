"""The macros say in words what they show, and keep hostile names harmless."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from flask import Flask, render_template, render_template_string

PLUGIN = Path(__file__).resolve().parents[2] / "plugin"
HOSTILE = "<svg onload=alert(1)>\"'"
NOW = datetime(2026, 11, 22, 20, 15, tzinfo=UTC)


@pytest.fixture
def app() -> Iterator[Flask]:
    app = Flask("pages", root_path=str(PLUGIN))
    app.secret_key = "pages"
    app.add_url_rule("/devices", "devices", lambda: "")
    with app.test_request_context("/devices?sort=-age&q=a&page=3&kind=x&kind=y"):
        yield app


def show(macro: str, **values: object) -> str:
    return render_template_string(
        '{% import "macros/ui.html" as ui %}{{ ' + macro + " }}", hostile=HOSTILE, now=NOW, **values
    )


@pytest.mark.usefixtures("app")
def test_a_state_is_a_word_and_an_icon() -> None:
    shown = show('ui.state("Protected", "ok")')
    assert "Protected" in shown
    assert "icons.svg#circle-check" in shown


@pytest.mark.usefixtures("app")
def test_a_state_nobody_foresaw_is_shown_as_unknown() -> None:
    assert "icons.svg#help-circle" in show('ui.state("Strange", "strange")')


@pytest.mark.usefixtures("app")
def test_a_time_is_readable_without_scripts() -> None:
    assert "2026-11-22 20:15 UTC</time>" in show("ui.time(now)")
    assert show("ui.time(None)") == "never"


@pytest.mark.usefixtures("app")
def test_a_sorted_column_says_so_and_its_link_turns_the_order() -> None:
    shown = show('ui.column("Age", "age", number=true)')
    assert 'aria-sort="descending"' in shown
    assert "sort=age" in shown
    assert "q=a" in shown
    assert "page=" not in shown
    assert "sort=name" in show('ui.column("Name", "name")')


@pytest.mark.usefixtures("app")
def test_a_pager_counts_rows_and_keeps_every_filter() -> None:
    shown = show('ui.pager(3, 25, 3412, "devices")')
    assert "51–75 of 3,412 devices" in shown
    assert "kind=x&amp;kind=y" in shown
    assert "page=4" in shown
    assert "format=csv" in shown


@pytest.mark.usefixtures("app")
def test_an_empty_table_has_no_pages() -> None:
    shown = show('ui.pager(1, 25, 0, "devices")')
    assert "No devices" in shown
    assert "<nav" not in shown


@pytest.mark.usefixtures("app")
def test_a_field_points_at_its_help_and_its_error() -> None:
    shown = show('ui.field("site", "Site", help="An address.", error="Enter one.")')
    assert 'aria-describedby="site-help site-error"' in shown
    assert 'aria-invalid="true"' in shown
    assert "Enter one." in shown


@pytest.mark.usefixtures("app")
def test_a_password_is_never_sent_back() -> None:
    shown = show('ui.field("key", "Key", "canary", type="password", saved=true)')
    assert "canary" not in shown
    assert "Leave this empty to keep it" in shown


@pytest.mark.usefixtures("app")
def test_a_stored_password_may_stay_empty() -> None:
    assert "required" in show("ui.field('key', 'Key', type='password', required=true)")
    assert "required" not in show("ui.field('key', 'Key', saved=true, required=true)")


@pytest.mark.usefixtures("app")
def test_an_error_summary_links_to_the_fields() -> None:
    shown = show('ui.error_summary({"site": ["Enter one."], "": "Refused."}, {"site": "Site"})')
    assert "2 entries need" in shown
    assert '<a href="#site">Site</a>: Enter one.' in shown
    assert show("ui.error_summary({})") == ""


@pytest.mark.usefixtures("app")
def test_charts_give_their_numbers_as_text() -> None:
    bars = show('ui.bars("Age", [("Old", 1200, "critical"), ("New", 0, "ok")], total=2400)')
    assert "1,200</strong> (50 %)" in bars
    stack = show('ui.stack("Status", [("On", 3, "ok"), ("Off", 1, "quiet")])')
    assert 'x="75.0" width="25.0"' in stack
    assert "75 %" in stack
    assert "rect" not in show('ui.bars("Nothing", [])')


@pytest.mark.usefixtures("app")
def test_progress_without_a_known_end_says_how_far_it_is() -> None:
    assert "31 of 48 (64 %)" in show("ui.progress(31, 48)")
    assert "120 so far" in show("ui.progress(120, None)")


@pytest.mark.usefixtures("app")
@pytest.mark.parametrize(
    "macro",
    [
        "ui.page_header(hostile, hostile)",
        "ui.state(hostile, hostile)",
        "ui.alert(hostile, hostile, hostile, hostile, hostile)",
        "ui.empty_state(hostile, hostile, hostile)",
        "ui.stat_card(hostile, hostile, hostile, hostile)",
        "ui.facts([(hostile, hostile)])",
        "ui.copy(hostile, hostile)",
        "ui.column(hostile, hostile)",
        "ui.filter_select(hostile, hostile, [(hostile, hostile)])",
        "ui.tick(hostile, hostile, hostile)",
        "ui.field(hostile, hostile, hostile, help=hostile, error=hostile, placeholder=hostile)",
        'ui.field(hostile, hostile, hostile, type="radio", options=[(hostile, hostile)])',
        "ui.error_summary({hostile: hostile})",
        "ui.post_button(hostile, hostile, values={hostile: hostile})",
        "ui.confirm(hostile, [hostile, (2, hostile)], hostile, hostile, hostile, typed=hostile)",
        "ui.bars(hostile, [(hostile, 1, hostile, hostile)], unit=hostile)",
        "ui.stack(hostile, [(hostile, 1, hostile, hostile)])",
    ],
)
def test_a_hostile_name_stays_text(macro: str) -> None:
    shown = show(macro)
    assert "<svg onload" not in shown
    assert "\"'" not in shown


def page(**values: object) -> str:
    menu = [{"label": "Devices", "href": "/devices", "icon": "home", "current": True, "badge": 3}]
    return render_template("base.html", **{"menu": menu, **values})


@pytest.mark.usefixtures("app")
def test_the_mark_stands_on_every_page_outside_production() -> None:
    assert "BETA" in page(environment_mark="BETA")
    assert "BETA" in render_template("sign_in.html", environment_mark="BETA")
    assert "environment-mark" not in page()


@pytest.mark.usefixtures("app")
def test_an_embedded_page_hides_the_brand_and_offers_a_window() -> None:
    shown = page(embedded=True)
    assert 'class="brand"' not in shown
    assert "Open in new window" in shown
    assert "Open in new window" not in page()


@pytest.mark.usefixtures("app")
def test_only_a_known_theme_reaches_the_page() -> None:
    assert 'data-bs-theme="dark"' in page(theme="dark")
    assert "data-bs-theme" not in page(theme=HOSTILE)


@pytest.mark.usefixtures("app")
def test_an_error_page_tells_what_happened_what_it_means_and_what_to_do() -> None:
    shown = render_template(
        "error.html", what="Gone", means="Deleted.", todo="Go back.", request_id="7f3a"
    )
    assert all(word in shown for word in ("Gone", "Deleted.", "Go back.", "7f3a"))
