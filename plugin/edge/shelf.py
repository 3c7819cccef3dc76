"""Shelf: where an emulator keeps its records, so that a kill loses nothing on its side either."""

import json
import sqlite3
from collections.abc import Iterator, MutableMapping
from pathlib import Path
from typing import Any

Record = dict[str, Any]


class Table(MutableMapping[str, Record]):
    """Records by id, in the order in which they were added.

    What is read is the live record: change it and then assign it again, or the change is not kept.
    """

    def __init__(self, shelf: "Shelf", name: str) -> None:
        """Open the table ``name`` of ``shelf``."""
        self._shelf = shelf
        self._name = name
        self._records = shelf.load(name)
        self._highest: int | None = None

    def __getitem__(self, key: str) -> Record:
        return self._records[str(key)]

    def __setitem__(self, key: str, record: Record) -> None:
        self._records[str(key)] = record
        self._shelf.put(self._name, str(key), record)
        if self._highest is not None and str(key).isdigit():
            self._highest = max(self._highest, int(key))

    def __delitem__(self, key: str) -> None:
        del self._records[str(key)]
        self._shelf.drop(self._name, str(key))

    def __iter__(self) -> Iterator[str]:
        return iter(self._records)

    def __len__(self) -> int:
        return len(self._records)

    def next_id(self) -> int:
        """Return the next free whole number; numbers of removed records are not used again."""
        if self._highest is None:  # looked up once, or filling a table would cost its square
            self._highest = max(map(int, self._records), default=0)
        self._highest = self._shelf.count_up(self._name, self._highest)
        return self._highest


class Shelf:
    """Named tables of JSON records, in memory and, when ``path`` is given, in one SQLite file.

    :meth:`commit` makes everything since the last one durable; emulators call it before they
    answer, so that what they have answered survives ``kill -9``.
    """

    def __init__(self, path: Path | None = None) -> None:
        """Open (or make) the shelf at ``path``; None keeps everything in memory."""
        self._tables: dict[str, Table] = {}
        self._file = sqlite3.connect(path or ":memory:", check_same_thread=False)
        self._file.execute("PRAGMA journal_mode=WAL")
        self._file.execute("PRAGMA synchronous=NORMAL")
        self._file.execute(
            "CREATE TABLE IF NOT EXISTS record "
            "(shelf TEXT, id TEXT, body TEXT, PRIMARY KEY (shelf, id))"
        )
        self._file.execute("CREATE TABLE IF NOT EXISTS counter (shelf TEXT PRIMARY KEY, last INT)")
        self._counters: dict[str, int] = dict(
            self._file.execute("SELECT shelf, last FROM counter").fetchall()
        )

    def table(self, name: str) -> Table:
        """Return the table called ``name``, made when first asked for."""
        if name not in self._tables:
            self._tables[name] = Table(self, name)
        return self._tables[name]

    def load(self, table: str) -> dict[str, Record]:
        """Read a table's records from the file, oldest first."""
        rows = self._file.execute(
            "SELECT id, body FROM record WHERE shelf = ? ORDER BY rowid", (table,)
        )
        return {key: json.loads(body) for key, body in rows}

    def put(self, table: str, key: str, record: Record) -> None:
        """Keep a record (durable with the next commit)."""
        self._file.execute(
            "INSERT INTO record VALUES (?, ?, ?) "
            "ON CONFLICT (shelf, id) DO UPDATE SET body = excluded.body",
            (table, key, json.dumps(record)),
        )

    def drop(self, table: str, key: str) -> None:
        """Forget a record (durable with the next commit)."""
        self._file.execute("DELETE FROM record WHERE shelf = ? AND id = ?", (table, key))

    def count_up(self, table: str, at_least: int) -> int:
        """Return a number of ``table`` that was never given out before."""
        number = max(self._counters.get(table, 0), at_least) + 1
        self._counters[table] = number
        self._file.execute("INSERT OR REPLACE INTO counter VALUES (?, ?)", (table, number))
        return number

    def commit(self) -> None:
        """Make everything since the last commit durable."""
        self._file.commit()

    def clear(self) -> None:
        """Forget all records of all tables."""
        self._file.execute("DELETE FROM record")
        self._file.execute("DELETE FROM counter")
        self._file.commit()
        self._counters.clear()
        self._tables.clear()

    def copy(self) -> "Shelf":
        """Return a shelf in memory that holds the same records and counters."""
        made = Shelf()
        self._file.backup(made._file)
        made._counters = dict(self._counters)
        return made

    def close(self) -> None:
        """Close the file."""
        self._file.close()
