"""Single sign-on: away to the identity provider, and back with a session."""

import logging

from flask import redirect, request

from plugin.blueprints.access import own_address, sign_in_page
from plugin.blueprints.guard import anyone, give_cookie, runtime, sign_on_cookie, start_cookie
from plugin.blueprints.guard import blueprint as new_blueprint
from plugin.blueprints.pages.showing import Answer
from plugin.domain.errors import EdgeError, RuleError
from plugin.services import access, sign_on

blueprint = new_blueprint("oidc", __name__)
_log = logging.getLogger(__name__)


@blueprint.get("/sign-in/oidc")
@anyone(why="this leads to the identity provider, which knows who may come in")
def leave() -> Answer:
    """Send the browser to the identity provider."""
    target = own_address(request.args.get("next", ""))
    try:
        address, kept = sign_on.leave(runtime(), target)
    except (RuleError, EdgeError) as error:
        return _refused(target, error)
    answer = redirect(address)
    give_cookie(answer, sign_on_cookie(), kept, sign_on.MINUTES * 60)
    return answer


@blueprint.get("/sign-in/oidc/back")
@anyone(why="the identity provider sends people back here; what it says is checked")
def come_back() -> Answer:
    """Check what the identity provider says, and start a session."""
    given = request.args
    kept = request.cookies.get(sign_on_cookie(), "")
    if "code" not in given:
        return _refused("", RuleError("", _told(given.get("error", ""))))
    try:
        user, target = sign_on.come_back(
            runtime(), kept, given.get("state", ""), given["code"][:4000]
        )
    except (RuleError, EdgeError) as error:
        return _refused("", error)
    secret, _csrf = access.start_session(runtime(), user, request.user_agent.string)
    answer = redirect(own_address(target))
    start_cookie(answer, secret)
    give_cookie(answer, sign_on_cookie(), "", 0)
    return answer


def _told(error: str) -> str:
    if error == "access_denied":
        return "The identity provider did not let you in. Ask whoever keeps it."
    return "The identity provider sent no answer that can be used. Begin the sign-in once more."


def _refused(target: str, error: RuleError | EdgeError) -> Answer:
    if isinstance(error, EdgeError):
        _log.warning("single sign-on failed: %s", error)
        text = f"{error}. Try again, or sign in with a local account."
    else:
        text = error.message
    return sign_in_page(target, error=text), 422
