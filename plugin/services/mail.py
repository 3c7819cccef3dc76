"""Sends the e-mails about notifications: rows first, one message for what waits, repeated, kept.

One job works the whole outbox. What a server does not take now is tried again for three days; what
it refuses for good, or nobody took by then, stays undelivered until a person acts.
"""

import hashlib
import logging
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from email.utils import parseaddr

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from plugin.domain.contracts import Advice
from plugin.domain.errors import EdgeError, RuleError
from plugin.domain.notice_texts import Item, body_of, subject_of
from plugin.domain.notices import is_address
from plugin.edge.mail import Letter, MailDoor
from plugin.runtime import Runtime
from plugin.services.fate import backoff
from plugin.services.journal import audit
from plugin.settings import Environment
from plugin.store.base import db, writing
from plugin.store.notices import Mail, MailState, Notice
from plugin.store.queue import Claim, enqueue

RUN = "mail"
LANE = "mail"
OUTBOX = "outbox"
MOST_AT_ONCE = 50
NO_SERVER = "no mail server is set"
SET_ONE = f"Nothing can be sent: {NO_SERVER} (BRIDGEHEAD_SMTP_URL)."
_ONE_MESSAGE = frozenset({"recipient"})
_OPEN = (MailState.WAITING, MailState.SENDING)
KEPT = (*_OPEN, MailState.UNDELIVERED)
"""What is not over yet, and so is never pruned."""
_log = logging.getLogger(__name__)

_ADVICE = {
    "address": Advice("the server's name leads where we do not go", "set another mail server"),
    "name": Advice("the name of the server is unknown here", "check BRIDGEHEAD_SMTP_URL and DNS"),
    "connect": Advice(
        "nothing answers there, or a firewall is in between",
        "check host and port in BRIDGEHEAD_SMTP_URL: 587 with smtp://, 465 with smtps://",
    ),
    "time": Advice(
        "the server is too slow, or speaks TLS from the first byte at this port",
        "try again; for port 465 write smtps:// in BRIDGEHEAD_SMTP_URL",
    ),
    "tls": Advice(
        "the port expects STARTTLS or no TLS at all",
        "for port 587 write smtp:// in BRIDGEHEAD_SMTP_URL",
    ),
    "certificate": Advice(
        "it is self-signed, out of date, or made for another name",
        "give its certificate or authority as BRIDGEHEAD_SMTP_CERT, or use the name it is made for",
    ),
    "starttls": Advice(
        "the connection cannot be encrypted",
        "switch STARTTLS on at the server; a relay in your own network: write smtp+plain://",
    ),
    "sign_in": Advice(
        "user name or password are wrong, or the provider wants an app password",
        "set them anew in BRIDGEHEAD_SMTP_URL (signs such as / ? # as %2F %3F %23)",
    ),
    "sender": Advice(
        "the account may not send from this address",
        "set BRIDGEHEAD_MAIL_FROM to an address that it may use",
    ),
    "recipient": Advice("the address is unknown there, or blocked", "check how it is written"),
    "refused": Advice("the server did not want the message", "ask who runs it, with its words"),
}


@dataclass(frozen=True, slots=True)
class Server:
    """The mail server as a page shows it: without user name and password."""

    host: str
    sender: str
    signs_in: bool


def server(runtime: Runtime) -> Server | None:
    """Return which mail server is set, or None."""
    url = runtime.settings.smtp_url
    if not url:
        return None
    scheme, _, rest = url.partition("://")
    account, _, host = rest.rpartition("@")
    return Server(f"{scheme}://{host.strip('/')}", runtime.settings.mail_from, bool(account))


def advice_for(error: EdgeError) -> Advice:
    """Return cause and cure of a message that the server did not take."""
    return _ADVICE.get(error.code, _ADVICE["refused"])


# -- making --------------------------------------------------------------------------------------


def write(
    runtime: Runtime, session: Session, notice: Notice, to: Iterable[str], due_at: datetime
) -> None:
    """Put e-mails about ``notice`` into the outbox, in the transaction that made it.

    Where no mail server is set they are undelivered at once, so that a person sees them.
    """
    has_server = bool(runtime.settings.smtp_url)
    for recipient in to:
        session.add(
            Mail(
                notice_id=notice.id,
                recipient=recipient,
                state=MailState.WAITING if has_server else MailState.UNDELIVERED,
                problem="" if has_server else NO_SERVER,
                made_at=runtime.now(),
                due_at=due_at,
            )
        )
    session.flush()
    if has_server:
        _ask(runtime, session, due_at)


