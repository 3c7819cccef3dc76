"""Sealing and opening secrets: places, damage, rotation, kills, several processes (QS6, QS7)."""

import base64
import copy
import json
import multiprocessing
import os
import pickle
import signal
import stat
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from plugin.domain.errors import PluginError
from plugin.vault import KEY_FILE, Vault, VaultError, _make_first

PLACE = "connection:7:sealed"
SECRET = {"password": "canary-höchst-geheim", "key": "canary-zwei"}


@pytest.fixture
def vault(tmp_path: Path) -> Vault:
    return Vault.load(tmp_path)


def key_text(sign: bytes) -> str:
    return base64.b64encode(sign * 32).decode()


def in_a_child(work: Callable[[], object]) -> int | None:
    """Run ``work`` in a process of its own and return its exit code (negative: the signal)."""
    child = multiprocessing.get_context("fork").Process(target=work)
    child.start()
    child.join(30)
    return child.exitcode


@pytest.mark.parametrize("values", [SECRET, {}, {"": ""}, {"a": "\0\n\U0001f511" * 1_000}])
def test_what_was_sealed_opens_again_at_its_place(vault: Vault, values: dict[str, str]) -> None:
    sealed = vault.seal(values, PLACE)
    assert vault.unseal(sealed, PLACE) == values
    assert sealed.startswith(f"v1:{vault.active_key_id}:")
    assert sealed.isascii()


def test_nothing_of_the_secret_can_be_read_in_the_sealed_value(vault: Vault) -> None:
    sealed = vault.seal(SECRET, PLACE)
    body = base64.b64decode(sealed.rpartition(":")[2])
    assert b"canary" not in body
    assert b"password" not in body


def test_sealing_twice_gives_two_different_values(vault: Vault) -> None:
    assert len({vault.seal(SECRET, PLACE) for _ in range(1_000)}) == 1_000


@pytest.mark.parametrize(
    "place",
    [
        "connection:8:sealed",
        "connection:7:other",
        "user:7:sealed",
        "connection:77:sealed",
        "connection:7:sealed ",
        "Connection:7:sealed",
    ],
)
def test_a_sealed_value_does_not_open_in_another_row_column_or_table(
    vault: Vault, place: str
) -> None:
    with pytest.raises(VaultError, match="belongs to another record"):
        vault.unseal(vault.seal(SECRET, PLACE), place)


def test_a_secret_without_a_place_is_refused(vault: Vault) -> None:
    with pytest.raises(VaultError, match="needs a place"):
        vault.seal(SECRET, "")
    with pytest.raises(VaultError, match="needs a place"):
        vault.unseal(vault.seal(SECRET, PLACE), "")


def test_one_flipped_bit_at_any_position_keeps_it_shut(vault: Vault) -> None:
    sealed = vault.seal(SECRET, PLACE)
    for position, bit in ((place, bit) for place in range(len(sealed)) for bit in range(8)):
        changed = chr(ord(sealed[position]) ^ 1 << bit)
        with pytest.raises(VaultError):
            vault.unseal(sealed[:position] + changed + sealed[position + 1 :], PLACE)


