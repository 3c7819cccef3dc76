"""Notifications: what was told, the e-mails about it, and who gets which."""

from collections.abc import Iterator, Mapping

from flask import flash, request

from plugin.blueprints.forms import Faults, faults_in
from plugin.blueprints.guard import allow, person, runtime
from plugin.blueprints.guard import blueprint as new_blueprint
from plugin.blueprints.pages import words
from plugin.blueprints.pages.context import scope
from plugin.blueprints.pages.showing import Answer, ask, csv_file, show, to, wants_csv
from plugin.domain.errors import ConflictError, EdgeError, RuleError
from plugin.domain.notices import NoticeKind
from plugin.services import lists, mail, notice_policy, notices
from plugin.services.access import Role
from plugin.services.lists import Ask
from plugin.services.notice_policy import Wish, WishedRoute

blueprint = new_blueprint("notifications", __name__)

COLUMNS = ("When (UTC)", "About", "Notification", "Text", "Over since (UTC)", "Read")
MAIL_COLUMNS = ("Made (UTC)", "To", "Notification", "State", "Sent (UTC)", "Tries", "Problem")


@blueprint.get("/notifications")
@allow(Role.VIEWER)
def table() -> Answer:
    """List what one's role is told of, newest first."""
    asked, mine = ask(), lists.notices(person())
    if wants_csv():
        return csv_file("notifications", COLUMNS, _cells(asked))
    return show(
        "notifications/table.html",
        listing=mine.page(runtime(), asked, scope()),
        ask=asked,
        kinds=_kinds(),
        undelivered=lists.count_undelivered(scope()),
    )


def _kinds() -> list[tuple[str, str]]:
    mine = notice_policy.kinds_for(person().role)
    return [(kind, word) for kind, word in words.options(words.NOTICE) if kind in mine]


def _cells(asked: Ask) -> Iterator[tuple[object, ...]]:
    for line in lists.notices(person()).walk(runtime(), asked, scope()):
        row = line.row
        about = words.state(words.NOTICE, row.kind)[0]
        yield (row.at, about, row.title, row.text, row.ended_at, "yes" if line.read else "no")


@blueprint.post("/notifications/read")
@allow(Role.VIEWER)
def mark_read() -> Answer:
    """Mark the ticked notifications as read, or all of them."""
    if request.form.get("all"):
        notices.mark_read(person(), None)
        flash("All notifications are marked as read.", "ok")
    else:
        count = notices.mark_read(person(), _ticked("notice"))
        flash(f"{words.count(count, 'notification')} marked as read.", "ok" if count else "info")
    return to("notifications.table")


def _ticked(name: str) -> list[int]:
    given = request.form.getlist(name)[: lists.SIZES[-1]]
    return [int(each) for each in given if each.isascii() and each.isdecimal() and len(each) < 10]


# -- e-mails -------------------------------------------------------------------------------------


@blueprint.get("/notifications/mails")
@allow(Role.ADMINISTRATOR)
def mails() -> Answer:
    """List the e-mails and what became of them."""
    asked = ask()
    if wants_csv():
        return csv_file("e-mails", MAIL_COLUMNS, _mail_cells(asked))
    return show(
        "notifications/mails.html",
        listing=lists.mails.page(runtime(), asked, scope()),
        ask=asked,
        server=mail.server(runtime()),
        undelivered=lists.count_undelivered(scope()),
    )


def _mail_cells(asked: Ask) -> Iterator[tuple[object, ...]]:
    for row in lists.mails.walk(runtime(), asked, scope()):
        state = words.state(words.MAIL, row.state)[0]
        sent = row.sent_at
        yield (
            row.made_at,
            row.recipient,
            row.notice.title,
            state,
            sent,
            row.failures,
            row.problem,
        )


@blueprint.post("/notifications/mails")
@allow(Role.ADMINISTRATOR)
def handle_mails() -> Answer:
    """Send undelivered e-mails once more, or give them up: the ticked ones, or all."""
    everything = request.form.get("all") == "undelivered"
    if everything:
        chosen = lists.undelivered_mails(scope())
    else:
        chosen = lists.mails_to_handle(scope(), _ticked("mail"))
    give_up = request.form.get("do") == "discard"
    try:
        done = (mail.discard if give_up else mail.retry)(runtime(), person().name, chosen)
    except RuleError as error:
        flash(error.message, "warning")
        return to("notifications.mails")
    what = "given up" if give_up else "will be sent once more"
    flash(f"{words.count(done, 'e-mail')} {what}.", "ok" if done else "info")
    return to("notifications.mails")


# -- settings ------------------------------------------------------------------------------------


@blueprint.get("/notifications/settings")
@allow(Role.ADMINISTRATOR)
def settings() -> str:
    """Show who gets which e-mail, the quiet hours, and the mail server."""
    return _settings_page(notice_policy.shown(notice_policy.current()), {})


@blueprint.post("/notifications/settings")
@allow(Role.ADMINISTRATOR)
def save() -> Answer:
    """Change who gets which e-mail and the quiet hours."""
    wish = _wish(request.form)
    try:
        notice_policy.save(runtime(), person().name, wish)
    except ConflictError:
        raise
    except RuleError as error:
        return _settings_page(wish, faults_in(error)), 422
    flash("The settings were saved.", "ok")
    return to("notifications.settings")


@blueprint.post("/notifications/test")
@allow(Role.ADMINISTRATOR)
def test() -> Answer:
    """Send a test e-mail now, and tell what the mail server says to it."""
    address = request.form.get("to", "")[:300]
    wish = notice_policy.shown(notice_policy.current())
    try:
        mail.send_test(runtime(), person().name, address)
    except EdgeError as error:
        return _settings_page(wish, {}, address, error), 422
    except RuleError as error:
        return _settings_page(wish, faults_in(error), address), 422
    flash(f"The mail server took a test e-mail to {address.strip()}. See whether it arrives.", "ok")
    return to("notifications.settings")


def _wish(given: Mapping[str, str]) -> Wish:
    version = given.get("version", "")[:9]
    return Wish(
        routes={kind: _wished(kind, given) for kind in notice_policy.ROUTED},
        begin=given.get("quiet_begin", "")[:20],
        end=given.get("quiet_end", "")[:20],
        zone=given.get("quiet_zone", "")[:80],
        version=int(version) if version.isascii() and version.isdecimal() else -1,
    )


def _wished(kind: NoticeKind, given: Mapping[str, str]) -> WishedRoute:
    return WishedRoute(
        mail=bool(given.get(f"{kind.value}-mail")),
        administrators=bool(given.get(f"{kind.value}-administrators")),
        to=given.get(f"{kind.value}-to", "")[:20_000],
        urgent=bool(given.get(f"{kind.value}-urgent")),
    )


def _settings_page(
    wish: Wish, faults: Faults, address: str = "", trouble: EdgeError | None = None
) -> str:
    return show(
        "notifications/settings.html",
        wish=wish,
        errors=faults,
        labels=_labels(),
        server=mail.server(runtime()),
        address=address or (person().name if "@" in person().name else ""),
        trouble=trouble,
        advice=mail.advice_for(trouble) if trouble else None,
    )


def _labels() -> dict[str, str]:
    about = {f"{kind.value}-to": words.ROUTE[kind.value][0] for kind in notice_policy.ROUTED}
    return about | {
        "to": "Test e-mail to",
        "quiet_begin": "Quiet from",
        "quiet_end": "Quiet until",
        "quiet_zone": "Time zone",
    }
