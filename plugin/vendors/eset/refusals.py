"""What ESET's odd answers mean, and what a person can do about them.

ESET's services answer 403 for every fault of the user and 500 for every fault of their own, often
without a body (vendor help, error codes), so the number alone says little: the call that was made
decides. Every message ends with the ``request-id`` that ESET's support asks for.
"""

import re
from urllib.parse import urlsplit

from plugin.domain.contracts import Advice
from plugin.domain.errors import (
    AnswerError,
    EdgeError,
    MissingError,
    RefusedError,
    TransientError,
)
from plugin.edge.answers import error_for
from plugin.edge.http import Answer

CORE = "device-management"
"""The service every PROTECT instance has; a refusal there is about the user, not a module."""

_ID = re.compile(r"[A-Za-z0-9._:-]{1,80}")
_SIGN_IN_PATHS = ("/oauth/token", "/GetTokens")
_FACTOR = re.compile(r"two.?factor|2fa|mfa|second factor", re.IGNORECASE)


def judge_connect(answer: Answer, service: str) -> EdgeError | None:
    """Return what an answer of ESET Connect means; None when it is fine."""
    if 200 <= answer.status < 300:
        return None
    sign_in = urlsplit(answer.url).path in _SIGN_IN_PATHS
    judge = _judge_sign_in if sign_in else _judge_service
    error = judge(answer, service) or error_for(answer)
    return _with_request_id(error, answer) if error else None


def _judge_sign_in(answer: Answer, service: str) -> EdgeError | None:
    status, (_, word) = answer.status, _hint(answer)
    if _FACTOR.search(word):
        return _refused(answer, "wants a second factor from this user", "two_factor")
    cloud = urlsplit(answer.url).path == "/oauth/token"
    if cloud and status == 403 and not answer.header("request-id"):
        return _refused(answer, "turned the sign-in away before looking at it", "edge_refusal")
    if status in {400, 401, 403}:
        return _refused(answer, "did not accept email and password", "sign_in")
    if status in {404, 405, 415, 501}:
        text = f"has no sign-in at this address ({status})"
        return AnswerError(answer.who, text, code="sign_in_address", status=status)
    return None


def _judge_service(answer: Answer, service: str) -> EdgeError | None:
    status, (_, word) = answer.status, _hint(answer)
    if status == 401:
        return _refused(answer, "does not take the token it has just given", "token")
    if status == 403 and "api not enabled" in word.lower():
        return _refused(answer, "keeps its interface closed to this user", "integrations")
    if status == 403 and answer.method != "GET":
        return _refused(answer, "lets this user read but not change anything", "read_only")
    if status == 403 and service == CORE:
        return _refused(answer, "shows this user nothing", "permission_set")
    if status in {403, 501}:
        text = f"does not offer {service} to this user ({status})"
        return MissingError(answer.who, text, code="module", status=status)
    if status == 504:
        text = "did not get the answer together in time; the call has to start over"
        return TransientError(answer.who, text, code="start_over", status=status)
    return None


def judge_msp(answer: Answer) -> EdgeError | None:
    """Return what an answer of MSP Administrator means; None when it is fine."""
    if 200 <= answer.status < 300:
        return None
    (code, word), path = _hint(answer), urlsplit(answer.url).path
    status = answer.status
    if _FACTOR.search(word):
        return _refused(answer, "wants a second factor from this user", "msp_two_factor")
    if path.endswith("/Token/Get") and status in {400, 401, 403}:
        return _refused(answer, "did not accept user and password", "msp_sign_in")
    if status == 401:
        return _refused(answer, "does not take the token it has given", "msp_token")
    if status == 403 and code == "99":
        return MissingError(answer.who, "has no such call (403)", code="no_call", status=status)
    if status == 403:
        return _refused(answer, "keeps its interface closed to this user", "msp_access")
    if status == 503 and code == "99":
        text = "is closed for maintenance"
        return TransientError(answer.who, text, code="maintenance", status=status)
    return error_for(answer)


def _refused(answer: Answer, message: str, code: str) -> RefusedError:
    return RefusedError(answer.who, f"{message} ({answer.status})", code=code, status=answer.status)


