"""A process that receives calls, for tests with several of them or that kill one.

``python -m tests.services.sender URL CONNECTION COUNT same|distinct`` stores so many calls with
eight threads, and writes each id to the standard output once it is acknowledged.
"""

import os
import sys
from concurrent.futures import ThreadPoolExecutor

from plugin.runtime import utc_now
from plugin.services import inbox
from plugin.services.receiver import Receiver
from plugin.store.base import db
from plugin.store.integrations import Connection
from tests.scene import saying, scene, signed


def main(url: str, connection_id: int, count: int, *, same: bool) -> None:
    with scene(url, now=utc_now) as play:
        connection = db.session.get_one(Connection, connection_id)
        db.session.expunge(connection)
        receiver = Receiver(play.app, play.runtime)

        def send(number: int) -> None:
            body = saying() if same else saying(ID=f"{os.getpid()}-{number}")
            with play.app.app_context():
                stored = inbox.accept(
                    receiver, connection, body=body, headers=signed(body), query=""
                )
            os.write(1, f"{stored.delivery_id}\n".encode())

        os.write(1, b"ready\n")
        sys.stdin.readline()
        with ThreadPoolExecutor(8) as pool:
            list(pool.map(send, range(count)))


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), same=sys.argv[4] == "same")
