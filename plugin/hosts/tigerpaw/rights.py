"""The six rights of the rep's security role that the vendor's help names, and how each is tried."""

from collections.abc import Callable, Iterator, Mapping

from plugin.domain.contracts import WARNING
from plugin.domain.errors import AnswerError, EdgeError, RefusedError
from plugin.domain.rights import Access, Right
from plugin.hosts.tigerpaw.api import SAID_NO, Api
from plugin.hosts.tigerpaw.check import SEARCHES, SIGN_IN
from plugin.hosts.tigerpaw.wire import RepWire

ACCOUNTS, ORDERS, ITEMS = "accounts", "service orders", "price book items"
AGREEMENTS, TABLES = "recurring agreements", "master tables"
FIELDS = "custom folders and fields"
ONLY_WRITING = "Cannot be checked: only a change would try it, and the self-test makes none."
UNPUBLISHED = "How Tigerpaw refuses a right is not published."

_WHY: Mapping[str, tuple[str, str, str]] = {
    ACCOUNTS: ("Accounts to map customers to.", "Nothing can be mapped.", "update"),
    ORDERS: ("Service orders.", "No ticket can be made, found or followed.", "create and update"),
    ITEMS: ("Price book items to bill.", "Solutions cannot be mapped to items.", ""),
    TABLES: ("Statuses, types and reps of service orders.", "No ticket rule can be written.",
             "create and update"),
    AGREEMENTS: ("Agreements and what is billed.", "Nothing is compared or billed.",
                 "create and update"),
    FIELDS: ("The custom fields of accounts.", "They are neither read nor written.",
             "create and update"),
}  # fmt: skip
"""What each is for, what stops without it, and which levels besides get the vendor names."""

_OF_ACCOUNT = {
    AGREEMENTS: "api/agreements/account/{number}",
    FIELDS: "api/accounts/{number}/customfields",
}
_SEARCHED = {ACCOUNTS: 0, ORDERS: 1, ITEMS: 2}


def rights(api: Api) -> Iterator[Right]:
    """Yield what the vendor's help names: get of each, then what only a change could try."""
    for name, (needed_for, without, _) in _WHY.items():
        yield Right(
            f"{name}: get",
            Access.READ,
            needed_for,
            without,
            cure=_cure(f"{name}: get"),
            prove=lambda each=name: _proven(api, each),  # type: ignore[misc]
            after=SIGN_IN,
            unsure=UNPUBLISHED,
        )
    for name, (needed_for, _, levels) in _WHY.items():
        if levels:
            yield Right(
                f"{name}: {levels}",
                Access.WRITE,
                needed_for,
                "What is written there is refused; reading goes on.",
                cure=_cure(f"{name}: {levels}"),
                unproven=ONLY_WRITING,
            )


def _proven(api: Api, name: str) -> str:
    look = _look(api, name)
    try:
        return look()
    except RefusedError as error:
        raise _lacking(api, name, error) from None
    except AnswerError as error:
        if error.code != SAID_NO:
            raise
        raise _lacking(api, name, error) from None


def _lacking(api: Api, name: str, error: EdgeError) -> RefusedError:
    """Return a refusal of the right; the sign-in went through, so a 401 is about it as well."""
    text = f"does not let the rep read its {name} ({error.status or 'it said no'})"
    return RefusedError(api.who, text, code="rights")


def _look(api: Api, name: str) -> Callable[[], str]:
    if name in _SEARCHED:
        path, shape, criterion = list(SEARCHES.values())[_SEARCHED[name]]
        return lambda: _seen(api.first(path, shape, [criterion]))
    if name == TABLES:
        return lambda: _seen(api.table("reps", RepWire))
    return lambda: _of_account(api, _OF_ACCOUNT[name])


def _seen(found: object) -> str:
    return "it can be read" if found else "it can be read; there is none"


def _of_account(api: Api, path: str) -> str:
    """Read what hangs on an account; without one nothing can be told."""
    where, shape, criterion = next(iter(SEARCHES.values()))
    try:
        account = api.first(where, shape, [criterion])
    except (RefusedError, AnswerError):
        account = None
    if account is None:
        return f"{WARNING}not tried: the rep sees no account"
    return _seen(api.get(path.format(number=account["number"])))


def _cure(right: str) -> str:
    return (
        "In Tigerpaw open the security role of the rep (Edit > Master Tables > Rep > Account Reps "
        f"names the rep) and give it {right}."
    )