def _ask(runtime: Runtime, session: Session, due_at: datetime) -> None:
    enqueue(session, RUN, OUTBOX, LANE, now=runtime.now(), due_at=due_at, revive=True)


def reached(session: Session, notice_id: int) -> list[str]:
    """Return who was told of a notice by e-mail, or is being told just now."""
    told = (MailState.SENT, MailState.SENDING)
    query = select(Mail.recipient).where(Mail.notice_id == notice_id, Mail.state.in_(told))
    return list(session.scalars(query.order_by(Mail.id)))


def skip(session: Session, notice_ids: Iterable[int], why: str) -> None:
    """Take what was not sent yet out of the outbox."""
    waiting = Mail.state == MailState.WAITING
    for row in session.scalars(select(Mail).where(Mail.notice_id.in_(list(notice_ids)), waiting)):
        row.state, row.problem = MailState.SKIPPED, why


# -- sending -------------------------------------------------------------------------------------


def work(runtime: Runtime, claim: Claim) -> datetime | None:
    """Send everything that is due; returns when the next is, or None when nothing waits."""
    claim.heard = False
    if not runtime.settings.smtp_url:
        _give_up_all(runtime)
        return None
    while batch := _take(runtime):
        claim.renew()
        try:
            _door(runtime).send(_letter(runtime, batch))
        except EdgeError as error:
            _note_failure(runtime, batch, error)
        else:
            _note_sent(runtime, batch)
    return _next_due()


def _take(runtime: Runtime) -> list[int]:
    """Mark what is due for one recipient as being sent, and return its ids."""
    now = runtime.now()
    with writing() as session:
        due = select(Mail).where(Mail.state.in_(_OPEN), Mail.due_at <= now)
        first = session.scalar(due.order_by(Mail.due_at, Mail.id).limit(1))
        if first is None:
            return []
        theirs = due.where(func.lower(Mail.recipient) == first.recipient.lower())
        rows = session.scalars(theirs.order_by(Mail.id).limit(MOST_AT_ONCE)).all()
        for row in rows:
            row.state = MailState.SENDING
        return [row.id for row in rows]


def _letter(runtime: Runtime, ids: Sequence[int]) -> Letter:
    query = select(Mail).where(Mail.id.in_(ids)).order_by(Mail.notice_id)
    rows = db.session.scalars(query).all()
    items = [_item(runtime, row.notice) for row in rows]
    letter = Letter(
        sender=runtime.settings.mail_from,
        recipient=rows[0].recipient,
        subject=subject_of(items, mark_of(runtime)),
        body=body_of(items, runtime.settings.public_url),
        message_id=_message_id(runtime, ids),
        at=runtime.now(),
    )
    db.session.commit()  # no reading transaction stays open while the server is talked to
    return letter


def _item(runtime: Runtime, notice: Notice) -> Item:
    url = f"{runtime.settings.public_url}{notice.path}" if notice.path else ""
    return Item(notice.at, notice.title, notice.text, url)


def mark_of(runtime: Runtime) -> str:
    """Return the mark of the environment that holds, empty in production."""
    value = runtime.environment().value
    return "" if value is Environment.PRODUCTION else value.value


def _message_id(runtime: Runtime, ids: Sequence[int]) -> str:
    """Return the same id for the same mails, so that a doubled message shows as such."""
    named = f"{runtime.settings.public_url} {','.join(map(str, sorted(ids)))}"
    domain = parseaddr(runtime.settings.mail_from)[1].rpartition("@")[2]
    return f"<{hashlib.sha256(named.encode()).hexdigest()[:32]}@{domain}>"


def _door(runtime: Runtime) -> MailDoor:
    limits = runtime.settings.limits.notices
    return MailDoor(
        runtime.settings.smtp_url,
        seconds=limits.mail_timeout,
        total=limits.mail_total,
        certificate=runtime.settings.smtp_cert,
    )


def greet(runtime: Runtime) -> None:
    """Sign in at the mail server and send nothing; EdgeError when it does not let us in."""
    _door(runtime).greet(runtime.settings.mail_from)


def _note_sent(runtime: Runtime, ids: Sequence[int]) -> None:
    with writing() as session:
        for row in session.scalars(select(Mail).where(Mail.id.in_(ids))):
            row.state, row.sent_at, row.problem = MailState.SENT, runtime.now(), ""
    _log.info("%d notifications were sent as one e-mail", len(ids))


