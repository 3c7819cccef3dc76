"""Adding and editing a connection: the form drawn from its adapter, checked before it is saved."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

from flask import abort, flash, request

from plugin.blueprints.forms import (
    Faults,
    faults_in,
    labels_of,
    schema_for,
    values_of,
    widgets,
)
from plugin.blueprints.guard import allow, person, runtime
from plugin.blueprints.guard import blueprint as new_blueprint
from plugin.blueprints.pages.showing import Answer, fragment, is_htmx, one, show, to
from plugin.domain.contracts import Adapter, FieldKind
from plugin.domain.errors import ConflictError, EdgeError, RuleError
from plugin.services import connections, sync
from plugin.services.access import Role
from plugin.services.connections import CheckStep, Outcome
from plugin.store.integrations import Connection, Side

blueprint = new_blueprint("connecting", __name__)
Looked = TypeVar("Looked")


@dataclass(frozen=True, slots=True)
class Sent:
    """A form as it was sent: the adapter's values and what stands beside them."""

    adapter: type[Adapter]
    name: str
    values: dict[str, str]
    version: int = 0
    allow_private: bool = False
    anyway: bool = False
    saved: Connection | None = None

    @property
    def only_check(self) -> bool:
        """Whether the form is to be tried and not saved."""
        return request.form.get("do") == "check"


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
    first = {each.name: each.default for each in adapter.fields if each.default is not None}
    return _form(Sent(adapter, adapter.title, first), {}, [])


@blueprint.post("/connections/new/<kind>")
@allow(Role.ADMINISTRATOR)
def add(kind: str) -> Answer:
    """Check what was typed in, then save it."""
    sent, faults = _read(_adapter(kind))
    if not faults and sent.only_check:
        return _only_checked(sent)
    steps: list[CheckStep] = []
    if not faults:
        steps, faults = _try(sent)
    if faults or _stopped(steps, sent):
        return _again(sent, faults, steps)
    try:
        made = connections.create(
            runtime(),
            person().name,
            kind,
            sent.name,
            sent.values,
            allow_private=sent.allow_private,
        )
    except RuleError as error:
        return _again(sent, faults_in(error), steps)
    return _saved(made, f"{made.name} was added.", "added")


@blueprint.get("/connections/<int:connection_id>/edit")
@allow(Role.ADMINISTRATOR)
def edit(connection_id: int) -> Answer:
    """Show the form with what is saved; secrets only say that they are."""
    row = one(Connection, connection_id)
    adapter = _adapter(row.kind)
    sent = Sent(adapter, row.name, row.settings, row.version, row.allow_private, saved=row)
    return _form(sent, {}, [])


@blueprint.post("/connections/<int:connection_id>/edit")
@allow(Role.ADMINISTRATOR)
def save(connection_id: int) -> Answer:
    """Check the changed values, then save them."""
    row = one(Connection, connection_id)
    sent, faults = _read(_adapter(row.kind), row)
    if not faults and sent.only_check:
        return _only_checked(sent)
    steps: list[CheckStep] = []
    if not faults:
        steps, faults = _try(sent)
    if faults or _stopped(steps, sent):
        return _again(sent, faults, steps)
    try:
        row = one(Connection, connection_id)
        connections.edit(runtime(), person().name, row, sent.name, sent.values, sent.version)
    except ConflictError:
        raise
    except RuleError as error:
        return _again(sent, faults_in(error), steps)
    return _saved(row, f"{row.name} was saved.", "changed")


def _adapter(kind: str) -> type[Adapter]:
    return runtime().adapters.get(kind) or abort(404)


def _read(adapter: type[Adapter], saved: Connection | None = None) -> tuple[Sent, Faults]:
    given, faults = schema_for(adapter).read(request.form)
    return _sent(adapter, given, saved), faults


def _sent(adapter: type[Adapter], given: dict[str, Any], saved: Connection | None) -> Sent:
    version = str(given.get("version") or "0")
    return Sent(
        adapter=adapter,
        name=str(given.get("name", "")),
        values=values_of(adapter, given),
        version=int(version) if version.isdecimal() else 0,
        allow_private=bool(given.get("allow_private")),
        anyway=bool(given.get("anyway")),
        saved=saved,
    )


def _with_typed(sent: Sent, look: Callable[..., Looked]) -> Looked:
    return look(
        runtime(),
        sent.adapter.kind,
        sent.name,
        sent.values,
        saved=sent.saved,
        allow_private=sent.allow_private,
    )


def _only_checked(sent: Sent) -> Answer:
    """Climb the ladder, test the rights and mark the guide with what was typed in."""
    try:
        steps, tried = _with_typed(sent, connections.trial)
    except RuleError as error:
        return _again(sent, faults_in(error), [])
    except EdgeError as error:
        return _again(sent, {}, [CheckStep("Address", Outcome.FAILED, error.message)])
    return _again(sent, {}, steps, tried)


def _try(sent: Sent) -> tuple[list[CheckStep], Faults]:
    """Climb the ladder with what was typed in; the faults of its fields come first."""
    try:
        return _with_typed(sent, connections.rehearse), {}
    except RuleError as error:
        return [], faults_in(error)
    except EdgeError as error:
        return [CheckStep("Address", Outcome.FAILED, error.message)], {}


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
    if sent.only_check and is_htmx():
        return fragment(
            "connections/_tried.html",
            steps=steps,
            errors=faults,
            labels=labels_of(sent.adapter),
            rights=connections.rights_kept(tried) if tried else [],
            guide=connections.guide_of(sent.adapter, tried) if tried else [],
        )
    page = _form(sent, faults, steps, tried)
    failed = bool(faults) or any(each.outcome is Outcome.FAILED for each in steps)
    return (page, 422) if failed else page


def _form(
    sent: Sent, faults: Faults, steps: list[CheckStep], tried: Connection | None = None
) -> str:
    adapter, saved = sent.adapter, sent.saved
    shown = tried or (saved if saved and saved.checked_at else None)
    secrets = [field.name for field in adapter.fields if field.secret]
    drawn = widgets(adapter, sent.values, faults, saved=secrets if saved else ())
    return show(
        "connections/form.html",
        adapter=adapter,
        connection=saved,
        sent=sent,
        plain=[each for each in drawn if not each.advanced and not each.slot],
        slots=_slots(drawn),
        advanced=[each for each in drawn if each.advanced],
        own_server=any(field.kind is FieldKind.ADDRESS for field in adapter.fields),
        errors=faults,
        labels=labels_of(adapter),
        steps=steps,
        keeps_old=_keeps_old(steps, sent),
        rights=connections.rights_kept(tried) if tried else [],
        guide=connections.guide_of(adapter, shown) if shown else [],
        environment=runtime().environment().value.value if adapter.environments else "",
    )


def _slots(drawn: list[Any]) -> dict[str, list[Any]]:
    """Return the fields of further credentials by the name of their slot."""
    slots: dict[str, list[Any]] = {}
    for each in drawn:
        if each.slot and not each.advanced:
            slots.setdefault(each.slot, []).append(each)
    return slots


def _saved(row: Connection, what: str, how: str) -> Answer:
    """Remember the check on the saved connection, so that its page shows the ladder."""
    connections.check(runtime(), row)
    if row.side == Side.VENDOR:
        sync.ask_all(runtime(), row, by=person().name)
    flash(what, "ok")
    return to("connections.connection", connection_id=row.id, saved=how)
