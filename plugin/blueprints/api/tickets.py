"""Tickets, the reasons behind them, and the rules that make them."""

from typing import Any

from flask import abort
from flask.views import MethodView
from marshmallow import fields

from plugin.blueprints.api.doors import ID, Door, Short, page_of, row_of
from plugin.blueprints.api.values import (
    Answer,
    Change,
    Moment,
    QueryWhole,
    Switch,
    Text,
    ToldNumber,
    ToldText,
    ToldWords,
    one_of,
    texts,
)
from plugin.blueprints.guard import allow, person, runtime, scope
from plugin.domain.model import Severity
from plugin.domain.tickets import Trigger
from plugin.services import integrations, lists
from plugin.services.access import Role
from plugin.services.lists import Ask, Listing, LogLine, TicketLine
from plugin.store.integrations import TicketRule
from plugin.store.work import TicketState

tickets = Door("tickets", "Tickets that Bridgehead keeps in the hosts.")
log = Door("ticket-log", "Every decision about a ticket, with its reason.")
rules = Door("rules", "When and how tickets are made.")


class TicketSchema(Answer):
    """A ticket of ours, and the condition it stands for."""

    id = fields.Integer()
    integration_id = fields.Integer()
    integration = fields.String()
    state = one_of(TicketState)
    key = fields.String(metadata={"description": "Written into the host's record"})
    ticket_id = fields.String(metadata={"description": "The host's own id; empty until it is made"})
    ticket_url = fields.String()
    host_status = fields.String()
    summary = fields.String()
    severity = one_of(Severity)
    condition = fields.String()
    company_id = fields.String()
    company = fields.String()
    workspace_id = fields.String()
    workspace = fields.String()
    device_id = fields.String()
    device = fields.String()
    rule_id = fields.Integer(allow_none=True)
    repeats = fields.Integer()
    notes_sent = fields.Integer()
    notes_waiting = ToldNumber(lambda line: len(line.row.notes_waiting))
    first_at = Moment()
    last_at = Moment()
    opened_at = Moment(allow_none=True)
    closed_at = Moment(allow_none=True)
    problem = fields.String()


class DecisionSchema(Answer):
    """One decision with its reason."""

    id = fields.Integer()
    at = Moment()
    integration_id = fields.Integer(allow_none=True)
    integration = fields.String()
    ticket = fields.Integer(attribute="entry_id", allow_none=True)
    ticket_id = fields.String()
    detection_id = fields.String()
    workspace_id = fields.String()
    workspace = fields.String()
    device_name = fields.String()
    condition = fields.String()
    decision = fields.String()
    reason = fields.String()


class RuleSchema(Answer):
    """A rule; times are in seconds but for ``reopen_days``."""

    id = fields.Integer()
    integration_id = fields.Integer()
    integration = ToldText(lambda rule: rule.integration.name)
    workspace_id = fields.String(metadata={"description": "Empty: for all without their own"})
    trigger = one_of(Trigger)
    matches = fields.String()
    enabled = fields.Boolean()
    words = ToldWords(
        lambda rule: dict(rule.fields),
        data_key="fields",
        keys=fields.String(),
        values=fields.String(),
        metadata={"description": "Where in the host its tickets go"},
    )
    delay = fields.Integer()
    lifetime = fields.Integer()
    note_interval = fields.Integer()
    reopen_days = fields.Integer()


class RuleChangeSchema(Change):
    """What to change; fields that are left out keep their value."""

    enabled = Switch()
    words = texts(data_key="fields")


@tickets.route()
class Tickets(MethodView):
    """All tickets."""

    @allow(Role.VIEWER, limited=True)
    @tickets.lists(
        TicketSchema,
        sorts=("last", "first", "repeats"),
        filters={
            "state": one_of([*TicketState, "problem"]),
            "integration": QueryWhole(),
            "company": Text(most=200, metadata={"description": "The host's id, or part of a name"}),
            "device": Text(most=200, metadata={"description": "The vendor's id of a device"}),
        },
    )
    def get(self, ask: Ask) -> Listing[TicketLine]:
        """List the tickets, the last active first."""
        return page_of(lists.tickets, ask)


@log.route()
class Log(MethodView):
    """All decisions."""

    @allow(Role.VIEWER, limited=True)
    @log.lists(
        DecisionSchema,
        sorts=("time",),
        filters={
            "decision": Text(most=16),
            "integration": QueryWhole(),
            "ticket": QueryWhole(metadata={"description": "Our number of a ticket"}),
        },
    )
    def get(self, ask: Ask) -> Listing[LogLine]:
        """List the decisions, newest first."""
        return page_of(lists.ticket_log, ask)


@rules.route()
class Rules(MethodView):
    """All rules."""

    @allow(Role.VIEWER)
    @rules.lists(
        RuleSchema,
        sorts=("matches",),
        filters={"integration": QueryWhole(), "trigger": one_of(Trigger)},
    )
    def get(self, ask: Ask) -> Listing[TicketRule]:
        """List the rules of all integrations."""
        number, trigger, wanted = ask.number("integration"), ask.text("trigger"), ask.q.casefold()
        found = [
            rule
            for line in lists.integrations(runtime(), scope=scope())
            for rule in line.row.rules
            if number in {None, rule.integration_id}
            and trigger in {"", rule.trigger}
            and wanted in rule.matches.casefold()
        ]
        return Short(found, matches=lambda rule: rule.matches).page(ask)


@rules.route(f"/{ID}")
class OneRule(MethodView):
    """One rule."""

    @allow(Role.VIEWER)
    @rules.answers(RuleSchema)
    def get(self, number: int) -> TicketRule:
        """Tell one rule."""
        return _rule(number)

    @allow(Role.ADMINISTRATOR)
    @rules.takes(RuleChangeSchema)
    @rules.answers(RuleSchema)
    def patch(self, given: dict[str, Any], number: int) -> TicketRule:
        """Switch a rule on or off, or change where its tickets go."""
        rule = _rule(number)
        integrations.set_rule(
            runtime(),
            person().name,
            rule.integration,
            rule,
            enabled=given.get("enabled", rule.enabled),
            fields=given.get("words", rule.fields),
        )
        return rule


def _rule(number: int) -> TicketRule:
    rule = row_of(TicketRule, number)
    if rule.integration.deleted_at is not None:
        abort(404, f"There is no rule {number}.")
    return rule
