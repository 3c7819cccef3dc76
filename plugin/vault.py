"""Seal and open secrets; several keys readable, one active.

A sealed value reads ``v1:<key id>:<base64 of nonce and ciphertext>``: AES-256-GCM, bound to its
place (table, row, column), so that it opens only where it was sealed.

The keys rest in ``vault.key`` in the data folder, made at the first run, or come from
``BRIDGEHEAD_VAULT_KEY`` where several machines need the same: 32 bytes in base64, several separated
by commas, the first one active, one of them marked ``root=``. The root key seals nothing: keys for
other purposes (sessions, the audit chain) are derived from it, so they outlive a rotation. Without
a marked root the last key, being the oldest, is the root too; mark it before taking it out.
"""

import base64
import binascii
import fcntl
import hashlib
import json
import os
import secrets
from collections.abc import Iterator, Mapping
from collections.abc import Set as AbstractSet
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Never, Self

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from plugin.domain.errors import PluginError

VERSION = "v1"
KEY_FILE = "vault.key"
LOCK_FILE = "vault.lock"
KEY_BYTES = 32
NONCE_BYTES = 12


class VaultError(PluginError):
    """A secret could not be sealed or opened, or the keys cannot be used; never holds a secret."""


@dataclass(frozen=True, slots=True)
class _Keys:
    """One reading of the keys: root, readable keys by id with the active one first."""

    root: bytes = field(repr=False)
    by_id: Mapping[str, bytes] = field(repr=False)
    stamp: tuple[int, int, int] | None = None

    @property
    def active(self) -> str:
        return next(iter(self.by_id))


class Vault:
    """Seals what must not be read in the database; safe to share between threads."""

    __slots__ = ("_keys", "_path")

    def __init__(self, keys: _Keys, path: Path | None) -> None:
        """Use :meth:`load`; ``path`` is None when the keys do not come from a file."""
        self._keys = keys
        self._path = path

    @classmethod
    def load(cls, folder: Path, key: str | None = None) -> Self:
        """Open the vault with the given ``key`` text, or with the key file in ``folder``."""
        if key is not None:
            return cls(_parse_text(key), None)
        path = folder / KEY_FILE
        with _explained(path):
            if not path.exists():
                _make_first(folder, path)
            return cls(_read_file(path), path)

    @staticmethod
    def new_key() -> str:
        """Return a fresh key in the form that ``BRIDGEHEAD_VAULT_KEY`` takes."""
        return base64.b64encode(secrets.token_bytes(KEY_BYTES)).decode()

    def __repr__(self) -> str:
        return "Vault(keys hidden)"

    def __reduce__(self) -> Never:
        raise VaultError("a vault is not copied or stored; load it again")

    @property
    def key_ids(self) -> frozenset[str]:
        """The ids of all keys that can be read with."""
        return frozenset(self._fresh().by_id)

    @property
    def active_key_id(self) -> str:
        """The id of the key that new values are sealed with."""
        return self._fresh().active

    def seal(self, values: Mapping[str, str], place: str) -> str:
        """Return ``values`` unreadable; they open at the same ``place`` ("table:row:column")."""
        keys = self._fresh()
        header = f"{VERSION}:{keys.active}"
        nonce = secrets.token_bytes(NONCE_BYTES)
        plain = json.dumps(dict(values), sort_keys=True).encode()
        cipher = AESGCM(keys.by_id[keys.active])
        body = nonce + cipher.encrypt(nonce, plain, _bound(header, place))
        return f"{header}:{base64.b64encode(body).decode()}"

    def unseal(self, sealed: str, place: str) -> dict[str, str]:
        """Return what was sealed at ``place``; VaultError when anything about it was changed."""
        key_id, body = _split(sealed)
        key = self._readable(key_id)
        header = f"{VERSION}:{key_id}"
        try:
            plain = AESGCM(key).decrypt(
                body[:NONCE_BYTES], body[NONCE_BYTES:], _bound(header, place)
            )
        except InvalidTag:
            raise VaultError(
                "this secret does not open here: it was changed or belongs to another record"
            ) from None
        opened: dict[str, str] = json.loads(plain)
        return opened

    def reseal(self, sealed: str, place: str) -> str | None:
        """Return the value sealed with the active key, None when it already is."""
        if self.key_id(sealed) == self.active_key_id:
            return None
        return self.seal(self.unseal(sealed, place), place)

    @staticmethod
    def key_id(sealed: str) -> str:
        """Return the id of the key that ``sealed`` needs."""
        return _split(sealed)[0]

    def rotate_key(self) -> str:
        """Add a new active key and return its id; the old ones stay readable."""
        path = self._own_file("a new key is put in front of the others there")
        with _explained(path), _locked(path.parent):
            keys = _read_file(path)
            added = secrets.token_bytes(KEY_BYTES)
            _write_file(path, keys.root, [added, *keys.by_id.values()])
            self._keys = _read_file(path)
        return self._keys.active

    def retire(self, key_ids_in_use: AbstractSet[str]) -> tuple[str, ...]:
        """Forget every inactive key that is not in use and return the ids of those forgotten.

        Ask the database for the keys in use only when every transaction that was open while the
        key was rotated has ended: until then one may still store a value sealed with the old key.
        """
        path = self._own_file("an old key is taken out there")
        with _explained(path), _locked(path.parent):
            keys = _read_file(path)
            gone = tuple(
                key_id for key_id in keys.by_id if key_id not in {keys.active, *key_ids_in_use}
            )
            if gone:
                kept = [key for key_id, key in keys.by_id.items() if key_id not in gone]
                _write_file(path, keys.root, kept)
            self._keys = _read_file(path)
        return gone

    def derive(self, purpose: str) -> bytes:
        """Return 32 bytes for one ``purpose``; the same for ever, whatever is rotated."""
        info = b"bridgehead derive " + purpose.encode()
        return HKDF(SHA256(), length=KEY_BYTES, salt=None, info=info).derive(self._keys.root)

    def _readable(self, key_id: str) -> bytes:
        key = self._keys.by_id.get(key_id) or self._fresh().by_id.get(key_id)
        if key is None:
            where = self._path or "BRIDGEHEAD_VAULT_KEY"
            raise VaultError(f"this secret needs the key {key_id}, which is not in {where}")
        return key

    def _fresh(self) -> _Keys:
        """Return the keys, read again when another process has changed the file."""
        if self._path is None:
            return self._keys
        with _explained(self._path):
            if _stamp(os.stat(self._path)) != self._keys.stamp:
                self._keys = _read_file(self._path)
        return self._keys

    def _own_file(self, instead: str) -> Path:
        if self._path is None:
            raise VaultError(f"the keys come from BRIDGEHEAD_VAULT_KEY; {instead}")
        return self._path