def _note_failure(runtime: Runtime, ids: Sequence[int], error: EdgeError) -> None:
    """Put a message back, or give it up; trouble with the server holds up all the others too."""
    limits, now = runtime.settings.limits.work, runtime.now()
    _log.warning("an e-mail was not taken: %s", error)
    with writing() as session:
        rows = session.scalars(select(Mail).where(Mail.id.in_(ids))).all()
        failures = max(row.failures for row in rows) + 1
        again = now + timedelta(seconds=backoff(failures - 1, limits))
        refused = error.code in _ONE_MESSAGE and error.status is not None and error.status >= 500
        for row in rows:
            row.problem, row.failures, row.due_at = error.message, failures, again
            old = now - row.made_at > timedelta(seconds=limits.dead_after)
            row.state = MailState.UNDELIVERED if refused or old else MailState.WAITING
        if error.code not in _ONE_MESSAGE:
            for row in session.scalars(
                select(Mail).where(Mail.state.in_(_OPEN), Mail.due_at < again)
            ):
                row.due_at, row.problem = again, error.message


def _give_up_all(runtime: Runtime) -> None:
    with writing() as session:
        for row in session.scalars(select(Mail).where(Mail.state.in_(_OPEN))):
            row.state, row.problem = MailState.UNDELIVERED, NO_SERVER


def _next_due() -> datetime | None:
    found = db.session.scalar(select(func.min(Mail.due_at)).where(Mail.state.in_(_OPEN)))
    db.session.commit()
    return found


# -- a person's hand -----------------------------------------------------------------------------


def send_test(runtime: Runtime, actor: str, to: str) -> None:
    """Send a test e-mail at once; what waits is tried now too when the server took it.

    RuleError when no server is set or ``to`` is no address, EdgeError when the server refuses.
    """
    to = to.strip()
    if not runtime.settings.smtp_url:
        raise RuleError("to", SET_ONE)
    if not is_address(to):
        raise RuleError("to", "Write one e-mail address, such as alerts@example.com.")
    text = f"{actor} asked for this test. E-mails about notifications come the same way."
    item = Item(runtime.now(), "Test e-mail", text, f"{runtime.settings.public_url}/notifications")
    letter = Letter(
        sender=runtime.settings.mail_from,
        recipient=to,
        subject=subject_of([item], mark_of(runtime)),
        body=body_of([item], runtime.settings.public_url),
        message_id=_message_id(runtime, [int(runtime.now().timestamp() * 1_000_000)]),
        at=runtime.now(),
    )
    db.session.commit()
    _door(runtime).send(letter)
    with writing() as session:
        audit(runtime, session, actor, "notification.test", to)
        for row in session.scalars(select(Mail).where(Mail.state == MailState.WAITING)):
            if row.failures:
                row.due_at = runtime.now()
        _ask(runtime, session, runtime.now())
    runtime.wake(LANE)


def retry(runtime: Runtime, actor: str, ids: Sequence[int]) -> int:
    """Put undelivered e-mails back into the outbox; returns how many there were.

    RuleError while no mail server is set.
    """
    if not runtime.settings.smtp_url:
        raise RuleError("mail", SET_ONE)
    with writing() as session:
        rows = _undelivered(session, ids)
        for row in rows:
            row.state, row.failures, row.problem = MailState.WAITING, 0, ""
            row.made_at = row.due_at = runtime.now()
        _write_down(runtime, session, actor, "notification.retry", rows)
        _ask(runtime, session, runtime.now())
    runtime.wake(LANE)
    return len(rows)


def discard(runtime: Runtime, actor: str, ids: Sequence[int]) -> int:
    """Give undelivered e-mails up for good; returns how many there were."""
    with writing() as session:
        rows = _undelivered(session, ids)
        for row in rows:
            row.state, row.problem = MailState.SKIPPED, f"given up by {actor}"
        _write_down(runtime, session, actor, "notification.discard", rows)
    return len(rows)


def _undelivered(session: Session, ids: Sequence[int]) -> Sequence[Mail]:
    wanted = Mail.id.in_(ids), Mail.state == MailState.UNDELIVERED
    return session.scalars(select(Mail).where(*wanted).order_by(Mail.id)).all()


def _write_down(
    runtime: Runtime, session: Session, actor: str, action: str, rows: Sequence[Mail]
) -> None:
    if rows:
        told = [f"{row.recipient}: {row.notice.title}" for row in rows[:20]]
        audit(runtime, session, actor, action, f"{len(rows)} e-mails", after=told)
