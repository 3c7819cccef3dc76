"""The rights of the security role that the API member needs, each read once if that proves it."""

from collections.abc import Callable, Iterator

from plugin.domain.contracts import WARNING
from plugin.domain.errors import RefusedError
from plugin.domain.rights import Access, Right
from plugin.hosts.connectwise_psa.api import PsaApi
from plugin.hosts.connectwise_psa.check import READS, SIGN_IN
from plugin.hosts.connectwise_psa.wire import Count

UNPUBLISHED = "Which call needs which right is not published; this is the one of its screen."
ONLY_WRITING = "Cannot be checked: only a change in PSA would try it, and the self-test makes none."

_READING = {
    "Companies": ("Companies to map customers to.", "Nothing can be mapped, so nothing is sent."),
    "Service boards": ("Boards and service tickets.", "No ticket can be made, found or followed."),
    "Agreements": ("Agreements and their additions.", "Nothing can be billed or compared."),
    "Products": ("Products of the catalog.", "Solutions cannot be mapped to products."),
    "Configurations": ("Configurations of devices.", "Devices are not matched to configurations."),
    "Members": ("Members as owners of tickets, and who signs in.", "No member can be named."),
    "Callbacks": (
        "Callbacks that tell us of changes.",
        "Changes in PSA are seen late, by polling.",
    ),
}
"""By the check's step: what the right is for, and what stops without it."""

_WRITING = (
    (
        "Service Desk > Service Tickets: Add and Edit",
        "Making, changing and closing tickets.",
        "Tickets are refused.",
    ),
    (
        "System > System API: all levels",
        "Registering callbacks, and pages in PSA's screens.",
        "PSA calls nobody, and shows no page of ours.",
    ),
    (
        "Finance > Agreements: Add and Edit",
        "Writing approved quantities to additions, where that is switched on.",
        "Approved changes of billing are refused.",
    ),
    (
        "Companies > Configurations: Add and Edit",
        "Writing the protection state into a custom field, where that is switched on.",
        "No state is written.",
    ),
)


def rights(api: PsaApi) -> Iterator[Right]:
    """Yield the rights to read, each tried by a count, then those to write."""
    for step, (path, what, where, some) in READS.items():
        needed_for, without = _READING[step]
        yield Right(
            f"{where}: Inquire",
            Access.READ,
            needed_for,
            without,
            cure=_cure(f"{where}: Inquire Level All"),
            prove=_counting(api, path, what, some=some),
            after=SIGN_IN,
            unsure=UNPUBLISHED,
        )
    yield Right(
        "System > Table Setup: Inquire",
        Access.READ,
        "The words of tickets: statuses, types, priorities.",
        "Ticket rules may lack words to choose from.",
        cure=_cure("System > Table Setup: Inquire Level All"),
        unproven="Cannot be checked: which call needs it is not published.",
    )
    for name, needed_for, without in _WRITING:
        yield Right(
            name,
            Access.WRITE,
            needed_for,
            without,
            cure=_cure(f"{name} Level All"),
            unproven=ONLY_WRITING,
        )


def _counting(api: PsaApi, path: str, what: str, *, some: bool) -> Callable[[], str]:
    """Return the smallest call that needs a right; only a 403 is a missing right."""

    def prove() -> str:
        try:
            found = Count.parse(api.read(path), api.who, "a count")["count"]
        except RefusedError as error:
            if error.status == 403:
                raise
            return f"{WARNING}{error.message}"
        if some and not found:
            return f"{WARNING}no {what} are visible: the role may see its own records only"
        return f"{found} {what} are visible"

    return prove


def _cure(right: str) -> str:
    return f"In PSA open System > Security Roles, the API member's role, and set {right}."
