"""The budgets of calls that all processes share, each a row drawn on by one statement.

A row says until when the calls given so far last at the connection's pace (the *theoretical arrival
time* of the generic cell rate algorithm). PostgreSQL alone, by its own clock: machines differ.
"""

from sqlalchemy import Connection, text
from sqlalchemy.orm import Session

from plugin.domain.budgets import AHEAD, LONGEST_PAUSE, Drawn, Terms

# The clock is read inside the SET: there the row is locked, so that nobody's time is older than
# what another has just written. A row that is further ahead than drawing can bring it was written
# before the clock was set back.
_DRAW = text("""
    INSERT INTO remote_budget AS kept
      (connection_id, seconds, burst, granted, asked_at, spent_until, paused_until)
    SELECT :connection, :seconds, :burst, :count, now, now + :count * :seconds * interval '1 s', now
    FROM (SELECT clock_timestamp() AS now) AS moment
    ON CONFLICT (connection_id) DO UPDATE
    SET (seconds, burst, granted, asked_at, spent_until, paused_until) = (
      SELECT excluded.seconds, excluded.burst, given, now,
             spent + given * excluded.seconds * interval '1 s', paused
      FROM (SELECT clock_timestamp() AS now) AS moment,
        LATERAL (SELECT
          least(greatest(kept.spent_until, now), now + :furthest * interval '1 s') AS spent,
          least(kept.paused_until, now + :longest_pause * interval '1 s') AS paused
        ) AS stands,
        LATERAL (SELECT CASE
          WHEN paused <= now AND spent <= now + :horizon * interval '1 s'
          THEN excluded.granted ELSE 0 END AS given
        ) AS decided
    )
    RETURNING granted, EXTRACT(EPOCH FROM spent_until - asked_at),
      EXTRACT(EPOCH FROM paused_until - asked_at)
""")
_PAUSE = text("""
    INSERT INTO remote_budget AS kept
      (connection_id, seconds, burst, granted, asked_at, spent_until, paused_until)
    SELECT :connection, :seconds, :burst, 0, now, now, now + :pause * interval '1 s'
    FROM (SELECT clock_timestamp() AS now) AS moment
    ON CONFLICT (connection_id) DO UPDATE
    SET paused_until = greatest(kept.paused_until, excluded.paused_until)
""")
_LEFT = text("""
    SELECT connection_id, CASE WHEN paused_until > now THEN 0 ELSE
      greatest(0, least(burst,
        floor(burst - EXTRACT(EPOCH FROM spent_until - now) / seconds))) END
    FROM remote_budget, (SELECT clock_timestamp() AS now) AS moment
""")


def draw(connection: Connection, number: int, terms: Terms) -> Drawn:
    """Draw on the budget of the connection ``number``, over a database ``connection``."""
    values = {"connection": number, "seconds": terms.seconds, "burst": terms.burst}
    limits = {
        "count": terms.count,
        "furthest": terms.furthest,
        "horizon": AHEAD + terms.seconds * (terms.burst - 1),
        "longest_pause": LONGEST_PAUSE,
    }
    given, ahead, paused = connection.execute(_DRAW, values | limits).one()
    return Drawn(given, float(ahead), max(0.0, float(paused)))


def pause(connection: Connection, number: int, terms: Terms, seconds: float) -> None:
    """Let nobody draw for ``seconds``, or longer where that holds already."""
    values = {"connection": number, "seconds": terms.seconds, "burst": terms.burst}
    connection.execute(_PAUSE, values | {"pause": seconds})


def left(session: Session) -> dict[int, int]:
    """Return how many permits could be drawn at once now, by connection number."""
    return {number: int(count) for number, count in session.execute(_LEFT)}
