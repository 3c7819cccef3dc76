"""Notifications: what was told, the e-mails about it, who gets which."""

from typing import Any

from flask import abort
from flask.views import MethodView
from marshmallow import fields

from plugin.blueprints.api.doors import ID, Door, page_of, row_of
from plugin.blueprints.api.values import (
    Answer,
    Moment,
    Switch,
    Text,
    ToldText,
    Whole,
    Wish,
    one_of,
)
from plugin.blueprints.guard import allow, person, runtime, scope
from plugin.domain.errors import RuleError
from plugin.domain.notices import NoticeKind
from plugin.services import lists, mail, notice_policy, notices
from plugin.services.access import Role
from plugin.services.lists import Ask, Listing, NoticeLine
from plugin.services.notice_policy import Policy, WishedRoute
from plugin.store.notices import Mail, MailState

door = Door("notifications", "What needed, or needs, a person; e-mails about it.")


class NotificationSchema(Answer):
    """A notification; ``ended_at`` is when what it tells of was over."""

    id = fields.Integer()
    at = Moment()
    kind = one_of(NoticeKind)
    title = fields.String()
    text = fields.String()
    path = fields.String(metadata={"description": "The page that helps"})
    ended_at = Moment(allow_none=True)
    read = fields.Boolean(metadata={"description": "By the person who asks"})


class ReadWishSchema(Wish):
    """Which notifications are read."""

    ids = fields.List(Whole(), metadata={"description": "Without: all of them", "maxItems": 1000})


class CountSchema(Answer):
    """How many there were."""

    count = fields.Integer()


class MailSchema(Answer):
    """An e-mail about a notification."""

    id = fields.Integer()
    notification_id = fields.Integer(attribute="notice_id")
    title = ToldText(lambda row: row.notice.title)
    recipient = fields.String()
    state = one_of(MailState)
    made_at = Moment()
    due_at = Moment()
    sent_at = Moment(allow_none=True)
    failures = fields.Integer()
    problem = fields.String()


class RouteSchema(Answer):
    """Who gets an e-mail about one kind of event."""

    kind = one_of(notice_policy.ROUTED)
    mail = fields.Boolean()
    administrators = fields.Boolean()
    to = fields.List(fields.String())
    urgent = fields.Boolean(metadata={"description": "In quiet hours too"})


class SettingsSchema(Answer):
    """The routes, the quiet hours and the mail server."""

    routes = fields.List(fields.Nested(RouteSchema))
    quiet_begin = fields.String(metadata={"description": "Like 22:00; empty for no quiet hours"})
    quiet_end = fields.String()
    quiet_zone = fields.String()
    version = fields.Integer()
    server = ToldText(lambda told: told["server"], metadata={"description": "Empty: none is set"})


class RouteWishSchema(Wish):
    """Who shall get an e-mail about one kind of event."""

    kind = one_of(notice_policy.ROUTED, required=True)
    mail = Switch(required=True)
    administrators = Switch(required=True)
    to = fields.List(Text(most=254), required=True)
    urgent = Switch(required=True)


class SettingsWishSchema(Wish):
    """All settings as they shall be; a kind that is left out gets no e-mail."""

    routes = fields.List(fields.Nested(RouteWishSchema), required=True)
    quiet_begin = Text(required=True, most=20)
    quiet_end = Text(required=True, most=20)
    quiet_zone = Text(required=True, most=80)
    version = Whole(required=True, least=0)


class TestWishSchema(Wish):
    """Where a test e-mail shall go."""

    to = Text(required=True, least=1, most=254)


@door.route()
class Notifications(MethodView):
    """All notifications of one's role."""

    @allow(Role.VIEWER)
    @door.lists(
        NotificationSchema,
        sorts=("time",),
        filters={"kind": one_of(NoticeKind), "state": one_of(["unread", "standing", "over"])},
    )
    def get(self, ask: Ask) -> Listing[NoticeLine]:
        """List what one's role is told of, newest first."""
        return page_of(lists.notices(person()), ask)


