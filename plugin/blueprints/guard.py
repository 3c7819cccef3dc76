"""The guard at every door: who may enter, form tokens, exact origins, headers, error pages.

Every view says who may enter with :func:`allow` or :func:`anyone`; an application with a view that
says nothing does not start.
"""

import hmac
import secrets
import time
from collections.abc import Callable
from typing import Any, TypeVar
from urllib.parse import urlsplit

from flask import Blueprint, Flask, Response, abort, current_app, g, redirect, request, url_for
from sqlalchemy import select
from werkzeug.wrappers import Response as BaseResponse

from plugin.runtime import Runtime
from plugin.services import access, bearers
from plugin.services.access import Person, Role
from plugin.services.bridges import registry
from plugin.services.lists.scope import Scope, scope_of
from plugin.store.base import db
from plugin.store.integrations import Connection, Side

View = TypeVar("View", bound=Callable[..., Any])

COOKIE = "__Host-bridgehead"
LOOPBACK_COOKIE = "bridgehead"
"""Browsers take a ``__Host-`` cookie over https only; plain http is served on loopback alone."""
FRAME_COOKIE = "bridgehead-frame"
"""On loopback nothing parts a frame's cookies from a window's: a member who is handed over there
must not take the place of whoever is signed in beside it."""
FRAME_HEADER = "Bridgehead-Frame"
"""Sent by hosted.js with every page that it fetches into a host's frame."""
HAND_OVER = "embedding.hand_over"

FRAMES_FRESH = 5.0

FORM_TOKEN = "csrf_token"  # noqa: S105 - the name of a form field
CHANGES = frozenset({"POST", "PUT", "PATCH", "DELETE"})
BEARER = "bearer "
API = "/api/v1/"


def allow(
    role: Role, *, in_frames: bool = True, polled: bool = False, limited: bool = False
) -> Callable[[View], View]:
    """Let in people (and API tokens) whose role covers ``role``.

    ``polled``: a page asks by itself, again and again, so that nobody counts as present for it.
    ``limited``: the view shows people who are limited to some companies only what is theirs, by
    :func:`scope`; every other view turns them away.
    """
    return _stamp(access_rule=("role", role), in_frames=in_frames, polled=polled, limited=limited)


def anyone(
    *, why: str, checks_itself: bool = False, in_frames: bool = False
) -> Callable[[View], View]:
    """Let in everybody; ``why`` says for what reason, for the reader and the route list.

    ``checks_itself``: the view proves its caller by other means (a signature, a bridge's secret),
    so form tokens and origins do not apply.
    """
    return _stamp(access_rule=("anyone", why), checks_itself=checks_itself, in_frames=in_frames)


def bridges_only() -> Callable[[View], View]:
    """Let in the bridge program by its own secret, and nobody else; ``g.bridge`` is who it is."""
    return _stamp(access_rule=("bridge", "a bridge's own secret"), in_frames=False)


def _stamp(**marks: object) -> Callable[[View], View]:
    def mark(view: View) -> View:
        for name, value in marks.items():
            setattr(view, name, value)
        return view

    return mark


def runtime() -> Runtime:
    """Return the runtime of the application that answers."""
    found: Runtime = current_app.extensions["bridgehead"]
    return found


def person() -> Person:
    """Return who is acting; only for views that let in by role."""
    found: Person | None = g.get("person")
    if found is None:
        abort(401)
    return found


def current_person() -> Person | None:
    """Return who is acting, or None for a stranger."""
    found: Person | None = g.get("person")
    return found


def scope() -> Scope:
    """Return which objects this request shows to whoever is acting; asked once."""
    found: Scope | None = g.get("scope")
    if found is None:
        who = current_person()
        # An API token is nobody's own: what was withdrawn from a person is not withdrawn from it.
        email = who.name if who and who.user_id is not None else ""
        found = g.scope = scope_of(runtime(), who.companies if who else None, email=email)
    return found


def open_to_limited(endpoint: str) -> bool:
    """Tell whether a view is for people limited to some companies too."""
    return bool(getattr(current_app.view_functions.get(endpoint), "limited", False))


def form_token() -> str:
    """Return the token that every form of this session carries."""
    return str(g.get("form_token", ""))


def install(app: Flask) -> None:
    """Put the guard before every view and its headers on every answer."""
    app.before_request(_enter)
    app.after_request(_headers)
    app.jinja_env.globals["csrf_token"] = form_token


def undeclared(app: Flask) -> list[str]:
    """Return the routes that do not say who may enter, for every method of theirs."""
    return sorted(
        rule.endpoint for rule in app.url_map.iter_rules() if None in _rules_of(app, rule.endpoint)
    )


def _rules_of(app: Flask, endpoint: str) -> list[tuple[str, Any] | None]:
    if endpoint == "static":
        return [_STATIC]
    view = app.view_functions.get(endpoint)
    owner = getattr(view, "view_class", None)
    views = [view] if owner is None else [getattr(owner, each.lower()) for each in owner.methods]
    return [getattr(each, "access_rule", None) for each in views]