def _with_request_id(error: EdgeError, answer: Answer) -> EdgeError:
    """Return the error with ESET's request-id in its text, if the answer has a sane one."""
    identifier = answer.header("request-id")
    if not _ID.fullmatch(identifier):
        return error
    return type(error)(
        error.who,
        f"{error.message}, request-id {identifier}",
        retry_after=error.retry_after,
        code=error.code,
        status=error.status,
    )


def _hint(answer: Answer) -> tuple[str, str]:
    """Return the error's code and words, whatever of the known shapes the body has."""
    try:
        body = answer.json()
    except AnswerError:
        return "", ""
    if not isinstance(body, dict):
        return "", ""
    known = {str(name).lower(): value for name, value in body.items()}
    words = (known.get(name) for name in ("message", "error", "error_description"))
    return str(known.get("code", ""))[:20], " ".join(str(word)[:200] for word in words if word)


_WHERE_REGION = (
    "Choose the region in which the PROTECT console runs; its web address names it. If the region "
    "is right, switch Integrations on for this user and try again."
)
_WHERE_RIGHTS = (
    "In PROTECT, assign a permission set with static groups All to this user (More > Permission "
    "Sets); a user whose access is Custom has no rights until one is assigned."
)

ADVICE: dict[str, Advice] = {
    "sign_in": Advice(
        "ESET refused the sign-in: the email or the password is wrong, or the user has not "
        "finished the invitation.",
        "Open the invitation that ESET sent to this address, set the password there, sign in once "
        "at the portal, and enter exactly these values here.",
    ),
    "two_factor": Advice(
        "This user has two-step sign-in switched on; programs cannot answer it.",
        "Use a dedicated API user without two-step sign-in, or switch it off for this user.",
    ),
    "edge_refusal": Advice(
        "ESET's outer gate turned the call away before the sign-in service saw it (there is no "
        "request-id), so the password was not even looked at.",
        "Let this server reach the internet by an address that ESET does not block, and see that "
        "no proxy between removes the header 3rd-integration.",
    ),
    "sign_in_address": Advice(
        "There is no sign-in at this address.",
        "Cloud: check the region. On-Prem: check server address and port (usually 9443), and "
        "switch the REST API on in the server's settings.",
    ),
    "token": Advice(
        "ESET signed the user in, but the servers of this region do not take its token: the region "
        "is wrong, or the user may not use the interface.",
        _WHERE_REGION,
    ),
    "integrations": Advice(
        "The switch Integrations is off for this user.",
        "ESET MSP Administrator or Business Account: User management > the user > Access Rights > "
        "Integrations on. PROTECT Hub: Users > permissions > Integrations on. Only Root or a "
        "Superuser can do it, and not for themselves.",
    ),
    "permission_set": Advice("The user has no permission set in PROTECT.", _WHERE_RIGHTS),
    "read_only": Advice(
        "This user may only read; actions and closing detections need write access.",
        "Give the user My Company: Write and a permission set with full functionality, or go on "
        "read-only: everything but actions works.",
    ),
    "module": Advice(
        "This part of ESET PROTECT is not in the subscription, or the permission set leaves it "
        "out.",
        "Nothing has to be done: the features that need it stay hidden. If you own it, add it to "
        "the user's permission set.",
    ),
    "msp_sign_in": Advice(
        "ESET MSP Administrator refused the sign-in: user or password is wrong.",
        "Enter the user and password of an MSP Administrator user; they need not be those of "
        "ESET PROTECT.",
    ),
    "msp_two_factor": Advice(
        "This MSP Administrator user has two-step sign-in switched on.",
        "Use a dedicated user without it.",
    ),
    "msp_token": Advice(
        "ESET MSP Administrator gives tokens to this user and does not take them.",
        "Check the clock of this server: these tokens live for a minute only.",
    ),
    "msp_access": Advice(
        "This MSP Administrator user may not use the interface.",
        "Ask your distributor to switch API access on for the user, or use one that has it.",
    ),
    "certificate": Advice(
        "The server shows a certificate that is not trusted.",
        "On-Prem: load the console's server certificate (or its authority's) here. Cloud: "
        "something between this server and ESET opens the encrypted traffic; exempt eset.systems.",
    ),
}
"""Cause and cure by the error's code."""

NOTHING_VISIBLE = (
    "signed in, but no group is visible: the permission set has no static groups in its scope, "
    "or PROTECT is still collecting them. Assign static groups All, or wait a few minutes"
)
