"""Which workspace is which company: by hand, row by row, and how an integration maps."""

from flask import flash, request

from plugin.blueprints.forms import Faults
from plugin.blueprints.guard import allow, person, runtime
from plugin.blueprints.guard import blueprint as new_blueprint
from plugin.blueprints.pages import words
from plugin.blueprints.pages.context import scope
from plugin.blueprints.pages.showing import Answer, ask, fragment, one, show, to
from plugin.domain.errors import RuleError
from plugin.services import lists, mapping, suggesting
from plugin.services.access import Role
from plugin.store.integrations import Integration
from plugin.store.mirror import CompanyRow

blueprint = new_blueprint("mapping", __name__)

ALL_OFFERED = 200
"""With more companies than this, the list of names comes while a person types."""
OFFERED = 20
ROW = "company-"
"""What begins the name of a row's field; the workspace's number follows."""


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
    saved, faults = 0, Faults()
    for line in unit.page(runtime(), asked, scope()).rows:
        name = f"{ROW}{line.workspace.id}"
        typed = request.form.get(name)
        if typed is None or typed.strip() == label(line.company):
            continue
        try:
            company_id = _company_id(row.host_id, typed.strip())
            mapping.map_company(
                runtime(), person().name, row, line.workspace.workspace_id, company_id
            )
            saved += 1
        except RuleError as error:
            faults[name] = [error.message[:1].upper() + error.message[1:]]
    return saved, faults


def _company_id(host_id: int, typed: str) -> str:
    if not typed:
        return ""
    found = lists.companies_called(host_id, typed[:400])
    if not found:
        raise RuleError("company", f"the host lists no company “{typed[:60]}”")
    if len(found) > 1:
        raise RuleError("company", f"{len(found)} companies are called so; choose one of the list")
    return found[0].company_id


def label(company: CompanyRow | None) -> str:
    """Return how a company stands in the list: name and number, so that doubles differ."""
    return f"{company.name} #{company.company_id}" if company is not None else ""


def _page(row: Integration, faults: Faults) -> str:
    unit, asked = lists.mappings(row, ask())
    number = lists.number_of_companies(row.host_id)
    few = number <= ALL_OFFERED
    return show(
        "integrations/mapping.html",
        integration=row,
        host=runtime().adapter_class(row.host.kind),
        vendor=runtime().adapter_class(row.vendor.kind),
        listing=unit.page(runtime(), asked, scope()),
        exact=lists.number_of_exact(row),
        companies=[label(each) for each in lists.companies_of(row.host_id)] if few else [],
        number_of_companies=number,
        label=label,
        typed=request.form,
        errors=faults,
    )


@blueprint.get("/integrations/<int:integration_id>/companies")
@allow(Role.VIEWER)
def companies(integration_id: int) -> Answer:
    """Show the companies that what is being typed in a row may mean, for that row's list."""
    row = one(Integration, integration_id)
    typed = next(iter(request.args.values()), "").replace("\0", "").strip()[:100]
    found = lists.companies_of(row.host_id, typed, OFFERED)
    return fragment("integrations/_companies.html", companies=[label(each) for each in found])


# -- how it maps -------------------------------------------------------------------------------


@blueprint.get("/integrations/<int:integration_id>/mapping/options")
@allow(Role.VIEWER)
def options(integration_id: int) -> Answer:
    """Show how this integration maps."""
    return _options_page(one(Integration, integration_id), None, {})


@blueprint.post("/integrations/<int:integration_id>/mapping/options")
@allow(Role.ADMINISTRATOR)
def choose(integration_id: int) -> Answer:
    """Save how this integration maps."""
    row = one(Integration, integration_id)
    typed = request.form.get("catch_all", "").strip()
    try:
        mapping.choose(
            runtime(),
            person().name,
            row,
            several=request.form.get("several") == "1",
            catch_all_id=_catch_all_id(row, typed),
        )
    except RuleError as error:
        said = error.message[:1].upper() + error.message[1:]
        return _options_page(row, typed, {"catch_all": [said]}), 422
    flash("Saved.", "ok")
    return to("mapping.table", integration_id=integration_id)


def _catch_all_id(row: Integration, typed: str) -> str:
    """Return the company that is meant; one that is not active any more may stay as it is."""
    former = mapping.choice_of(row).catch_all_id
    kept = lists.company_of(row.host_id, former)
    return former if kept is not None and typed == label(kept) else _company_id(row.host_id, typed)


def _options_page(row: Integration, typed: str | None, faults: Faults) -> str:
    choice = mapping.choice_of(row)
    catch_all = lists.company_of(row.host_id, choice.catch_all_id)
    number = lists.number_of_companies(row.host_id)
    few = number <= ALL_OFFERED
    return show(
        "integrations/options.html",
        integration=row,
        host=runtime().adapter_class(row.host.kind),
        vendor=runtime().adapter_class(row.vendor.kind),
        choice=choice,
        catch_all=catch_all,
        typed=label(catch_all) if typed is None else typed,
        companies=[label(each) for each in lists.companies_of(row.host_id)] if few else [],
        number_of_companies=number,
        refusals=lists.number_of_refusals(row),
        working=suggesting.is_under_way(runtime(), row.id),
        errors=faults,
    )
