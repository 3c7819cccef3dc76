"""A process that receives calls, for tests with several of them or that kill one."""

import os
import threading
from concurrent.futures import ThreadPoolExecutor
from multiprocessing.connection import Connection as Pipe

from plugin.runtime import utc_now
from plugin.services import inbox
from plugin.services.receiver import Receiver
from plugin.store.base import db
from plugin.store.integrations import Connection
from tests.scene import saying, scene, signed


def send(url: str, connection_id: int, count: int, same: bool, pipe: Pipe) -> None:
    """Store so many calls with eight threads; tell the id of each once it is acknowledged."""
    turn = threading.Lock()
    with scene(url, now=utc_now) as play:
        connection = db.session.get_one(Connection, connection_id)
        db.session.expunge(connection)
        receiver = Receiver(play.app, play.runtime)

        def send_one(number: int) -> None:
            body = saying() if same else saying(ID=f"{os.getpid()}-{number}")
            with play.app.app_context():
                stored = inbox.accept(
                    receiver, connection, body=body, headers=signed(body), query=""
                )
            with turn:
                pipe.send(stored.delivery_id)

        pipe.send("ready")
        pipe.recv()
        with ThreadPoolExecutor(8) as pool:
            list(pool.map(send_one, range(count)))
    pipe.send("done")
