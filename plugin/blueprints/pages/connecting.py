"""Adding and editing a connection: the form drawn from its adapter, checked before it is saved."""

from collections.abc import Callable
from typing import Any

from flask import abort, flash, request, url_for

from plugin.blueprints.climbing import climbing, prove_again
from plugin.blueprints.forms import Faults, faults_in, labels_of
from plugin.blueprints.guard import allow, person, runtime
from plugin.blueprints.guard import blueprint as new_blueprint
from plugin.blueprints.pages import typed
from plugin.blueprints.pages.growing import drawn, growing, page_instead
from plugin.blueprints.pages.showing import Answer, fragment, is_htmx, one, show, to
from plugin.blueprints.pages.typed import Sent
from plugin.domain.contracts import Adapter, FieldKind
from plugin.domain.errors import ConflictError, EdgeError, RuleError
from plugin.edge.certificates import Certificate
from plugin.edge.certificates import read as read_certificate
from plugin.services import connections, sync
from plugin.services.access import Role
from plugin.services.connections import CheckStep, Outcome, Trial
from plugin.store.integrations import Connection, Side

blueprint = new_blueprint("connecting", __name__)


@blueprint.get("/connections/new")
@allow(Role.ADMINISTRATOR)
def choose() -> Answer:
    """Offer the kinds of hosts and vendors."""
    return show(
        "connections/choose.html",
        hosts=runtime().hosts.values(),
        vendors=runtime().vendors.values(),
    )


@blueprint.get("/connections/new/<kind>")
@allow(Role.ADMINISTRATOR)
def new(kind: str) -> Answer:
    """Show the empty form of a kind."""
    adapter = _adapter(kind)
    return _form(typed.empty(adapter, sandbox=bool(request.args.get("sandbox"))), {}, [])


@blueprint.post("/connections/new/<kind>")
@allow(Role.ADMINISTRATOR)
def add(kind: str) -> Answer:
    """Check what was typed in, then save it."""
    sent, faults = typed.read(_adapter(kind))

    def store() -> Connection:
        return connections.create(
            runtime(),
            person().name,
            kind,
            sent.name,
            sent.values,
            allow_private=sent.allow_private,
            origin_override=sent.origin,
        )

    return _take(sent, faults, store)


@blueprint.get("/connections/<int:connection_id>/edit")
@allow(Role.ADMINISTRATOR)
def edit(connection_id: int) -> Answer:
    """Show the form with what is saved; secrets only say that they are."""
    row = one(Connection, connection_id)
    return _form(typed.of_saved(_adapter(row.kind), row), {}, [])


@blueprint.post("/connections/<int:connection_id>/edit")
@allow(Role.ADMINISTRATOR)
def save(connection_id: int) -> Answer:
    """Check the changed values, then save them."""
    row = one(Connection, connection_id)
    sent, faults = typed.read(_adapter(row.kind), row)

    def store() -> Connection:
        row = one(Connection, connection_id)
        connections.edit(runtime(), person().name, row, sent.name, sent.values, sent.version)
        return row

    return _take(sent, faults, store)


def _adapter(kind: str) -> type[Adapter]:
    return runtime().adapters.get(kind) or abort(404)


def _take(sent: Sent, faults: Faults, store: Callable[[], Connection]) -> Answer:
    """Do with a form what its button says: fetch a certificate, check only, or check and save."""
    if faults:
        return _again(sent, faults, [])
    try:
        if request.form.get("do") == "certificate":
            return _fetch(sent)
        trial = connections.Trial(
            runtime(),
            sent.adapter.kind,
            sent.name,
            sent.values,
            saved=sent.saved,
            allow_private=sent.allow_private,
            origin_override=sent.origin,
        )
    except RuleError as error:
        return _again(sent, faults_in(error), [])
    except EdgeError as error:
        return _again(sent, {}, [CheckStep("Address", Outcome.FAILED, error.message)])
    if is_htmx():
        return growing(trial, lambda: _concluded(sent, trial, store))
    try:
        _climb(sent, trial)
    except RuleError as error:
        return _again(sent, faults_in(error), [])
    if sent.only_check:
        return _again(sent, {}, trial.steps, trial.connection)
    if _stopped(trial.steps, sent):
        return _again(sent, {}, trial.steps)
    return _stored(sent, trial, store)


def _climb(sent: Sent, trial: Trial) -> None:
    """Climb the whole ladder; RuleError when too many checks of this person are running."""
    with climbing():
        trial.finish()
        if sent.only_check:
            trial.test_rights()


