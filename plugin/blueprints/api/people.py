"""Who may enter and what they did: users, sessions, API tokens, the audit log."""

from dataclasses import dataclass, field
from typing import Any

from flask.views import MethodView
from marshmallow import fields, validate

from plugin.blueprints.api.doors import ID, Door, Short, page_of, row_of
from plugin.blueprints.api.values import (
    Answer,
    Change,
    Moment,
    Switch,
    Text,
    ToldSwitch,
    ToldText,
    Whole,
    Wish,
    one_of,
)
from plugin.blueprints.guard import allow, collections, person, runtime
from plugin.domain.model import Companies
from plugin.services import access, accounts, lists
from plugin.services.access import Role
from plugin.services.lists import Ask, Listing
from plugin.store.journal import AuditEntry
from plugin.store.people import ApiToken, User, UserSession

users = Door("users", "Local accounts.")
sessions = Door("sessions", "Signed-in browsers.")
tokens = Door("tokens", "Keys for this API.")
audit = Door("audit", "Who did what, when, before and after.")

_DAY = r"^[0-9]{4}-[0-9]{2}-[0-9]{2}$"
_EMAIL = r"^[^@\s\u0000]+@[^@\s\u0000]+$"


LIMIT = {
    "description": "Our numbers of the companies it is limited to; null: not limited",
    "type": ["array", "null"],
    "items": {"type": "integer"},
}


def _companies() -> fields.Field[Any]:
    return fields.List(
        Whole(),
        allow_none=True,
        validate=validate.Length(max=1000),
        metadata={"description": "Our numbers of the companies to limit it to; null: no limit"},
    )


def _limit(given: dict[str, Any]) -> Companies | None:
    return accounts.companies_by_number(given.get("companies"))


def _numbers(row: User | ApiToken) -> list[int] | None:
    found = accounts.companies_of(access.limit_of(row))
    return None if found is None else [each.id for each in found]


def _row(row: Any) -> Any:  # noqa: ANN401 - a row, or what holds one
    return getattr(row, "row", row)


@dataclass(frozen=True, slots=True)
class Made:
    """A new row with the secret that is shown this once."""

    row: User | ApiToken | None
    secret: str = field(repr=False)


class UserSchema(Answer):
    """A local account."""

    id = fields.Integer()
    email = fields.String()
    role = one_of(Role)
    disabled = fields.Boolean()
    must_change = fields.Boolean(metadata={"description": "It still has its one-time password"})
    created_at = Moment()
    seen_at = Moment(allow_none=True)
    proven_by = ToldText(lambda row: (_row(row).identity or "password").partition(" ")[0])
    companies = fields.Function(lambda row: _numbers(_row(row)), metadata=LIMIT)


class MadeUserSchema(UserSchema):
    """A new account."""

    password = fields.String(
        attribute="secret", metadata={"description": "For one time; never shown again"}
    )


class NewUserSchema(Wish):
    """An account to be made."""

    email = Text(required=True, least=3, most=254, matches=_EMAIL)
    role = one_of(Role, required=True)
    companies = _companies()


class UserChangeSchema(Change):
    """What to change; fields that are left out keep their value."""

    role = one_of(Role)
    disabled = Switch()
    companies = _companies()


class SessionSchema(Answer):
    """A signed-in browser."""

    id = fields.Integer()
    user_id = fields.Integer()
    email = ToldText(lambda row: row.user.email)
    agent = fields.String()
    started_at = Moment()
    seen_at = Moment()
    expires_at = Moment()
    current = ToldSwitch(lambda row: row.id == person().session_id)


class TokenSchema(Answer):
    """A key for this API, without the key itself."""

    id = fields.Integer()
    name = fields.String()
    role = one_of(Role)
    created_by = fields.String()
    created_at = Moment()
    expires_at = Moment(allow_none=True)
    used_at = Moment(allow_none=True)
    scopes = fields.List(fields.String(), allow_none=True)
    companies = fields.Function(lambda row: _numbers(_row(row)), metadata=LIMIT)


class MadeTokenSchema(TokenSchema):
    """A new key."""

    token = fields.String(attribute="secret", metadata={"description": "Never shown again"})


class NewTokenSchema(Wish):
    """A key to be made."""

    name = Text(required=True, least=1, most=120)
    role = one_of(Role, required=True)
    days = Whole(most=3650, metadata={"description": "Days until it expires; without: never"})
    scopes = fields.List(
        Text(least=1, most=80, matches=r"^[a-z-]+:(read|write)$"),
        validate=validate.Length(max=100),
        metadata={"description": "Such as `devices:read`; without: all that the role may"},
    )
    companies = _companies()


