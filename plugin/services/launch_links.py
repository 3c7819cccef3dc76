"""One-time links to one device's page: for a host whose screens show pages but prove nobody.

A script on the host's server asks for a link with an API token and opens it for the technician who
looks at that computer. It shows this device and nothing else, once; it signs nobody in.
"""

from datetime import datetime, timedelta
from secrets import token_urlsafe

from sqlalchemy import delete, select

from plugin.domain.errors import RuleError
from plugin.runtime import Runtime
from plugin.services import access
from plugin.services.journal import audit
from plugin.store.base import db, writing
from plugin.store.mirror import DeviceRow
from plugin.store.people import LaunchLink

MINUTES = 10
KEPT = timedelta(days=7)
"""So long an old link is told apart from one that never was."""
AGAIN = "Open this computer's entry in the host once more: it makes a new link."


class LaunchError(RuleError):
    """The link opens nothing; the text says why, and what the honest person does."""


def make(runtime: Runtime, actor: str, device: DeviceRow) -> tuple[str, datetime]:
    """Return a fresh link to a device, and when it ends."""
    token, now = token_urlsafe(32), runtime.now()
    ends = now + timedelta(minutes=MINUTES)
    link = LaunchLink(
        digest=access.digest(token),
        device_id=device.id,
        made_by=actor[:254],
        made_at=now,
        expires_at=ends,
    )
    with writing() as session:
        session.execute(delete(LaunchLink).where(LaunchLink.expires_at < now - KEPT))
        session.add(link)
        audit(runtime, session, actor, "launch_link.make", device.name)
    return f"{runtime.settings.public_url}/launch/{token}", ends


def use(runtime: Runtime, token: str) -> DeviceRow:
    """Return the device of a link, which is used up by this; LaunchError says why it opens nothing.

    Of two at once with the same link one gets it.
    """
    with writing() as session:
        query = select(LaunchLink).where(LaunchLink.digest == access.digest(token))
        link = session.scalar(query.with_for_update())
        _refuse(runtime, link)
        device = session.get(DeviceRow, link.device_id) if link else None
        if link is None or device is None:
            raise LaunchError("", "The device of this link is gone. Look at the list of devices.")
        link.used_at = runtime.now()
        audit(runtime, session, link.made_by, "launch_link.use", device.name)
    return db.session.get_one(DeviceRow, device.id)


def _refuse(runtime: Runtime, link: LaunchLink | None) -> None:
    if link is None:
        text = "This is no link of Bridgehead: it was cut off, or a letter was changed."
        raise LaunchError("", f"{text} {AGAIN}")
    if link.used_at is not None:
        raise LaunchError("", f"This link was opened before; each works once. {AGAIN}")
    if link.expires_at <= runtime.now():
        raise LaunchError("", f"This link is over: it was good for {MINUTES} minutes. {AGAIN}")
