"""The rights of the user class that Bridgehead's user needs, each tried by one small reading."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from plugin.domain.contracts import WARNING
from plugin.domain.errors import RefusedError
from plugin.domain.rights import Access, Right
from plugin.hosts.connectwise_automate.api import Api
from plugin.hosts.connectwise_automate.extra_fields import read_fields
from plugin.hosts.connectwise_automate.wire import (
    AlertWire,
    AutomateWire,
    ClientWire,
    ComputerWire,
    ExecutionWire,
    GroupWire,
    MenuWire,
    ScriptWire,
)

SIGN_IN = "Sign-in"
UNPUBLISHED = "Automate's interface names no right in its refusal; this is the one of the record."
ONLY_WRITING = "only a change would try the right itself, and the self-test makes none"
NO_COMPUTER = f"{WARNING}not tried: the user sees no computer"

Prove = Callable[[], str]


@dataclass(frozen=True, slots=True)
class _Wanted:
    """What one right is for; ``writes`` when reading the same records cannot prove it."""

    name: str
    needed_for: str
    without: str
    writes: bool = False


_LISTS: Mapping[str, tuple[_Wanted, type[AutomateWire]]] = {
    "api/v1/Clients": (
        _Wanted("Read on clients", "Clients to map customers to.", "Nothing can be mapped."),
        ClientWire,
    ),
    "api/v1/Computers": (
        _Wanted("Read on computers", "Computers and their devices.", "No device is matched."),
        ComputerWire,
    ),
    "api/v1/Groups": (
        _Wanted("Read on groups", "Finding bridges by group.", "Bridges must be named by hand."),
        GroupWire,
    ),
    "api/v1/Alerts": (
        _Wanted("View alerts", "Alerts that a call of a script missed.", "A lost call stays lost."),
        AlertWire,
    ),
    "api/v1/Scripts": (
        _Wanted(
            "View and schedule scripts", "Running a script.", "No script is started.", writes=True
        ),
        ScriptWire,
    ),
    "api/v1/ComputerMenus": (
        _Wanted("Edit computer menus", "Pages of ours in a menu.", "No page is shown there.", True),
        MenuWire,
    ),
}
"""By the list that is read for it."""

_VIEW_FIELDS = _Wanted(
    "View extra data fields on computers", "Bridges named by a field.", "No field is read."
)
_EDIT_FIELDS = _Wanted(
    "Edit extra data fields on computers", "Writing protection states.", "No state is written.",
    writes=True,
)  # fmt: skip
_COMMANDS = _Wanted(
    "Send Commands", "Commands on bridge computers.", "No command is sent.", writes=True
)


def rights(api: Api) -> Iterator[Right]:
    """Yield the rights; those on one computer's records look at the first that can be seen."""
    for path, (wanted, shape) in _LISTS.items():
        yield _right(wanted, _reading(api, path, shape))
    fields = _of_computer(api, lambda computer: len(read_fields(api, computer)))
    yield _right(_VIEW_FIELDS, fields)
    yield Right(
        _EDIT_FIELDS.name,
        Access.WRITE,
        _EDIT_FIELDS.needed_for,
        _EDIT_FIELDS.without,
        cure=_cure(_EDIT_FIELDS.name),
        unproven=f"Cannot be checked: {ONLY_WRITING}.",
    )
    yield _right(_COMMANDS, _of_computer(api, lambda computer: _queue(api, computer)))


def _right(wanted: _Wanted, look: Callable[[], str]) -> Right:
    def prove() -> str:
        try:
            seen = look()
        except RefusedError as error:
            if error.status == 403:
                raise
            return f"{WARNING}{error.message}"
        if wanted.writes and not seen.startswith(WARNING):
            return f"{WARNING}{seen}; {ONLY_WRITING}"
        return seen

    return Right(
        wanted.name,
        Access.WRITE if wanted.writes else Access.READ,
        wanted.needed_for,
        wanted.without,
        cure=_cure(wanted.name),
        prove=prove,
        after=SIGN_IN,
        unsure=UNPUBLISHED,
    )


def _reading(api: Api, path: str, shape: type[AutomateWire]) -> Prove:
    def look() -> str:
        found = api.first(path, shape, "a list")
        return "they can be read" if found else "they can be read; there are none"

    return look


def _of_computer(api: Api, look: Callable[[str], object]) -> Prove:
    """Look at something of the first computer; a user who sees none cannot be told about."""

    def run() -> str:
        try:
            first = api.first("api/v1/Computers", ComputerWire, "computers")
        except RefusedError:
            return NO_COMPUTER
        if first is None:
            return NO_COMPUTER
        look(first["id"])
        return "they can be read"

    return run


def _queue(api: Api, computer: str) -> object:
    return api.first(f"api/v1/Computers/{computer}/CommandExecute", ExecutionWire, "commands")


def _cure(right: str) -> str:
    return (
        f"In the Control Center (Users > Permissions) give the user's class the right {right}, and "
        "give it to the user on the clients it may see."
    )