_STATIC = ("anyone", "style, script and icons hold nothing secret")


def _answering(app: Flask, endpoint: str) -> Any:  # noqa: ANN401 - a view or a method of a class
    """Return what will answer: the view, or the method of a class-based view; GET's for HEAD."""
    view: Any = app.view_functions[endpoint]
    owner = getattr(view, "view_class", None)
    if owner is None:
        return view
    return getattr(owner, request.method.lower(), None) or getattr(owner, "get", None)


def _enter() -> BaseResponse | None:
    if request.endpoint in {None, "static"}:
        return None
    answering = _answering(current_app, str(request.endpoint))
    rule = getattr(answering, "access_rule", None)
    if rule is None:
        abort(403)
    if getattr(answering, "checks_itself", False):
        return None
    if rule[0] == "bridge":
        g.bridge = registry.known(_bearer() or "")
        return None
    recognise()
    kind, needed = rule
    is_limited_too = getattr(answering, "limited", False)
    elsewhere = None if kind == "anyone" else _by_role(needed, limited=is_limited_too)
    if elsewhere is None and request.method in CHANGES and not g.get("by_token"):
        refuse_other_sites()
        _form_token()
    return elsewhere


def _bearer() -> str | None:
    """Return the bearer that the request carries, or None."""
    header = request.headers.get("Authorization", "")
    is_bearer = header[: len(BEARER)].lower() == BEARER
    return header[len(BEARER) :].strip() if is_bearer else None


def _by_role(needed: Role, *, limited: bool) -> BaseResponse | None:
    found: Person | None = g.get("person")
    is_program = request.path.startswith("/api/")
    if found is None:
        if is_program or request.method in CHANGES or g.get("by_token"):
            abort(401)
        return redirect(url_for("access.sign_in", next=request.full_path.rstrip("?")))
    if not found.role.covers(needed):
        abort(403)
    if found.companies is not None and not limited:
        abort(403, "Your account is limited to some companies, and this shows all of them.")
    if found.scopes is not None and not _in_scope(found.scopes):
        abort(403, "The scopes of this token do not include this; make one that has it.")
    if found.must_change and is_program:
        abort(403, "Choose a password of your own first; the present one is for one time.")
    if found.must_change and not (request.endpoint or "").startswith("access."):
        return redirect(url_for("access.password"))
    return None


def collections() -> set[str]:
    """Return the API's collections, which a token's scopes name."""
    paths = (rule.rule for rule in current_app.url_map.iter_rules())
    under = (path.removeprefix(API) for path in paths if path.startswith(API))
    return {path.partition("/")[0] for path in under} - {"openapi.json", "docs"}


def _in_scope(scopes: frozenset[str]) -> bool:
    """Tell whether a token's scopes include this request: ``devices:read``, ``devices:write``."""
    collection = request.path.removeprefix(API).partition("/")[0]
    needed = {f"{collection}:write"}
    if request.method not in CHANGES:
        needed.add(f"{collection}:read")
    return bool(scopes & needed)


def recognise() -> None:
    """Find out who is acting: an API token, or the session of a frame's bearer or of the cookie."""
    given = _bearer()
    if given is not None and given.startswith(bearers.MARK):
        _recognise_bearer(given)
    elif given is not None and request.path.startswith("/api/"):
        g.by_token = True
        g.person = access.person_with_token(runtime(), given)
    else:
        _recognise_cookie()


def _recognise_bearer(given: str) -> None:
    """Find out who is acting by the bearer that a page in a host's frame keeps in memory.

    No browser sends it by itself, so form tokens and origins have nothing to add.
    """
    g.by_token = True
    session = bearers.session_of(runtime(), given)
    g.person = access.person_of(session) if session else None
    g.form_token = session.csrf if session else ""


def _recognise_cookie() -> None:
    """Find out who is acting by the session of the cookie."""
    secret = request.cookies.get(cookie_name(), "")
    view = current_app.view_functions.get(request.endpoint or "")
    present = not getattr(view, "polled", False)
    session = access.session_of(runtime(), secret, present=present) if secret else None
    if session is None:
        g.form_token = request.cookies.get(_visitor_cookie(), "") or secrets.token_urlsafe(32)
        g.new_visitor = _visitor_cookie() not in request.cookies
    else:
        g.person = access.person_of(session)
        g.form_token = session.csrf


def refuse_other_sites(*, demand: bool = False) -> None:
    """Refuse a change that another site's page sent: the Origin must be exactly ours.

    ``demand``: it must be there, as it is in every such request of a browser's script.
    """
    origin = request.headers.get("Origin", "" if demand else None)
    if origin is not None and origin != request.host_url.rstrip("/"):
        abort(403, "This form came from another site.")