def _stored(sent: Sent, trial: Trial, store: Callable[[], Connection]) -> Answer:
    prove_again(Role.ADMINISTRATOR)
    try:
        row = store()
    except ConflictError:
        raise
    except RuleError as error:
        return _again(sent, faults_in(error), trial.steps)
    flash(f"{row.name} was {'saved' if sent.saved else 'added'}.", "ok")
    _follow_up(row)
    return to("connections.connection", connection_id=row.id, saved=_how(sent))


def _concluded(sent: Sent, trial: Trial, store: Callable[[], Connection]) -> str:
    """Return what stands below a ladder that grew: the rights, why it stopped, or where to go."""
    if sent.only_check:
        trial.test_rights()
        return drawn("connections/_tried.html", **_found(sent, trial.connection))
    if _stopped(trial.steps, sent):
        return drawn("connections/_stopped.html", keeps_old=_keeps_old(trial.steps, sent))
    prove_again(Role.ADMINISTRATOR)
    row = store()
    _follow_up(row)
    where = url_for("connections.connection", connection_id=row.id, saved=_how(sent))
    return drawn("connections/_onward.html", name=row.name, where=where)


def _how(sent: Sent) -> str:
    return "changed" if sent.saved else "added"


def _found(sent: Sent, tried: Connection) -> dict[str, Any]:
    return {
        "rights": connections.rights_kept(tried),
        "guide": connections.guide_of(sent.adapter, tried),
    }


def _fetch(sent: Sent) -> Answer:
    """Show the server's certificate for a person to compare; RuleError while no server is named."""
    try:
        found = connections.fetch_certificate(
            runtime(),
            sent.adapter.kind,
            sent.values,
            allow_private=sent.allow_private,
            origin_override=sent.origin,
        )
    except EdgeError as error:
        return _again(sent, {}, [connections.not_fetched(error)])
    if is_htmx():
        part = fragment("connections/_fetched.html", **_compared(sent, found))
        part.headers["HX-Retarget"] = "#fetched"
        return part
    return _form(sent, {}, [], fetched=_compared(sent, found))


def _compared(sent: Sent, found: Certificate) -> dict[str, Any]:
    pinned = read_certificate(sent.values.get(connections.certificate_field(sent.adapter), ""))
    return {"found": found, "ended": found.ends <= runtime().now(), "pinned": pinned}


def _stopped(steps: list[CheckStep], sent: Sent) -> bool:
    failed = any(each.outcome is Outcome.FAILED for each in steps)
    return failed and (not sent.anyway or _keeps_old(steps, sent))


def _keeps_old(steps: list[CheckStep], sent: Sent) -> bool:
    """Tell whether a working secret would be lost to one that does not work."""
    saved = sent.saved
    return saved is not None and connections.keeps_old(runtime(), saved, sent.values, steps)


def _again(
    sent: Sent, faults: Faults, steps: list[CheckStep], tried: Connection | None = None
) -> Answer:
    """Show the form once more with what is wrong; whatever can, goes into the form as it stands."""
    if is_htmx() and (sent.asks or not faults):
        return fragment(
            "connections/_tried.html",
            steps=steps,
            errors=faults,
            labels=labels_of(sent.adapter),
            stopped=bool(steps) and not sent.asks,
        )
    page = _form(sent, faults, steps, tried)
    if is_htmx():
        return page_instead(page)
    failed = bool(faults) or any(each.outcome is Outcome.FAILED for each in steps)
    return (page, 422) if failed else page


def _form(
    sent: Sent,
    faults: Faults,
    steps: list[CheckStep],
    tried: Connection | None = None,
    fetched: dict[str, Any] | None = None,
) -> str:
    adapter, saved = sent.adapter, sent.saved
    shown = tried or (saved if saved and saved.checked_at else None)
    drawn = typed.drawn_fields(sent, faults)
    return show(
        "connections/form.html",
        adapter=adapter,
        connection=saved,
        sent=sent,
        plain=[each for each in drawn if not each.advanced and not each.slot],
        slots=typed.slots(drawn),
        advanced=[each for each in drawn if each.advanced],
        offered=typed.offer_of(adapter.kind) is not None and saved is None,
        own_server=any(field.kind is FieldKind.ADDRESS for field in adapter.fields),
        errors=faults,
        labels=labels_of(adapter),
        steps=steps,
        keeps_old=_keeps_old(steps, sent),
        asks=sent.asks,
        pins=bool(connections.certificate_field(adapter)),
        fetched=fetched,
        rights=connections.rights_kept(tried) if tried else [],
        guide=connections.guide_of(adapter, shown) if shown else [],
        environment=runtime().environment().value.value if adapter.environments else "",
    )


def _follow_up(row: Connection) -> None:
    """Remember the check on the saved connection, so that its page shows it; fetch what it has."""
    connections.check(runtime(), row)
    if row.side == Side.VENDOR:
        sync.ask_all(runtime(), row, by=person().name)