class AuditSchema(Answer):
    """Something a person or the program itself did."""

    id = fields.Integer()
    at = Moment()
    actor = fields.String()
    action = fields.String()
    subject = fields.String()
    before = fields.Raw(allow_none=True)
    after = fields.Raw(allow_none=True)


@users.route()
class Users(MethodView):
    """All local accounts."""

    @allow(Role.ADMINISTRATOR)
    @users.lists(UserSchema, sorts=("email",), filters={"role": one_of(Role)})
    def get(self, ask: Ask) -> Listing[User]:
        """List the accounts."""
        return page_of(lists.users, ask)

    @allow(Role.ADMINISTRATOR)
    @users.takes(NewUserSchema)
    @users.answers(MadeUserSchema, 201)
    def post(self, given: dict[str, Any]) -> Made:
        """Make an account with a one-time password."""
        role, companies = Role(given["role"]), _limit(given)
        accounts.check_limit(role, companies)
        user, password = access.create_user(
            runtime(), person().name, given["email"], role, companies
        )
        return Made(user, password)


@users.route(f"/{ID}")
class OneUser(MethodView):
    """One account."""

    @allow(Role.ADMINISTRATOR)
    @users.takes(UserChangeSchema)
    @users.answers(UserSchema)
    def patch(self, given: dict[str, Any], number: int) -> User:
        """Change role and limits, or disable an account, which ends its sessions."""
        user = row_of(User, number)
        accounts.change(
            runtime(),
            person().name,
            user,
            role=Role(given.get("role", user.role)),
            companies=_limit(given) if "companies" in given else access.limit_of(user),
            disabled=given.get("disabled", user.disabled),
        )
        return user


@sessions.route()
class Sessions(MethodView):
    """All living sessions."""

    @allow(Role.ADMINISTRATOR)
    @sessions.lists(SessionSchema, sorts=("email", "seen"))
    def get(self, ask: Ask) -> Listing[UserSession]:
        """List the signed-in browsers, the last seen first."""
        wanted = ask.q.casefold()
        found = [
            each
            for each in lists.sessions(runtime().now())
            if wanted in f"{each.user.email} {each.agent}".casefold()
        ]
        return Short(
            found, email=lambda each: each.user.email, seen=lambda each: each.seen_at
        ).page(ask)


@sessions.route(f"/{ID}")
class OneSession(MethodView):
    """One session."""

    @allow(Role.ADMINISTRATOR)
    @sessions.answers(status=204)
    def delete(self, number: int) -> None:
        """End a session at once, wherever its cookie is."""
        access.end_session(runtime(), row_of(UserSession, number).id, person().name)


@tokens.route()
class Tokens(MethodView):
    """All living API tokens."""

    @allow(Role.ADMINISTRATOR)
    @tokens.lists(TokenSchema, sorts=("name", "created"))
    def get(self, ask: Ask) -> Listing[ApiToken]:
        """List the tokens that are not revoked, newest first."""
        wanted = ask.q.casefold()
        found = [each for each in lists.tokens() if wanted in each.name.casefold()]
        return Short(
            found, name=lambda each: each.name.casefold(), created=lambda each: each.created_at
        ).page(ask)

    @allow(Role.ADMINISTRATOR)
    @tokens.takes(NewTokenSchema)
    @tokens.answers(MadeTokenSchema, 201)
    def post(self, given: dict[str, Any]) -> Made:
        """Make a token; this answer is the only place that ever shows it."""
        role, days = Role(given["role"]), given.get("days")
        scopes = accounts.scopes_of(given.get("scopes", ()), collections())
        token = access.create_token(
            runtime(),
            person().name,
            given["name"],
            role,
            days,
            scopes=scopes,
            companies=_limit(given),
        )
        return Made(access.find_token(token), token)


@tokens.route(f"/{ID}")
class OneToken(MethodView):
    """One API token."""

    @allow(Role.ADMINISTRATOR)
    @tokens.answers(status=204)
    def delete(self, number: int) -> None:
        """Make a token worthless at once."""
        access.revoke_token(runtime(), row_of(ApiToken, number).id, person().name)


@audit.route()
class Audit(MethodView):
    """The audit log."""

    @allow(Role.ADMINISTRATOR)
    @audit.lists(
        AuditSchema,
        sorts=("time",),
        filters={
            "actor": Text(most=254),
            "action": Text(most=60, metadata={"description": "What the action begins with"}),
            "subject": Text(most=200),
            "since": Text(matches=_DAY, metadata={"description": "A day in UTC"}),
            "until": Text(matches=_DAY, metadata={"description": "A day in UTC, included"}),
        },
    )
    def get(self, ask: Ask) -> Listing[AuditEntry]:
        """List what was done, newest first."""
        return page_of(lists.audit, ask)
