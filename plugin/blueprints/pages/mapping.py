"""Which workspace is which company: by hand, and by suggestions that a person accepts."""

from collections.abc import Iterable

from flask import flash, request

from plugin.blueprints.forms import Faults
from plugin.blueprints.guard import allow, person, runtime
from plugin.blueprints.guard import blueprint as new_blueprint
from plugin.blueprints.pages import words
from plugin.blueprints.pages.context import scope
from plugin.blueprints.pages.showing import Answer, ask, one, show, to
from plugin.domain.errors import RuleError
from plugin.services import lists, mapping
from plugin.services.access import Role
from plugin.store.integrations import Integration
from plugin.store.mirror import CompanyRow

blueprint = new_blueprint("mapping", __name__)

MOST_OFFERED = 3000
"""More companies than this make the page slow; then a name is typed in full."""


@blueprint.get("/integrations/<int:integration_id>/mapping")
@allow(Role.VIEWER)
def table(integration_id: int) -> Answer:
    """Show each workspace with its company."""
    return _page(one(Integration, integration_id), {})


@blueprint.post("/integrations/<int:integration_id>/mapping")
@allow(Role.ADMINISTRATOR)
def save(integration_id: int) -> Answer:
    """Save the rows that changed; a row at fault says why, the others are saved."""
    row = one(Integration, integration_id)
    saved, faults = _save_all(row)
    if saved:
        flash(f"{words.count(saved, 'mapping')} saved.", "ok")
    if faults:
        return _page(row, faults), 422
    if not saved:
        flash("Nothing had changed.", "info")
    return to("mapping.table", integration_id=integration_id, **request.args.to_dict())


def _save_all(row: Integration) -> tuple[int, Faults]:
    unit, asked = lists.mappings(row, ask())
    labels = _labels(lists.companies_of(row.host_id))
    saved, faults = 0, Faults()
    for line in unit.page(runtime(), asked, scope()).rows:
        name = f"company-{line.workspace.id}"
        typed = request.form.get(name)
        if typed is None or typed.strip() == label(line.company):
            continue
        try:
            company_id = _company_id(typed.strip(), labels)
            mapping.map_company(
                runtime(), person().name, row, line.workspace.workspace_id, company_id
            )
            saved += 1
        except RuleError as error:
            faults[name] = [error.message[:1].upper() + error.message[1:]]
    return saved, faults


def _company_id(typed: str, labels: dict[str, list[str]]) -> str:
    if not typed:
        return ""
    found = labels.get(typed.casefold(), [])
    if not found:
        raise RuleError("company", f"the host lists no company “{typed[:60]}”")
    if len(found) > 1:
        raise RuleError("company", f"{len(found)} companies are called so; choose one of the list")
    return found[0]


def label(company: CompanyRow | None) -> str:
    """Return how a company stands in the list: name and number, so that doubles differ."""
    return f"{company.name} #{company.company_id}" if company is not None else ""


def _labels(companies: Iterable[CompanyRow]) -> dict[str, list[str]]:
    """Return the companies' ids by everything a person may type for them."""
    found: dict[str, list[str]] = {}
    for company in companies:
        for typed in {label(company), company.name, company.identifier or company.name}:
            found.setdefault(typed.casefold(), []).append(company.company_id)
    return found


def _page(row: Integration, faults: Faults) -> str:
    unit, asked = lists.mappings(row, ask())
    companies = lists.companies_of(row.host_id)
    return show(
        "integrations/mapping.html",
        integration=row,
        host=runtime().adapter_class(row.host.kind),
        vendor=runtime().adapter_class(row.vendor.kind),
        listing=unit.page(runtime(), asked, scope()),
        coverage=lists.coverage([row.id]).get(row.id),
        companies=[label(each) for each in companies] if len(companies) <= MOST_OFFERED else [],
        number_of_companies=len(companies),
        label=label,
        typed=request.form,
        errors=faults,
    )


# -- suggestions -------------------------------------------------------------------------------


@blueprint.get("/integrations/<int:integration_id>/suggestions")
@allow(Role.VIEWER)
def suggestions(integration_id: int) -> Answer:
    """Show which company each unmapped workspace probably is, and why."""
    row = one(Integration, integration_id)
    found = mapping.suggestions(row)
    return show(
        "integrations/suggestions.html",
        integration=row,
        host=runtime().adapter_class(row.host.kind),
        vendor=runtime().adapter_class(row.vendor.kind),
        suggestions=found[: lists.SIZES[-1]],
        sure=sum(each.sure for each in found),
        total=len(found),
        names=lists.names_for(row, found),
    )


@blueprint.post("/integrations/<int:integration_id>/suggestions")
@allow(Role.ADMINISTRATOR)
def decide(integration_id: int) -> Answer:
    """Accept or refuse a suggestion, or accept all that are beyond doubt."""
    row = one(Integration, integration_id)
    who = person().name
    if request.form.get("all") == "sure":
        number = mapping.accept_sure(runtime(), who, row)
        flash(f"{words.count(number, 'mapping')} accepted.", "ok")
    else:
        workspace, company = request.form.get("workspace", ""), request.form.get("company", "")
        if request.form.get("do") == "refuse":
            mapping.refuse(runtime(), who, row, workspace[:200], company[:100])
            flash("Refused. This pair is not suggested again.", "info")
        else:
            mapping.map_company(runtime(), who, row, workspace, company)
            flash("1 mapping accepted.", "ok")
    return to("mapping.suggestions", integration_id=integration_id)