@door.route("/read")
class Reading(MethodView):
    """Marks of what one has read."""

    @allow(Role.VIEWER)
    @door.takes(ReadWishSchema)
    @door.answers(CountSchema)
    def post(self, given: dict[str, Any]) -> dict[str, int]:
        """Mark some notifications, or all, as read by the person who is signed in."""
        return {"count": notices.mark_read(person(), given.get("ids"))}


@door.route("/mails")
class Mails(MethodView):
    """All e-mails."""

    @allow(Role.ADMINISTRATOR)
    @door.lists(MailSchema, sorts=("time",), filters={"state": one_of(MailState)})
    def get(self, ask: Ask) -> Listing[Mail]:
        """List the e-mails, newest first."""
        return page_of(lists.mails, ask)


@door.route(f"/mails/{ID}")
class OneMail(MethodView):
    """One e-mail."""

    @allow(Role.ADMINISTRATOR)
    @door.answers(MailSchema)
    def get(self, number: int) -> Mail:
        """Tell what became of one e-mail."""
        return _mail(number)

    @allow(Role.ADMINISTRATOR)
    @door.answers(status=204)
    def delete(self, number: int) -> None:
        """Give an undelivered e-mail up for good; harmless for any other."""
        mail.discard(runtime(), person().name, [_mail(number).id])


@door.route(f"/mails/{ID}/retry")
class MailRetry(MethodView):
    """Sending once more."""

    @allow(Role.ADMINISTRATOR)
    @door.answers(MailSchema, 202)
    def post(self, number: int) -> Mail:
        """Send an undelivered e-mail once more; harmless for any other."""
        row = _mail(number)
        mail.retry(runtime(), person().name, [row.id])
        return row


def _mail(number: int) -> Mail:
    row = row_of(Mail, number)
    return row if lists.mails_to_handle(scope(), [row.id]) else abort(404)


@door.route("/settings")
class Settings(MethodView):
    """Who gets which e-mail."""

    @allow(Role.ADMINISTRATOR)
    @door.answers(SettingsSchema)
    def get(self) -> dict[str, object]:
        """Tell who gets which e-mail, the quiet hours, and the mail server."""
        return _told(notice_policy.current())

    @allow(Role.ADMINISTRATOR)
    @door.takes(SettingsWishSchema)
    @door.answers(SettingsSchema)
    def put(self, given: dict[str, Any]) -> dict[str, object]:
        """Replace the settings; 409 when somebody saved since ``version``."""
        routes = {NoticeKind(each["kind"]): _wished(each) for each in given["routes"]}
        quiet = given["quiet_begin"], given["quiet_end"], given["quiet_zone"]
        wish = notice_policy.Wish(routes, *quiet, given["version"])
        notice_policy.save(runtime(), person().name, wish)
        return _told(notice_policy.current())


def _wished(route: dict[str, Any]) -> WishedRoute:
    if any("\n" in each or "\r" in each for each in route["to"]):
        raise RuleError("routes", "Each of the addresses must be one line.")
    to = "\n".join(route["to"])
    return WishedRoute(route["mail"], route["administrators"], to, route["urgent"])


def _told(policy: Policy) -> dict[str, object]:
    server = mail.server(runtime())
    wish = notice_policy.shown(policy)
    return {
        "routes": [
            {
                "kind": kind.value,
                "mail": route.mail,
                "administrators": route.administrators,
                "to": route.to,
                "urgent": route.urgent,
            }
            for kind, route in policy.routes.items()
        ],
        "quiet_begin": wish.begin,
        "quiet_end": wish.end,
        "quiet_zone": wish.zone,
        "version": policy.version,
        "server": server.host if server else "",
    }


@door.route("/test")
class TestMail(MethodView):
    """A test e-mail."""

    @allow(Role.ADMINISTRATOR)
    @door.takes(TestWishSchema)
    @door.answers(status=204)
    def post(self, given: dict[str, Any]) -> None:
        """Send a test e-mail now; 502 tells what the mail server said."""
        mail.send_test(runtime(), person().name, given["to"])
