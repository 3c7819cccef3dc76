"""The guard at doors made for the test: who comes in, who is sent where, who is told what."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta

import pytest
from flask import Blueprint, Flask, Response, g, jsonify
from flask.testing import FlaskClient
from flask.views import MethodView
from sqlalchemy import select
from werkzeug.test import TestResponse

from plugin.blueprints import guard
from plugin.services import access, bearers
from plugin.services.access import Role
from plugin.services.bridges import registry
from plugin.store.base import db, writing
from plugin.store.people import User, UserSession
from tests.databases import bare_app, fresh_sqlite
from tests.house import House, open_house

OURS = "http://localhost"
doors = Blueprint("doors", __name__)
own = Blueprint("access", __name__)


def said() -> str:
    who = guard.current_person()
    return who.name if who else "nobody"


@own.get("/sign-in")
@guard.anyone(why="people come in here")
def sign_in() -> str:
    return guard.form_token()


@own.get("/password")
@guard.allow(Role.VIEWER)
def password() -> str:
    return said()


@doors.get("/page")
@guard.allow(Role.TECHNICIAN, limited=True)
def page() -> str:
    return guard.person().name


@doors.post("/page")
@guard.allow(Role.TECHNICIAN, limited=True)
def change() -> str:
    return said()


@doors.get("/whole")
@guard.allow(Role.VIEWER)
def whole() -> str:
    return said()


@doors.get("/polled")
@guard.allow(Role.VIEWER, polled=True)
def polled() -> str:
    return said()


@doors.post("/open")
@guard.anyone(why="a test")
def open_to_all() -> str:
    return said()


@doors.post("/proves-itself")
@guard.anyone(why="a test", checks_itself=True)
def proves_itself() -> str:
    return said()


@doors.post("/bridges")
@guard.bridges_only()
def bridges() -> str:
    return f"bridge {g.bridge.id}"


@doors.errorhandler(registry.StrangerError)
def turn_away(_: registry.StrangerError) -> tuple[str, int]:
    return "stranger", 401


@doors.route("/api/v1/devices", methods=["GET", "POST"])
@guard.allow(Role.VIEWER, limited=True)
def devices() -> str:
    return said()


@doors.get("/api/v1/tickets/<int:number>")
@guard.allow(Role.VIEWER)
def ticket(number: int) -> str:
    return said()


@doors.get("/api/v1/docs")
@doors.get("/api/v1/openapi.json")
@guard.anyone(why="no collection")
def document() -> str:
    return ""


class Things(MethodView):
    """A class of views: each method has its own rule."""

    @guard.allow(Role.VIEWER, limited=True)
    def get(self) -> str:
        return said()

    @guard.allow(Role.ADMINISTRATOR)
    def post(self) -> str:
        return said()


class HalfDeclared(Things):
    """One method says nothing."""

    def put(self) -> str:
        return said()


doors.add_url_rule("/things", view_func=Things.as_view("things"))


@doors.get("/needs-somebody")
@guard.anyone(why="a test")
def needs_somebody() -> str:
    return guard.person().name


@doors.post("/by-script")
@guard.anyone(why="a test", checks_itself=True)
def by_script() -> str:
    guard.refuse_other_sites(demand=True)
    return "ours"


@doors.get("/scope")
@guard.anyone(why="a test")
def scoped() -> Response:
    found = guard.scope()
    assert guard.scope() is found, "asked twice"
    return jsonify(companies=found.companies and {k: sorted(v) for k, v in found.companies.items()})


@doors.get("/told")
@guard.anyone(why="a test")
def told() -> Response:
    limited = [
        each for each in ("doors.page", "doors.whole", "none") if guard.open_to_limited(each)
    ]
    return jsonify(collections=sorted(guard.collections()), limited=limited)


@dataclass
class Hall:
    """A house with these doors, and somebody of each role at them."""

    house: House
    app: Flask

    def client(self, role: Role | None = None, **user: object) -> FlaskClient:
        client = self.app.test_client()
        if role is not None:
            secret, _ = self.session(role, **user)
            client.set_cookie("bridgehead", secret)
        return client

    def session(self, role: Role, **user: object) -> tuple[str, str]:
        with writing() as session:
            number = len(session.scalars(select(User.id)).all())
            made = User(email=f"{number}@msp.example", role=role, **user)
            made.created_at = self.house.runtime.now()
            session.add(made)
        return access.start_session(self.house.runtime, made)

    def token(self, role: Role, **more: object) -> dict[str, str]:
        token = access.create_token(self.house.runtime, "t", "t", role, **more)  # type: ignore[arg-type]
        return {"Authorization": f"Bearer {token}"}


@pytest.fixture(scope="module")
def hall(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hall]:
    folder = tmp_path_factory.mktemp("hall")
    with open_house(fresh_sqlite(folder), folder) as house:
        app = bare_app(house.url)  # not the house's, whose context would outlive a request
        app.extensions["bridgehead"] = house.runtime
        app.register_blueprint(doors)
        app.register_blueprint(own)
        guard.install(app)
        yield Hall(house, app)


def csrf_of(client: FlaskClient) -> str:
    db.session.rollback()
    cookie = client.get_cookie("bridgehead")
    assert cookie is not None
    query = select(UserSession.csrf).where(UserSession.digest == access.digest(cookie.value))
    return db.session.scalars(query).one()


def status(answer: TestResponse) -> int:
    return answer.status_code


def test_every_door_here_says_who_may_enter(hall: Hall) -> None:
    assert guard.undeclared(hall.app) == []


def test_a_stranger_is_led_to_the_sign_in_and_back(hall: Hall) -> None:
    answer = hall.client().get("/page?a=b")
    assert (status(answer), answer.location) == (302, "/sign-in?next=/page?a%3Db")
    assert hall.client().get("/page").location == "/sign-in?next=/page"


def test_a_strangers_change_or_call_is_refused_and_not_led_anywhere(hall: Hall) -> None:
    assert status(hall.client().post("/page")) == 401
    assert status(hall.client().get("/api/v1/devices")) == 401
    assert status(hall.client().post("/api/v1/devices")) == 401


def test_a_page_nobody_has_is_not_found(hall: Hall) -> None:
    assert status(hall.client().get("/nothing")) == 404


@pytest.mark.parametrize("role", Role)
def test_a_role_opens_what_it_covers(hall: Hall, role: Role) -> None:
    client = hall.client(role)
    assert status(client.get("/whole")) == 200
    assert status(client.get("/page")) == (200 if role.covers(Role.TECHNICIAN) else 403)


def test_a_limited_person_sees_only_views_that_keep_the_limit(hall: Hall) -> None:
    client = hall.client(Role.TECHNICIAN, companies=[])
    assert status(client.get("/page")) == 200
    refused = client.get("/whole")
    assert (status(refused), "limited to some companies" in refused.text) == (403, True)


def test_a_one_time_password_leads_to_a_new_one_and_nowhere_else(hall: Hall) -> None:
    client = hall.client(Role.VIEWER, must_change=True)
    assert (status(client.get("/whole")), client.get("/whole").location) == (302, "/password")
    assert status(client.get("/password")) == 200
    refused = client.get("/api/v1/devices")
    assert (status(refused), "password of your own" in refused.text) == (403, True)


def test_a_change_needs_the_sessions_form_token(hall: Hall) -> None:
    client, other = hall.client(Role.TECHNICIAN), hall.client(Role.TECHNICIAN)
    token = csrf_of(client)
    assert status(client.post("/page", data={"csrf_token": token})) == 200
    assert status(client.post("/page", headers={"X-CSRF-Token": token})) == 200
    for wrong in (
        {},
        {"csrf_token": token[:-1]},
        {"csrf_token": csrf_of(other)},
        {"csrf_token": ""},
    ):
        refused = client.post("/page", data=wrong)
        assert (status(refused), "out of date" in refused.text) == (400, True)


@pytest.mark.parametrize(
    ("origin", "expected"),
    [
        (OURS, 200),
        ("http://localhost:81", 403),
        ("https://localhost", 403),
        ("http://localhost.example", 403),
        ("null", 403),
        ("", 403),
    ],
)
def test_a_change_comes_from_our_own_pages(hall: Hall, origin: str, expected: int) -> None:
    client = hall.client(Role.TECHNICIAN)
    headers = {"Origin": origin, "X-CSRF-Token": csrf_of(client)}
    answer = client.post("/page", headers=headers)
    assert status(answer) == expected
    assert expected == 200 or "another site" in answer.text
    assert status(client.get("/page", headers={"Origin": origin})) == 200, "a look is free"


def test_a_door_for_everybody_asks_a_visitor_for_the_token_of_his_page(hall: Hall) -> None:
    client = hall.client()
    assert status(client.post("/open")) == 400
    token = client.get("/sign-in").text
    assert len(token) > 30
    assert client.get("/sign-in").text == token, "it stays for this visitor"
    answer = client.post("/open", data={"csrf_token": token})
    assert (status(answer), answer.text) == (200, "nobody")
    assert hall.client().get("/sign-in").text != token


def test_a_door_that_proves_its_caller_asks_for_nothing_more(hall: Hall) -> None:
    client = hall.client(Role.ADMINISTRATOR)
    headers = {"Origin": "https://elsewhere.example"}
    assert client.post("/proves-itself", headers=headers).text == "nobody"


def test_bridges_come_in_by_their_own_secret_alone(hall: Hall) -> None:
    runtime = hall.house.runtime
    bridge = registry.name(runtime, "tester", "pc1")
    _, secret = registry.enrol(runtime, registry.new_token(runtime, "tester", bridge), "1")
    opened = hall.client().post("/bridges", headers={"Authorization": f"bEaReR  {secret} "})
    assert opened.text == f"bridge {bridge.id}"
    for header in (
        f"Basic {secret}",
        f"Digest {secret}",
        secret,
        "Bearer",
        f"Bearer {secret}x",
        "",
    ):
        assert status(hall.client().post("/bridges", headers={"Authorization": header})) == 401
    assert status(hall.client(Role.ADMINISTRATOR).post("/bridges")) == 401


def test_an_api_token_opens_the_api_and_no_page(hall: Hall) -> None:
    headers = hall.token(Role.VIEWER)
    client = hall.client()
    assert client.get("/api/v1/devices", headers=headers).text == "token t"
    assert status(client.post("/api/v1/devices", headers=headers)) == 200, "no form token"
    assert status(client.get("/whole", headers=headers)) == 302
    odd = {"Authorization": headers["Authorization"].replace("Bearer ", "BEARER   ") + " "}
    assert client.get("/api/v1/devices", headers=odd).text == "token t"


def test_a_bad_token_is_not_mended_by_a_good_cookie(hall: Hall) -> None:
    client = hall.client(Role.ADMINISTRATOR)
    bad = {"Authorization": "Bearer bh_wrong"}
    assert status(client.get("/api/v1/devices", headers=bad)) == 401
    assert status(client.get("/api/v1/devices")) == 200


@pytest.mark.parametrize(
    ("scopes", "reads", "changes", "reads_tickets"),
    [
        (None, 200, 200, 200),
        ([], 403, 403, 403),
        (["devices:read"], 200, 403, 403),
        (["devices:write"], 200, 200, 403),
        (["tickets:read"], 403, 403, 200),
    ],
)
def test_a_token_opens_what_its_scopes_name(
    hall: Hall, scopes: list[str] | None, reads: int, changes: int, reads_tickets: int
) -> None:
    headers, client = hall.token(Role.TECHNICIAN, scopes=scopes), hall.client()
    assert status(client.get("/api/v1/devices", headers=headers)) == reads
    assert status(client.post("/api/v1/devices", headers=headers)) == changes
    refused = client.get("/api/v1/tickets/1", headers=headers)
    assert status(refused) == reads_tickets
    assert reads_tickets == 200 or "scopes of this token" in refused.text


def test_a_limited_token_sees_only_views_that_keep_the_limit(hall: Hall) -> None:
    headers = hall.token(Role.VIEWER, companies=frozenset())
    assert status(hall.client().get("/api/v1/devices", headers=headers)) == 200
    assert status(hall.client().get("/api/v1/tickets/1", headers=headers)) == 403


def test_a_frames_bearer_is_a_session_and_needs_no_form_token(hall: Hall) -> None:
    runtime = hall.house.runtime
    secret, _ = hall.session(Role.TECHNICIAN)
    session = access.session_of(runtime, secret)
    assert session is not None
    headers = {"Authorization": f"Bearer {bearers.bearer_of(runtime, session)}"}
    client = hall.client()
    assert client.get("/page", headers=headers).text == session.user.email
    assert status(client.post("/page", headers=headers)) == 200
    assert client.get("/sign-in", headers=headers).text == session.csrf
    access.end_session(runtime, session.id, "tester")
    assert status(client.get("/page", headers=headers)) == 401, "a script asks, not a person"
    assert client.get("/sign-in", headers=headers).text == ""


def test_a_page_that_asks_by_itself_keeps_no_session_alive(hall: Hall) -> None:
    client = hall.client(Role.VIEWER)
    idle = hall.house.runtime.settings.limits.access.idle_minutes
    hall.house.clock.forward(idle * 40)
    assert status(client.get("/polled")) == 200
    hall.house.clock.forward(idle * 30)
    assert status(client.get("/whole")) == 302, "nobody was there"
    client = hall.client(Role.VIEWER)
    hall.house.clock.forward(timedelta(minutes=idle).total_seconds() * 2 / 3)
    assert status(client.get("/whole")) == 200
    hall.house.clock.forward(timedelta(minutes=idle).total_seconds() * 2 / 3)
    assert status(client.get("/whole")) == 200


def test_collections_and_limited_views_are_told(hall: Hall) -> None:
    told = hall.client().get("/told").get_json()
    assert told == {"collections": ["devices", "tickets"], "limited": ["doors.page"]}


def test_each_method_of_a_class_of_views_has_its_own_rule(hall: Hall) -> None:
    viewer = hall.client(Role.VIEWER, companies=[])
    for verb in ("GET", "HEAD", "OPTIONS"):
        assert status(viewer.open("/things", method=verb)) == 200
        assert status(hall.client().open("/things", method=verb)) == 302
    form = {guard.FORM_TOKEN: csrf_of(viewer)}
    assert status(viewer.post("/things", data=form)) == 403
    administrator = hall.client(Role.ADMINISTRATOR)
    form = {guard.FORM_TOKEN: csrf_of(administrator)}
    assert status(administrator.post("/things", data=form)) == 200
    limited = hall.client(Role.ADMINISTRATOR, companies=[])
    form = {guard.FORM_TOKEN: csrf_of(limited)}
    assert status(limited.post("/things", data=form)) == 403


def test_a_route_that_names_nobody_lets_nobody_in(hall: Hall) -> None:
    app = bare_app(hall.house.url)
    app.extensions["bridgehead"] = hall.house.runtime
    app.add_url_rule("/forgotten", "forgotten", said)
    app.add_url_rule("/half", view_func=HalfDeclared.as_view("half"))
    guard.install(app)
    assert guard.undeclared(app) == ["forgotten", "half"]
    assert status(app.test_client().get("/forgotten")) == 403
    assert status(app.test_client().put("/half")) == 403


def test_static_files_ask_nobody(hall: Hall) -> None:
    assert status(hall.client().get("/static/none.css")) == 404


def test_a_view_that_needs_somebody_refuses_a_stranger(hall: Hall) -> None:
    assert status(hall.client().get("/needs-somebody")) == 401
    assert status(hall.client(Role.VIEWER).get("/needs-somebody")) == 200


def test_only_a_bearer_is_taken_for_one(hall: Hall) -> None:
    token = hall.token(Role.VIEWER)["Authorization"].removeprefix("Bearer ")
    for scheme, expected in (("bearer", 200), ("BEARER", 200), ("Digest", 401), ("bearers", 401)):
        headers = {"Authorization": f"{scheme} {token}"}
        assert status(hall.client().get("/api/v1/devices", headers=headers)) == expected


@pytest.mark.parametrize(
    ("origin", "expected"), [(OURS, 200), (None, 403), ("", 403), ("http://localhost.evil", 403)]
)
def test_a_script_has_to_say_where_it_comes_from(
    hall: Hall, origin: str | None, expected: int
) -> None:
    headers = {} if origin is None else {"Origin": origin}
    assert status(hall.client().post("/by-script", headers=headers)) == expected


def test_a_request_shows_what_its_person_may_see(hall: Hall) -> None:
    assert hall.client().get("/scope").get_json() == {"companies": None}
    limited = hall.client(Role.VIEWER, companies=[[1, "a"], [1, "b"]])
    assert limited.get("/scope").get_json() == {"companies": {"1": ["a", "b"]}}