def _form_token() -> None:
    sent = request.form.get(FORM_TOKEN) or request.headers.get("X-CSRF-Token", "")
    if not hmac.compare_digest(sent, form_token()):
        abort(400, "The form is out of date. Load the page again and repeat.")


# -- cookies -------------------------------------------------------------------------------------


def in_frame() -> bool:
    """Tell whether this request is for a host's frame."""
    header = request.headers.get(FRAME_HEADER) == "1"
    return header or request.headers.get("Sec-Fetch-Dest") == "iframe"


def cookie_name() -> str:
    """Return the name of the session cookie for this request's scheme and place."""
    if request.is_secure:
        return COOKIE
    handed_over = in_frame() and FRAME_COOKIE in request.cookies
    return FRAME_COOKIE if handed_over or request.endpoint == HAND_OVER else LOOPBACK_COOKIE


def _visitor_cookie() -> str:
    return cookie_name() + "-visitor"


def sign_on_cookie() -> str:
    """Return the name of the cookie that waits for the identity provider's answer."""
    return cookie_name() + "-sign-on"


def give_cookie(response: BaseResponse, name: str, value: str, max_age: int | None) -> None:
    """Set a cookie that works inside a host's frame (https) or on loopback (plain http)."""
    secure = request.is_secure
    response.set_cookie(
        name,
        value,
        max_age=max_age,
        path="/",
        secure=secure,
        httponly=True,
        samesite="None" if secure else "Lax",
        partitioned=secure,
    )


def cookies_work() -> bool:
    """Tell whether the browser brought back a cookie that an earlier page gave it."""
    names = {COOKIE if request.is_secure else LOOPBACK_COOKIE, cookie_name()}
    return bool(({f"{each}-visitor" for each in names} | names) & set(request.cookies))


def start_cookie(response: BaseResponse, secret: str) -> None:
    """Give the browser its session."""
    hours = runtime().settings.limits.access.session_hours
    give_cookie(response, cookie_name(), secret, int(hours * 3600))


def end_cookie(response: BaseResponse) -> None:
    """Take the session's cookie back."""
    give_cookie(response, cookie_name(), "", 0)


# -- headers -------------------------------------------------------------------------------------


def frame_origins() -> list[str]:
    """Return the origins of the hosts whose screens may hold our pages.

    Every page names them, so they are remembered for a few seconds, and while the database hangs.
    """
    known: tuple[float, list[str]] = current_app.extensions.get("bridgehead.frames", (0.0, []))
    if time.monotonic() > known[0] and not g.get("database_hangs"):
        known = (time.monotonic() + FRAMES_FRESH, _read_frame_origins())
        current_app.extensions["bridgehead.frames"] = known
    return known[1]


def _read_frame_origins() -> list[str]:
    hosts = select(Connection).where(Connection.side == Side.HOST, Connection.deleted_at.is_(None))
    return sorted({origin_of(each) for each in db.session.scalars(hosts)} - {""})


def origin_of(connection: Connection) -> str:
    """Return the origin of a host's own pages, as browsers spell it; empty when it has none."""
    return connection.origin_override or _site(connection.settings)


def _site(settings: dict[str, str]) -> str:
    text = settings.get("site") or settings.get("server") or settings.get("server_address") or ""
    parts = urlsplit(text if "://" in text else f"https://{text}")
    return f"{parts.scheme}://{parts.netloc}" if parts.netloc else ""


def _headers(response: Response) -> Response:
    if g.get("new_visitor") and response.mimetype == "text/html":
        give_cookie(response, _visitor_cookie(), g.form_token, None)
    view = current_app.view_functions.get(request.endpoint or "")
    framed = response.mimetype == "text/html" and getattr(view, "in_frames", False)
    frames = " ".join(g.get("only_frames") or frame_origins()) if framed else ""
    policy = getattr(
        view,
        "content_policy",
        "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self' data:; "
        "connect-src 'self'; form-action 'self'; base-uri 'none'",
    )
    response.headers["Content-Security-Policy"] = (
        f"{policy}; frame-ancestors {frames or chr(39) + 'none' + chr(39)}"
    )
    response.headers.setdefault("X-Content-Type-Options", "nosniff")
    response.headers.setdefault("Referrer-Policy", "same-origin")
    # A frame that a host sandboxes has no origin: it is shown as bare text without our styles.
    reach = "cross-origin" if request.endpoint == "static" else "same-origin"
    response.headers.setdefault("Cross-Origin-Resource-Policy", reach)
    if response.mimetype in {"text/html", "application/json", "application/problem+json"}:
        response.headers.setdefault("Cache-Control", "no-store")
    if request.is_secure:
        response.headers.setdefault("Strict-Transport-Security", "max-age=31536000")
    return response


def blueprint(name: str, import_name: str, **options: Any) -> Blueprint:
    """Make a blueprint; here so that every door imports its guard."""
    return Blueprint(name, import_name, **options)
