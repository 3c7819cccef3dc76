"""An installation and a host on two sites, over TLS, and a third party: what a frame lives among.

The host's page is the emulated PSA's own. ``127.0.0.1`` and ``localhost`` are two sites.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from sqlalchemy import func, select, update
from werkzeug.wrappers import Request, Response

from plugin.edge.emulator import Served
from plugin.edge.inprocess import InProcess
from plugin.services import proven
from plugin.services.access import Role
from plugin.store.base import db, writing
from plugin.store.integrations import CompanyMapping
from plugin.store.mirror import CompanyRow
from plugin.store.people import UserSession
from plugin.store.work import SyncRun
from tests.blueprints.pages.office import Office, open_office
from tests.browser.certificates import loopback_context
from tests.house import HOST


@dataclass
class Stage:
    """An installation and a PSA on two sites, and a third party's server."""

    office: Office
    psa: str
    ours: str
    stranger: str
    connection: int
    company: str
    name: str

    @property
    def launch(self) -> str:
        return f"{self.ours}/embed/{self.connection}?screen=[cw_screen]&id=[cw_id]"

    def host_page(self, frame: str = "") -> str:
        frame = (frame or self.launch).replace("&", "%26")
        return f"{self.psa}/host/dashboard?screen=company&id={self.company}&frame={frame}"

    def runs(self) -> int:
        """Count the sync runs, and end those that live: else a wish for one adds none."""
        self.office.fresh()
        with writing() as session:
            session.execute(update(SyncRun).values(living=None))
        return db.session.scalar(select(func.count(SyncRun.id))) or 0

    def sessions(self) -> list[UserSession]:
        self.office.fresh()
        living = select(UserSession).where(UserSession.ended_at.is_(None))
        return list(db.session.scalars(living))


@Request.application
def third_party(request: Request) -> Response:
    """Be anybody's server: a page that frames another, and one that sends a form to another."""
    target = request.args["target"]
    if request.path == "/frames":
        return Response(f'<iframe src="{target}"></iframe>', mimetype="text/html")
    form = (
        f'<form method="post" action="{target}"></form><script>document.forms[0].submit()</script>'
    )
    return Response(form, mimetype="text/html")


@contextmanager
def staged(folder: Path) -> Iterator[Stage]:
    """Serve all three until the end."""
    tls = loopback_context(folder)
    with open_office(folder) as office:
        psa = Served(office.house.emulators[HOST], ssl_context=tls)
        cast(dict[str, Any], office.house.runtime.transports)[psa.origin] = InProcess(
            office.house.emulators[HOST]
        )
        integration = office.house.integrate()
        proven.set_first_role(office.house.runtime, "tester", Role.TECHNICIAN)
        ours, stranger = (Served(each, ssl_context=tls) for each in (office.app, third_party))
        own_origin = ours.origin.replace("127.0.0.1", "localhost")
        company, name = db.session.execute(
            select(CompanyRow.company_id, CompanyRow.name).join(
                CompanyMapping, CompanyMapping.company_id == CompanyRow.company_id
            )
        ).first() or ("", "")
        host_id = integration.host_id
        yield Stage(office, psa.origin, own_origin, stranger.origin, host_id, company, name)
        for each in (psa, ours, stranger):
            each.stop()