def test_one_flipped_bit_in_the_bytes_behind_keeps_it_shut(vault: Vault) -> None:
    head, _, text = vault.seal({"a": "b"}, PLACE).rpartition(":")
    body = base64.b64decode(text)
    for position in range(len(body) * 8):
        flipped = bytearray(body)
        flipped[position // 8] ^= 1 << position % 8
        with pytest.raises(VaultError):
            vault.unseal(f"{head}:{base64.b64encode(flipped).decode()}", PLACE)


def test_every_shortened_or_lengthened_value_stays_shut(vault: Vault) -> None:
    sealed = vault.seal(SECRET, PLACE)
    for changed in [sealed[:end] for end in range(len(sealed))] + [sealed + "A", sealed + "===="]:
        with pytest.raises(VaultError):
            vault.unseal(changed, PLACE)


@pytest.mark.parametrize(
    "text", ["", ":", "::", "v1", "v1::AAAA", "v2:x:AAAA", "gAAAAAB", "v1:x:é", "v1:x:" + "A" * 16]
)
def test_what_was_never_sealed_is_refused(vault: Vault, text: str) -> None:
    with pytest.raises(VaultError):
        vault.unseal(text, PLACE)


def test_a_value_moved_under_another_readable_key_stays_shut(vault: Vault) -> None:
    sealed, old = vault.seal(SECRET, PLACE), vault.active_key_id
    moved = sealed.replace(old, vault.rotate_key())
    with pytest.raises(VaultError):
        vault.unseal(moved, PLACE)


def test_a_missing_key_is_named(vault: Vault, tmp_path: Path) -> None:
    other = Vault.load(tmp_path / "other")
    with pytest.raises(VaultError, match=f"needs the key {vault.active_key_id}"):
        other.unseal(vault.seal(SECRET, PLACE), PLACE)


def test_no_message_repr_or_copy_holds_a_secret(vault: Vault, tmp_path: Path) -> None:
    table = json.loads((tmp_path / KEY_FILE).read_text())
    keys = [table["root"], *table["keys"]]
    sealed = vault.seal(SECRET, PLACE)
    shown = [repr(vault), str(vault), f"{vault}", repr(vault._keys)]
    for place in ("elsewhere", ""):
        with pytest.raises(VaultError) as caught:
            vault.unseal(sealed, place)
        shown.append(repr(caught.value))
    for text in shown:
        assert "canary" not in text
        assert not any(key in text for key in keys)
        assert not any(repr(base64.b64decode(key)) in text for key in keys)
    for store in (pickle.dumps, copy.copy, copy.deepcopy):
        with pytest.raises(VaultError):
            store(vault)


def test_its_error_belongs_to_the_family() -> None:
    assert issubclass(VaultError, PluginError)


def test_the_first_run_makes_a_key_file_for_the_owner_only(tmp_path: Path) -> None:
    folder = tmp_path / "deep" / "data"
    first = Vault.load(folder)
    assert stat.S_IMODE((folder / KEY_FILE).stat().st_mode) == 0o600
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert Vault.load(folder).unseal(first.seal(SECRET, PLACE), PLACE) == SECRET
    first.rotate_key()
    assert stat.S_IMODE((folder / KEY_FILE).stat().st_mode) == 0o600


def test_processes_that_start_together_make_one_key(tmp_path: Path) -> None:
    code = (
        "import sys, pathlib; from plugin.vault import Vault;"
        "print(Vault.load(pathlib.Path(sys.argv[1])).active_key_id)"
    )
    folder = str(tmp_path / "data")
    started = [
        subprocess.Popen([sys.executable, "-c", code, folder], stdout=subprocess.PIPE, text=True)
        for _ in range(6)
    ]
    assert len({process.communicate(timeout=30)[0] for process in started}) == 1


def test_a_key_file_that_everybody_can_read_is_refused(tmp_path: Path, vault: Vault) -> None:
    (tmp_path / KEY_FILE).chmod(0o644)
    with pytest.raises(VaultError, match="chmod 600"):
        Vault.load(tmp_path)


@pytest.mark.parametrize(
    "text",
    ["", "{", "[]", "{}", '{"root": 1, "keys": 2}', '{"root": "x", "keys": ["y"]}', "\xff"]
    + [json.dumps({"root": key_text(b"r"), "keys": keys}) for keys in ([], ["short"], ["canary"])],
)
def test_a_damaged_key_file_is_refused_and_left_alone(tmp_path: Path, text: str) -> None:
    path = tmp_path / KEY_FILE
    path.touch(mode=0o600)
    path.write_bytes(text.encode("latin-1"))
    with pytest.raises(VaultError) as caught:
        Vault.load(tmp_path)
    assert str(path) in str(caught.value)
    assert "canary" not in str(caught.value)
    assert path.read_bytes() == text.encode("latin-1")


def test_a_folder_that_cannot_be_used_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(VaultError, match="cannot be used"):
        Vault.load(tmp_path / "file" / "data")


def test_a_key_file_that_vanished_is_named(tmp_path: Path, vault: Vault) -> None:
    (tmp_path / KEY_FILE).unlink()
    for use in (lambda: vault.seal(SECRET, PLACE), vault.rotate_key, lambda: vault.retire(set())):
        with pytest.raises(VaultError, match=r"vault\.key cannot be used"):
            use()


def test_rotation_seals_with_a_new_key_and_still_opens_the_old(vault: Vault) -> None:
    before, old = vault.seal(SECRET, PLACE), vault.active_key_id
    new = vault.rotate_key()
    assert new == vault.active_key_id != old
    assert vault.key_id(vault.seal(SECRET, PLACE)) == new
    assert vault.unseal(before, PLACE) == SECRET
    after = vault.reseal(before, PLACE)
    assert after is not None
    assert vault.key_id(after) == new
    assert vault.unseal(after, PLACE) == SECRET
    assert vault.reseal(after, PLACE) is None


def test_resealing_does_not_launder_a_damaged_or_moved_value(vault: Vault) -> None:
    sealed = vault.seal(SECRET, PLACE)
    vault.rotate_key()
    with pytest.raises(VaultError):
        vault.reseal(sealed, "elsewhere")


def test_other_processes_learn_of_a_rotation_by_themselves(tmp_path: Path, vault: Vault) -> None:
    running = Vault.load(tmp_path)
    new = vault.rotate_key()
    assert running.unseal(vault.seal(SECRET, PLACE), PLACE) == SECRET
    assert running.key_id(running.seal(SECRET, PLACE)) == new


def test_only_unused_and_inactive_keys_are_retired(tmp_path: Path, vault: Vault) -> None:
    first, kept = vault.active_key_id, vault.seal(SECRET, PLACE)
    second = vault.rotate_key()
    lost = vault.seal(SECRET, PLACE)
    third = vault.rotate_key()
    assert vault.retire({first, "unknown"}) == (second,)
    assert vault.retire({first}) == ()
    assert vault.active_key_id == third
    for reader in (vault, Vault.load(tmp_path)):
        assert reader.unseal(kept, PLACE) == SECRET
        with pytest.raises(VaultError, match=second):
            reader.unseal(lost, PLACE)


def test_two_rotations_at_once_lose_no_key(tmp_path: Path, vault: Vault) -> None:
    def rotate() -> str:
        own = Vault.load(tmp_path)
        own.rotate_key()
        return own.seal(SECRET, PLACE)

    with ThreadPoolExecutor(8) as pool:
        sealed = [task.result() for task in [pool.submit(rotate) for _ in range(24)]]
    assert all(vault.unseal(value, PLACE) == SECRET for value in sealed)
    assert len(json.loads((tmp_path / KEY_FILE).read_text())["keys"]) == 25


@pytest.mark.parametrize("step", ["fdopen", "fsync", "replace", "close"])
@pytest.mark.parametrize("after", [False, True])
def test_a_rotation_killed_at_any_step_leaves_whole_keys(
    tmp_path: Path, vault: Vault, step: str, *, after: bool
) -> None:
    sealed = vault.seal(SECRET, PLACE)

    def killed_rotation() -> None:
        original = getattr(os, step)

        def die(*arguments: object, **named: object) -> None:
            if after:
                original(*arguments, **named)
            os.kill(os.getpid(), signal.SIGKILL)

        own = Vault.load(tmp_path)
        setattr(os, step, die)
        own.rotate_key()

    assert in_a_child(killed_rotation) == -signal.SIGKILL
    again = Vault.load(tmp_path)
    assert again.unseal(sealed, PLACE) == SECRET
    again.rotate_key()  # the dead process holds no lock
    assert again.unseal(sealed, PLACE) == SECRET
    assert vault.unseal(again.seal(SECRET, PLACE), PLACE) == SECRET


def test_a_failed_write_leaves_the_old_file_and_no_rubbish(
    tmp_path: Path, vault: Vault, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = (tmp_path / KEY_FILE).read_bytes()

    def full(_handle: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(VaultError, match="No space left"):
        vault.rotate_key()
    assert (tmp_path / KEY_FILE).read_bytes() == before
    assert sorted(item.name for item in tmp_path.iterdir()) == [KEY_FILE, "vault.lock"]


def test_what_a_killed_rotation_left_lying_is_cleared_by_the_next(
    tmp_path: Path, vault: Vault
) -> None:
    (tmp_path / "vault.new").write_text("half a key")
    vault.rotate_key()
    assert sorted(item.name for item in tmp_path.iterdir()) == [KEY_FILE, "vault.lock"]


def test_whoever_comes_second_at_the_first_run_takes_the_key_that_is_there(
    tmp_path: Path, vault: Vault
) -> None:
    _make_first(tmp_path, tmp_path / KEY_FILE)
    assert Vault.load(tmp_path).active_key_id == vault.active_key_id


@pytest.mark.parametrize("count", [500, pytest.param(10_000, marks=pytest.mark.slow)])
def test_resealing_killed_half_way_is_finished_by_a_rerun(
    tmp_path: Path, vault: Vault, count: int
) -> None:
    rows = {f"connection:{number}:sealed": "" for number in range(count)}
    rows = {place: vault.seal({"n": place}, place) for place in rows}
    old = vault.active_key_id
    new = vault.rotate_key()
    for place in list(rows)[: count // 3]:  # here the first run died
        rows[place] = vault.reseal(rows[place], place) or rows[place]
    again = Vault.load(tmp_path)
    assert again.retire({again.key_id(sealed) for sealed in rows.values()}) == ()
    done = 0
    for place, sealed in rows.items():
        assert vault.unseal(sealed, place) == {"n": place}  # nobody's read fails meanwhile
        fresh = again.reseal(sealed, place)
        rows[place], done = fresh or sealed, done + (fresh is not None)
    assert done == count - count // 3
    assert {again.key_id(sealed) for sealed in rows.values()} == {new}
    assert again.retire({new}) == (old,)
    assert all(vault.unseal(sealed, place) == {"n": place} for place, sealed in rows.items())


def test_derived_keys_and_key_ids_are_the_same_in_every_version() -> None:
    """A changed one would end every session and shut every secret at an upgrade."""
    vault = Vault.load(Path("unused"), f"{key_text(b'a')},root={key_text(b'r')}")
    assert vault.derive("audit chain").hex() == (
        "386537b86fa42a3aaf968ea3495e85efa10eeadfaec77364bb370d4c684ad7a8"
    )
    assert vault.key_ids == {"72e93f09e419"}


def test_derived_keys_differ_by_purpose_and_outlive_rotation(tmp_path: Path, vault: Vault) -> None:
    audit, cookie = vault.derive("audit chain"), vault.derive("session")
    assert len(audit) == len(cookie) == 32
    assert audit != cookie
    old = vault.active_key_id
    vault.rotate_key()
    assert vault.retire(set()) == (old,)
    assert Vault.load(tmp_path).derive("audit chain") == vault.derive("audit chain") == audit
    assert Vault.load(tmp_path / "other").derive("audit chain") != audit


def test_machines_with_the_same_key_text_read_each_other(tmp_path: Path) -> None:
    text = f" {key_text(b'a')} ,{key_text(b'b')},root={key_text(b'r')}"
    one, two = Vault.load(tmp_path / "1", text), Vault.load(tmp_path / "2", text)
    assert two.unseal(one.seal(SECRET, PLACE), PLACE) == SECRET
    assert one.derive("x") == two.derive("x")
    assert not list(tmp_path.iterdir())


def test_the_first_key_of_the_text_is_active_and_the_others_readable(tmp_path: Path) -> None:
    a, b = key_text(b"a"), key_text(b"b")
    old, new = Vault.load(tmp_path, a), Vault.load(tmp_path, f"{b},{a}")
    sealed = old.seal(SECRET, PLACE)
    fresh = new.reseal(sealed, PLACE)
    assert fresh is not None
    assert Vault.load(tmp_path, b).unseal(fresh, PLACE) == SECRET
    assert new.derive("x") == old.derive("x")  # the oldest stays the root …
    assert Vault.load(tmp_path, f"{b},root={a}").derive("x") == old.derive("x")  # … or is marked


def test_keys_from_a_text_are_changed_where_the_text_is(tmp_path: Path) -> None:
    vault = Vault.load(tmp_path, Vault.new_key())
    for change in (vault.rotate_key, lambda: vault.retire(set())):
        with pytest.raises(VaultError, match="BRIDGEHEAD_VAULT_KEY"):
            change()
    sealed = Vault.load(tmp_path, Vault.new_key()).seal(SECRET, PLACE)
    with pytest.raises(VaultError, match="is not in BRIDGEHEAD_VAULT_KEY"):
        vault.unseal(sealed, PLACE)


@pytest.mark.parametrize(
    "text",
    [
        *("", "canary", key_text(b"a")[:-4], key_text(b"a") + ",", key_text(b"a") * 2),
        f"root={key_text(b'a')}",
        f"{key_text(b'a')},root={key_text(b'b')},root={key_text(b'c')}",
    ],
)
def test_a_bad_key_text_is_refused_without_being_repeated(tmp_path: Path, text: str) -> None:
    with pytest.raises(VaultError) as caught:
        Vault.load(tmp_path, text)
    assert "BRIDGEHEAD_VAULT_KEY" in str(caught.value)
    assert "canary" not in str(caught.value)
    assert key_text(b"a")[:8] not in str(caught.value)
