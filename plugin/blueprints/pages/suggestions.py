"""Which company each unmapped workspace probably is, and why: a person decides.

Part of the mapping pages: the routes are those of :mod:`.mapping`.
"""

from flask import flash, request

from plugin.blueprints.guard import allow, person, runtime
from plugin.blueprints.pages import words
from plugin.blueprints.pages.context import scope
from plugin.blueprints.pages.mapping import blueprint as blueprint
from plugin.blueprints.pages.showing import Answer, ask, fragment, one, show, to
from plugin.services import accepting, lists, mapping, suggesting
from plugin.services.access import Role
from plugin.store.integrations import Integration

MOST_REASONS = 5
"""How many suggestions that were left out are named."""


@blueprint.get("/integrations/<int:integration_id>/suggestions")
@allow(Role.VIEWER)
def suggestions(integration_id: int) -> Answer:
    """Show which company each unmapped workspace probably is."""
    row = one(Integration, integration_id)
    asked = ask().with_filters(integration=row.id)
    return show(
        "integrations/suggestions.html",
        integration=row,
        host=runtime().adapter_class(row.host.kind),
        vendor=runtime().adapter_class(row.vendor.kind),
        listing=lists.suggestions.page(runtime(), asked, scope()),
        exact=lists.number_of_exact(row),
        coverage=lists.coverage([row.id]).get(row.id),
        choice=mapping.choice_of(row),
        working=suggesting.is_under_way(runtime(), row.id),
        ask=ask(),
    )


@blueprint.get("/integrations/<int:integration_id>/suggestions/progress")
@allow(Role.VIEWER, polled=True)
def progress(integration_id: int) -> Answer:
    """Show whether suggestions are being worked out, for the line that keeps itself fresh."""
    row = one(Integration, integration_id)
    return fragment(
        "integrations/_suggesting.html",
        integration=row,
        choice=mapping.choice_of(row),
        working=suggesting.is_under_way(runtime(), row.id),
        was_working=True,
    )


@blueprint.post("/integrations/<int:integration_id>/suggestions")
@allow(Role.ADMINISTRATOR)
def decide(integration_id: int) -> Answer:
    """Accept or refuse one suggestion, the ticked ones, or accept all that are beyond doubt."""
    row, form = one(Integration, integration_id), request.form
    picked = [number for each in form.getlist("pick") if (number := _number(each))]
    if number := _number(form.get("accept", "")):
        _accept(row, [number])
    elif number := _number(form.get("refuse", "")):
        _refuse(row, [number])
    elif form.get("do") == "exact":
        _accept(row, None)
    elif form.get("do") == "again":
        suggesting.look_again(runtime(), person().name, row)
        flash("The suggestions are worked out anew. You can leave this page.", "info")
    elif form.get("do") == "forget":
        count = accepting.forget_refusals(runtime(), person().name, row)
        flash(f"{words.count(count, 'refusal')} forgotten: they may be suggested again.", "ok")
    elif not picked:
        flash("Nothing was ticked. Tick the suggestions first.", "warning")
    elif form.get("do") == "refuse":
        _refuse(row, picked)
    else:
        _accept(row, picked)
    return to("mapping.suggestions", integration_id=integration_id, **request.args.to_dict())


def _number(given: str) -> int:
    return int(given) if given.isascii() and given.isdecimal() and len(given) < 10 else 0


def _accept(row: Integration, numbers: list[int] | None) -> None:
    done = accepting.accept(runtime(), person().name, row, numbers)
    if done.mapped or not done.left_out:
        flash(f"{words.count(done.mapped, 'mapping')} accepted.", "ok" if done.mapped else "info")
    for reason in done.left_out[:MOST_REASONS]:
        flash(f"Not accepted: {reason}.", "warning")
    if len(done.left_out) > MOST_REASONS:
        flash(f"{len(done.left_out) - MOST_REASONS} more were not accepted.", "warning")


def _refuse(row: Integration, numbers: list[int]) -> None:
    count = accepting.refuse(runtime(), person().name, row, numbers)
    flash(f"{words.count(count, 'pair')} refused and not suggested again.", "info")