def _bound(header: str, place: str) -> bytes:
    if not place:
        raise VaultError("a secret needs a place to belong to")
    return f"{header}\0{place}".encode()


def _split(sealed: str) -> tuple[str, bytes]:
    version, _, rest = sealed.partition(":")
    key_id, _, text = rest.partition(":")
    body = _decode(text)
    if version != VERSION or not key_id or body is None or len(body) <= NONCE_BYTES:
        raise VaultError("this is not a sealed secret of a form this version knows")
    return key_id, body


def _decode(text: str) -> bytes | None:
    """Decode base64 in its one canonical spelling, so that no sealed value has a twin."""
    try:
        body = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return None
    return body if base64.b64encode(body).decode() == text else None


def _id_of(key: bytes) -> str:
    """Return a key's id: the same on every machine, and nothing that helps to find the key."""
    return hashlib.sha256(b"bridgehead key id " + key).hexdigest()[:12]


def _key(text: str, where: str) -> bytes:
    key = _decode(text.strip())
    if key is None or len(key) != KEY_BYTES:
        raise VaultError(f"{where}: every key must be {KEY_BYTES} bytes in base64")
    return key


def _parse_text(text: str) -> _Keys:
    where = "BRIDGEHEAD_VAULT_KEY"
    words = [word.strip() for word in text.split(",")]
    plain = [_key(word, where) for word in words if not word.startswith("root=")]
    roots = [_key(word[5:], where) for word in words if word.startswith("root=")]
    if not plain or len(roots) > 1:
        raise VaultError(f"{where}: at least one key and at most one marked root= are needed")
    return _Keys(roots[0] if roots else plain[-1], {_id_of(key): key for key in plain})


def _stamp(seen: os.stat_result) -> tuple[int, int, int]:
    return seen.st_ino, seen.st_mtime_ns, seen.st_size


def _read_file(path: Path) -> _Keys:
    with path.open("rb") as file:
        seen = os.fstat(file.fileno())
        body = file.read()
    if seen.st_mode & 0o007:
        raise VaultError(f"{path} can be read by everybody on this machine; run chmod 600 on it")
    try:
        table = json.loads(body)
        root, words = str(table["root"]), [str(word) for word in table["keys"]]
    except (ValueError, KeyError, TypeError):
        raise VaultError(f"{path} is damaged; restore it from where keys are kept") from None
    if not words:
        raise VaultError(f"{path} holds no key")
    keys = [_key(word, str(path)) for word in words]
    return _Keys(_key(root, str(path)), {_id_of(key): key for key in keys}, _stamp(seen))


def _make_first(folder: Path, path: Path) -> None:
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    with _locked(folder):
        if not path.exists():  # another process may have been first
            _write_file(path, secrets.token_bytes(KEY_BYTES), [secrets.token_bytes(KEY_BYTES)])


def _write_file(path: Path, root: bytes, keys: list[bytes]) -> None:
    """Replace the key file so that a kill at any moment leaves the old one or the new one."""
    table = {
        "about": "Bridgehead's keys. Keep a copy, apart from the database. The first is active.",
        "root": base64.b64encode(root).decode(),
        "keys": [base64.b64encode(key).decode() for key in keys],
    }
    fresh = path.with_suffix(".new")  # one name, used under the lock: a kill leaves no second one
    fresh.unlink(missing_ok=True)
    handle = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(handle, "w", encoding="ascii") as file:
            json.dump(table, file, indent=1)
            file.flush()
            os.fsync(file.fileno())
        os.replace(fresh, path)
    except BaseException:
        fresh.unlink(missing_ok=True)
        raise
    _sync_folder(path.parent)


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """Let one process at a time change the keys; the lock ends with the process that holds it."""
    handle = os.open(folder / LOCK_FILE, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


@contextmanager
def _explained(path: Path) -> Iterator[None]:
    """Turn the file system's failures into ours."""
    try:
        yield
    except OSError as error:
        raise VaultError(f"{path} cannot be used ({error.strerror})") from None
