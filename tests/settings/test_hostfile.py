"""The .config file of a host: what is read in it, and hostile files (QS2)."""

import os
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from plugin.settings.hostfile import HostFileError, read_host_file
from tests.settings.places import problems_of, write_host_file


@pytest.fixture
def canary() -> Iterator[socket.socket]:
    """A listener that nobody may call."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.setblocking(False)
        yield listener


def refusal(tmp_path: Path, body: bytes) -> str:
    """Return why the file is refused, which must be quick (of our own time: machines are busy)."""
    path = tmp_path / "hostile.config"
    path.write_bytes(body)
    began = time.process_time()
    with pytest.raises(HostFileError) as caught:
        read_host_file(path)
    assert time.process_time() - began < 0.1
    assert str(caught.value).isprintable()
    return str(caught.value)


def with_body(inner: str, root: str = "configuration") -> bytes:
    return f"<{root}><appSettings>{inner}</appSettings></{root}>".encode()


def test_the_value_is_found_among_others(tmp_path: Path) -> None:
    assert read_host_file(write_host_file(tmp_path, " Beta ")) == "Beta"


def test_a_file_without_the_key_says_nothing(tmp_path: Path) -> None:
    assert read_host_file(write_host_file(tmp_path, "beta", "Other2")) is None


@pytest.mark.parametrize(
    ("body", "value"),
    [
        (b"<configuration/>", None),
        (b"<configuration><appSettings/></configuration>", None),
        (with_body('<add key=" kesCLOUDserver " value="test"/>'), "test"),
        (with_body('<!-- <add key="KESCloudServer" value="beta"/> -->'), None),
        (with_body('<remove key="KESCloudServer" value="beta"/><?pi x?>'), None),
        (with_body('<add value="beta"/>'), None),
        (with_body('<add key="KESCloudServer"/>'), ""),
        (with_body('<add key="KESCloudServer" value="beta"/>' * 2), "beta"),
        (b'<appSettings><add key="KESCloudServer" value="beta"/></appSettings>', "beta"),
        (b'<configuration><add key="KESCloudServer" value="beta"/></configuration>', None),
        (
            b'<configuration xmlns="http://schemas.microsoft.com/.NetConfiguration/v2.0">'
            b'<appSettings><add key="KESCloudServer" value="beta"/></appSettings></configuration>',
            "beta",
        ),
        (with_body('<add key="KESCloudServer" value="b&#x65;ta"/>'), "beta"),
    ],
)
def test_the_shapes_such_files_have_are_understood(
    tmp_path: Path, body: bytes, value: str | None
) -> None:
    path = tmp_path / "shape.config"
    path.write_bytes(body)
    assert read_host_file(path) == value


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-8"])
def test_the_encodings_windows_writes_are_read(tmp_path: Path, encoding: str) -> None:
    path = tmp_path / "windows.config"
    path.write_bytes(
        with_body('<add key="KESCloudServer" value="beta"/>').decode().encode(encoding)
    )
    assert read_host_file(path) == "beta"


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_an_external_entity_is_refused_in_every_encoding(
    tmp_path: Path, canary: socket.socket, encoding: str
) -> None:
    secret = tmp_path / "secret.txt"
    secret.write_text("beta")
    port = canary.getsockname()[1]
    for target in (secret.as_uri(), f"http://127.0.0.1:{port}/beta"):
        text = (
            f'<!DOCTYPE configuration [<!ENTITY x SYSTEM "{target}">]>'
            "<configuration><appSettings>"
            '<add key="KESCloudServer" value="test"/>&x;</appSettings></configuration>'
        )
        assert "document type" in refusal(tmp_path, text.encode(encoding))
    nobody_called(canary)


def test_an_external_dtd_is_refused_and_not_fetched(tmp_path: Path, canary: socket.socket) -> None:
    port = canary.getsockname()[1]
    for kind in ("SYSTEM", 'PUBLIC "-//X//Y"'):
        doctype = f'<!DOCTYPE configuration {kind} "http://127.0.0.1:{port}/evil.dtd">'
        body = doctype.encode() + with_body('<add key="KESCloudServer" value="beta"/>')
        assert "document type" in refusal(tmp_path, body)
    nobody_called(canary)


def test_a_parameter_entity_is_refused_and_not_fetched(
    tmp_path: Path, canary: socket.socket
) -> None:
    port = canary.getsockname()[1]
    doctype = (
        f'<!DOCTYPE configuration [<!ENTITY % pe SYSTEM "http://127.0.0.1:{port}/pe">%pe;]>'
    ).encode()
    assert "document type" in refusal(tmp_path, doctype + with_body(""))
    nobody_called(canary)


@pytest.mark.parametrize("place", ["text", "attribute"])
def test_a_billion_laughs_are_refused_at_once(tmp_path: Path, place: str) -> None:
    entities = '<!ENTITY l0 "lol">' + "".join(
        f'<!ENTITY l{n} "{f"&l{n - 1};" * 10}">' for n in range(1, 12)
    )
    inner = "&l11;" if place == "text" else '<add key="KESCloudServer" value="&l11;"/>'
    body = f"<!DOCTYPE configuration [{entities}]>".encode() + with_body(inner)
    assert "document type" in refusal(tmp_path, body)


def test_a_quadratic_bomb_is_refused_at_once(tmp_path: Path) -> None:
    doctype = f'<!DOCTYPE configuration [<!ENTITY a "{"x" * 100_000}">]>'
    assert "document type" in refusal(tmp_path, doctype.encode() + with_body("&a;" * 100_000))


def test_an_included_file_is_not_read(tmp_path: Path) -> None:
    other = write_host_file(tmp_path, "beta")
    include = f'<x:include xmlns:x="http://www.w3.org/2001/XInclude" href="{other.as_uri()}"/>'
    path = tmp_path / "including.config"
    path.write_bytes(with_body(include))
    assert read_host_file(path) is None


def test_a_huge_file_is_refused_at_once(tmp_path: Path) -> None:
    assert "larger than 1 MiB" in refusal(tmp_path, with_body("<a/>" * 2_000_000))


def test_nesting_without_end_is_refused_at_once(tmp_path: Path) -> None:
    assert "well-formed" in refusal(tmp_path, b"<configuration>" + b"<a>" * 200_000)


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"", "not well-formed"),
        (b"KESCloudServer=beta", "not well-formed"),
        (with_body("")[:-4], "not well-formed"),
        (b"\x00\xff\xfe", "not well-formed"),
        (with_body("&undeclared;"), "not well-formed"),
        (with_body("").decode().encode("utf-16-le"), "not well-formed"),
        (b"<html><body/></html>", "not a .config file"),
        (b'<?xml version="1.0" encoding="klingon"?><configuration/>', "not well-formed"),
        (
            with_body(
                '<add key="KESCloudServer" value="beta"/><add key="kescloudserver" value="test"/>'
            ),
            "more than once",
        ),
        (
            b'<configuration><appSettings configSource="other.config"/></configuration>',
            "another file or encrypted",
        ),
        (
            b'<configuration><appSettings configProtectionProvider="Rsa"/></configuration>',
            "another file or encrypted",
        ),
    ],
)
def test_what_is_no_usable_file_is_refused_with_a_reason(
    tmp_path: Path, body: bytes, reason: str
) -> None:
    assert reason in refusal(tmp_path, body)


def test_folders_pipes_and_missing_files_are_refused_without_waiting(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    for path, reason in (
        (tmp_path, "it is not a file"),
        (pipe, "it is not a file"),
        (tmp_path / "missing", "No such file"),
        (tmp_path / ("n" * 300), "File name too long"),
    ):
        with pytest.raises(HostFileError, match=reason):
            read_host_file(path)


def test_a_refused_file_stops_the_start_and_is_named(tmp_path: Path) -> None:
    path = tmp_path / "bad.config"
    path.write_text("<!DOCTYPE configuration><configuration/>")
    (problem,) = problems_of(tmp_path, {"BRIDGEHEAD_HOST_CONFIG": str(path)})
    assert problem == (
        f"{path}, named by BRIDGEHEAD_HOST_CONFIG, cannot be used:"
        " it has a document type declaration, which is refused"
    )


def nobody_called(canary: socket.socket) -> None:
    with pytest.raises(BlockingIOError):
        canary.accept()
