"""Every setting, from every source, and every way to get it wrong."""

import base64
from pathlib import Path
from typing import Any

import pytest

from plugin.domain.errors import ConfigError
from plugin.settings import load
from plugin.settings.sandbox import Offer
from plugin.settings.sources import KNOWN, PREFIX, SECRETS
from tests.settings.places import problems_of, write_local

OFFERED = '{"tigerpaw": {"origin": "http://127.0.0.1:8497", "values": {"user": "u"}}}'
LOOPBACK = "http://127.0.0.1:8497"
KEY = base64.b64encode(b"k" * 32).decode()

GOOD: list[tuple[str, str, str, Any]] = [
    ("BIND", "0.0.0.0:80", "bind_host", "0.0.0.0"),
    ("BIND", "[::1]:8481", "bind_host", "::1"),
    ("BIND", "localhost:8481", "bind_port", 8481),
    ("PUBLIC_URL", "https://b.example.com/", "public_url", "https://b.example.com"),
    ("PUBLIC_URL", "https://b.example.com/sub/", "public_url", "https://b.example.com/sub"),
    ("PUBLIC_URL", "http://localhost:8480", "public_url", "http://localhost:8480"),
    ("PUBLIC_URL", "http://b.localhost:1", "public_url", "http://b.localhost:1"),
    ("SANDBOX_PORT", "9000", "sandbox_port", 9000),
    ("SANDBOX_OFFERS", OFFERED, "sandbox_offers", {"tigerpaw": Offer(LOOPBACK, {"user": "u"})}),
    ("TRUSTED_PROXIES", "10.0.0.5, 10.1.0.0/16", "trusted_proxies", ("10.0.0.5/32", "10.1.0.0/16")),
    ("FAST_INBOX", "On", "fast_inbox", True),
    ("FAST_INBOX", "0", "fast_inbox", False),
    ("LOG_JSON", "on", "log_json", True),
    ("SMTP_URL", "smtp://u:p%40@mail.example.com:587", "smtp_url", ...),
    ("SMTP_URL", "smtp+plain://relay.lan", "smtp_url", ...),
    ("MAIL_FROM", "Bridgehead <b@example.com>", "mail_from", ...),
    ("DRAIN", "0", "drain", 0.0),
    ("DRAIN", "2.5", "drain", 2.5),
    ("BRIDGE_BEAT", "2.5", "bridge_beat", 2.5),
    ("BRIDGE_DEADLINE", "90", "bridge_deadline", 90.0),
    ("DELIVERY_DAYS", "7", "delivery_days", 7),
    ("DATABASE_URL", "postgresql+psycopg://u:p@db/x", "database_url", ...),
    ("DATABASE_URL", "postgres://u:p@db/x", "database_url", "postgresql+psycopg://u:p@db/x"),
    ("DATABASE_URL", "postgresql://u:p@db/x", "database_url", "postgresql+psycopg://u:p@db/x"),
    ("DATABASE_URL", "sqlite:////srv/b.db", "database_url", ...),
    ("DATA", "/srv/bridgehead", "data", Path("/srv/bridgehead")),
    ("VAULT_KEY", f"{KEY},root={KEY}", "vault_key", ...),
]

BAD: list[tuple[str, str]] = [
    *[
        ("BIND", text)
        for text in ("8480", ":8480", "a:", "a:0", "a:65536", "a:x", "::1:80", "a b:1")
    ],
    *[("BIND", text) for text in ("user@host:80", "[host]:80", "host:+80", "host:٨٠")],
    *[
        ("PUBLIC_URL", text)
        for text in ("example.com", "ftp://x", "https://", "http://example.com")
    ],
    *[
        ("PUBLIC_URL", text)
        for text in ("https://u:p@x", "https://x?y", "https://x#y", "https://[x")
    ],
    *[("PUBLIC_URL", text) for text in ("https://x:99999", "https://x y", "http://127.0.0.1.evil")],
    *[("SANDBOX_PORT", text) for text in ("0", "65535", "-1", "8490.5", "x", "9" * 5_000)],
    *[("SANDBOX_OFFERS", text) for text in ("x", "[]", '{"a": 1}', '{"a": {"origin": "x"}}')],
    ("SANDBOX_OFFERS", OFFERED.replace("127.0.0.1", "10.0.0.1")),
    ("SANDBOX_OFFERS", OFFERED.replace("http:", "ftp:")),
    *[("TRUSTED_PROXIES", text) for text in ("proxy.example.com", "10.0.0.0/33", "*")],
    *[("FAST_INBOX", text) for text in ("maybe", "2")],
    *[("SMTP_URL", text) for text in ("mail.example.com", "http://x", "smtp://", "smtp://x/y")],
    *[("SMTP_URL", text) for text in ("smtp+plain://u:p@relay.lan", "smtps://u@mail.example.com")],
    *[("MAIL_FROM", text) for text in ("nobody", "@", "a@", "a@b\nBcc: c@d")],
    *[("OIDC_ISSUER", text) for text in ("http://id.example.com", "id")],
    *[("DRAIN", text) for text in ("-1", "301", "nan", "x")],
    *[("BRIDGE_BEAT", text) for text in ("0", "-5", "nan", "inf", "x", "90000")],
    *[("DELIVERY_DAYS", text) for text in ("0", "1.5", "x", "99999")],
    *[("DATABASE_URL", text) for text in ("mysql://u:p@x", "sqlite://", "sqlite:///:memory:", "x")],
    *[("DATABASE_URL", text) for text in ("sqlite:///", "postgresql+psycopg2://u:p@x")],
    *[("VAULT_KEY", text) for text in ("short", KEY[:-4], f"{KEY},", "root=", f"{KEY};{KEY}")],
    *[("TLS_CERT", text) for text in ("/missing/cert.pem", "/")],
    *[("DATA", text) for text in ("a\0b", "~nobody-of-this-name/x")],
]


def test_without_any_source_the_documented_defaults_hold(tmp_path: Path) -> None:
    settings = load({"PATH": "/bin", "HOME": "/"}, root=tmp_path)
    assert settings.data == tmp_path / "var"
    assert settings.database_url == f"sqlite:///{tmp_path}/var/bridgehead.db"
    assert (settings.bind_host, settings.bind_port) == ("127.0.0.1", 8480)
    assert settings.public_url == "http://127.0.0.1:8480"
    assert (settings.sandbox_port, settings.delivery_days) == (8490, 30)
    assert settings.drain == 5
    assert (settings.bridge_beat, settings.bridge_deadline) == (15, 45)
    assert settings.fast_inbox is False
    assert settings.trusted_proxies == ()
    assert settings.smtp_url == settings.oidc_issuer == settings.oidc_client_id == ""
    assert settings.tls_cert is settings.tls_key is settings.host_config is None
    assert settings.vault_key is None
    assert settings.environment_setting is None


@pytest.mark.parametrize(("name", "text", "field", "value"), GOOD)
def test_a_variable_becomes_a_value(
    tmp_path: Path, name: str, text: str, field: str, value: object
) -> None:
    settings = load({PREFIX + name: f" {text} "}, root=tmp_path)
    assert getattr(settings, field) == (text if value is ... else value)


@pytest.mark.parametrize(("name", "text", "field", "value"), GOOD)
def test_the_same_may_stand_in_local_toml_with_or_without_the_prefix(
    tmp_path: Path, name: str, text: str, field: str, value: object
) -> None:
    for key in (name.lower(), PREFIX + name, (PREFIX + name).lower()):
        write_local(tmp_path, f"{key} = '{text}'")
        settings = load({}, root=tmp_path)
        assert getattr(settings, field) == (text if value is ... else value)


@pytest.mark.parametrize(("name", "text"), BAD)
def test_a_bad_value_is_one_problem_that_names_its_variable(
    tmp_path: Path, name: str, text: str
) -> None:
    problems = problems_of(tmp_path, {PREFIX + name: text, "BRIDGEHEAD_TLS_KEY": ""})
    assert problems[0].startswith(f"environment variable {PREFIX}{name}")
    if PREFIX + name in SECRETS:
        assert "u:p" not in problems[0]
        assert KEY[:8] not in problems[0]


def test_every_problem_is_told_at_once(tmp_path: Path) -> None:
    write_local(tmp_path, 'bindd = "x"\ndelivery_days = "soon"\n[limits.sync]\ninterval = -1\n')
    environ = {
        "KESCLOUDSERVER": "staging",
        "BRIDGEHEAD_BIND": "nowhere",
        "BRIDGEHEAD_DATBASE_URL": "x",
        "BRIDGEHEAD_HOST_CONFIG": str(tmp_path / "missing.config"),
        "BRIDGEHEAD_SMTP_URL_FILE": str(tmp_path / "missing.txt"),
        "BRIDGEHEAD_OIDC_CLIENT_ID": "me",
    }
    problems = problems_of(tmp_path, environ)
    for part in (
        "KESCLOUDSERVER says 'staging'",
        "BRIDGEHEAD_BIND must be",
        "BRIDGEHEAD_DATBASE_URL is not a known setting; did you mean BRIDGEHEAD_DATABASE_URL?",
        "missing.config, named by BRIDGEHEAD_HOST_CONFIG",
        "BRIDGEHEAD_SMTP_URL_FILE: ",
        "BRIDGEHEAD_OIDC_ISSUER and BRIDGEHEAD_OIDC_CLIENT_ID belong together",
        "key bindd in config/local.toml is not a known setting; did you mean bind?",
        "key delivery_days in config/local.toml must be a whole number",
        "config/local.toml: limits.sync.interval must be more than 0",
    ):
        assert sum(part in problem for problem in problems) == 1, part
    assert len(problems) == 9


@pytest.mark.parametrize("name", ["BRIDGEHEAD_NEW", "BRIDGEHEAD_", "BRIDGEHEAD_BIND_FILE"])
def test_an_unknown_variable_of_ours_is_a_problem(tmp_path: Path, name: str) -> None:
    (problem,) = problems_of(tmp_path, {name: ""})
    assert problem.startswith(f"environment variable {name} is not a known setting")


def test_the_variable_beats_the_file_and_the_override_beats_both(tmp_path: Path) -> None:
    write_local(tmp_path, "sandbox_port = 9001\ndelivery_days = 5")
    environ = {"BRIDGEHEAD_SANDBOX_PORT": "9002"}
    assert load({}, root=tmp_path).sandbox_port == 9001
    assert load(environ, root=tmp_path).sandbox_port == 9002
    forced = load(environ, root=tmp_path, overrides={"BRIDGEHEAD_SANDBOX_PORT": "9003"})
    assert (forced.sandbox_port, forced.delivery_days) == (9003, 5)


def test_an_empty_variable_means_the_default_even_against_the_file(tmp_path: Path) -> None:
    write_local(tmp_path, "smtp_url = 'smtp://mail.example.com'")
    assert load({"BRIDGEHEAD_SMTP_URL": ""}, root=tmp_path).smtp_url == ""


def test_local_toml_takes_switches_numbers_and_lists(tmp_path: Path) -> None:
    write_local(
        tmp_path,
        "fast_inbox = true\nbridge_beat = 1.5\nsandbox_port = 9000\n"
        'trusted_proxies = ["10.0.0.1", "::1"]',
    )
    settings = load({}, root=tmp_path)
    assert (settings.fast_inbox, settings.bridge_beat, settings.sandbox_port) == (True, 1.5, 9000)
    assert settings.trusted_proxies == ("10.0.0.1/32", "::1/128")


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("bind = ", "config/local.toml is not valid TOML"),
        ("bind = 2026-01-01", "must be a text"),
        ("[bind]\nx = 1", "must be a text"),
        ("trusted_proxies = [1]", "must be a text"),
        ("bind = 'a:1'\nBRIDGEHEAD_BIND = 'b:1'", "is the same setting as key bind"),
        ("limits = 5", "limits in config/local.toml must be a table"),
        ("smtp_url = 'smtp://x'\nsmtp_url_file = 'y'", "are both set; keep one"),
    ],
)
def test_what_cannot_be_understood_in_local_toml_is_a_problem(
    tmp_path: Path, text: str, part: str
) -> None:
    write_local(tmp_path, text)
    (problem,) = problems_of(tmp_path, {})
    assert part in problem


def test_a_local_toml_that_is_no_text_or_no_file_is_a_problem(tmp_path: Path) -> None:
    path = write_local(tmp_path, "")
    path.write_bytes(b'bind = "\xff"')
    assert problems_of(tmp_path, {}) == ("config/local.toml is not UTF-8 text",)
    path.unlink()
    path.mkdir()
    assert problems_of(tmp_path, {}) == ("config/local.toml cannot be read (Is a directory)",)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("DATABASE_URL", "postgresql+psycopg://u:canary-1@db/x"),
        ("SMTP_URL", "smtp://u:canary-2@mail.example.com"),
        ("OIDC_CLIENT_SECRET", "canary-3"),
        ("VAULT_KEY", base64.b64encode(b"canary-4" * 4).decode()),
    ],
)
def test_every_secret_may_stand_in_a_file_and_never_shows(
    tmp_path: Path, name: str, text: str
) -> None:
    secret = tmp_path / "secret.txt"
    secret.write_text(f"{text}\r\n")
    oidc = {"BRIDGEHEAD_OIDC_ISSUER": "https://id.example.com", "BRIDGEHEAD_OIDC_CLIENT_ID": "me"}
    by_variable = load({f"{PREFIX}{name}_FILE": str(secret), **oidc}, root=tmp_path)
    write_local(tmp_path, f'{name.lower()}_file = "secret.txt"')
    by_file = load(oidc, root=tmp_path)
    for settings in (by_variable, by_file):
        assert getattr(settings, name.lower()) == text
        for shown in (repr(settings), str(settings), f"{settings}"):
            assert "canary" not in shown
            assert text not in shown


def test_no_secret_may_be_left_out_of_the_test_above() -> None:
    assert {name.removesuffix("_FILE") for name in KNOWN if name.endswith("_FILE")} == SECRETS


def test_a_secret_given_directly_and_by_file_is_refused(tmp_path: Path) -> None:
    secret = tmp_path / "secret.txt"
    secret.write_text("smtp://a")
    environ = {"BRIDGEHEAD_SMTP_URL": "smtp://b", "BRIDGEHEAD_SMTP_URL_FILE": str(secret)}
    (problem,) = problems_of(tmp_path, environ)
    assert (
        "BRIDGEHEAD_SMTP_URL_FILE and environment variable BRIDGEHEAD_SMTP_URL are both" in problem
    )


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (None, "cannot be read (No such file or directory)"),
        (b"", "is empty"),
        (b" \n", "is empty"),
        (b"\xff\xfe", "is not UTF-8 text"),
        (b"x" * 70_000, "is larger than 64 KiB"),
    ],
)
def test_an_unusable_secret_file_is_a_problem(
    tmp_path: Path, body: bytes | None, reason: str
) -> None:
    secret = tmp_path / "secret.txt"
    if body is not None:
        secret.write_bytes(body)
    (problem,) = problems_of(tmp_path, {"BRIDGEHEAD_SMTP_URL_FILE": str(secret)})
    assert problem == f"environment variable BRIDGEHEAD_SMTP_URL_FILE: {secret} {reason}"


def test_a_folder_is_no_secret_file(tmp_path: Path) -> None:
    (problem,) = problems_of(tmp_path, {"BRIDGEHEAD_SMTP_URL_FILE": str(tmp_path)})
    assert problem.endswith("is not a file")


@pytest.mark.parametrize(
    ("environ", "part"),
    [
        ({"BRIDGEHEAD_OIDC_ISSUER": "https://id.example.com"}, "belong together"),
        ({"BRIDGEHEAD_OIDC_CLIENT_SECRET": "x"}, "BRIDGEHEAD_OIDC_ISSUER is not"),
        ({"BRIDGEHEAD_BRIDGE_BEAT": "45"}, "must be longer than"),
        ({"BRIDGEHEAD_TLS_CERT": __file__}, "belong together"),
        ({"BRIDGEHEAD_TLS_KEY": __file__}, "belong together"),
        ({"BRIDGEHEAD_DATA": __file__}, "is not a folder"),
    ],
)
def test_settings_that_do_not_fit_each_other_are_a_problem(
    tmp_path: Path, environ: dict[str, str], part: str
) -> None:
    (problem,) = problems_of(tmp_path, environ)
    assert part in problem


@pytest.mark.parametrize(
    ("bind", "url"),
    [
        ("0.0.0.0:80", "http://127.0.0.1:80"),
        ("[::]:80", "http://127.0.0.1:80"),
        ("[::1]:80", "http://[::1]:80"),
        ("10.0.0.7:80", "http://10.0.0.7:80"),
        ("box.example.com:80", "http://box.example.com:80"),
    ],
)
def test_the_public_address_follows_the_bind_address(tmp_path: Path, bind: str, url: str) -> None:
    assert load({"BRIDGEHEAD_BIND": bind}, root=tmp_path).public_url == url


def test_with_a_certificate_the_public_address_is_https(tmp_path: Path) -> None:
    environ = {"BRIDGEHEAD_TLS_CERT": __file__, "BRIDGEHEAD_TLS_KEY": __file__}
    settings = load(environ, root=tmp_path)
    assert settings.public_url == "https://127.0.0.1:8480"
    assert settings.tls_cert == settings.tls_key == Path(__file__)


@pytest.mark.parametrize(
    ("url", "sender"),
    [
        ("https://msp.example.com", "bridgehead@msp.example.com"),
        ("https://10.0.0.7", "bridgehead@localhost"),
        ("http://localhost", "bridgehead@localhost"),
    ],
)
def test_a_sender_nobody_chose_follows_the_public_address(
    tmp_path: Path, url: str, sender: str
) -> None:
    assert load({"BRIDGEHEAD_PUBLIC_URL": url}, root=tmp_path).mail_from == sender


def test_relative_paths_count_from_where_they_were_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    monkeypatch.chdir(elsewhere)
    write_local(tmp_path, 'data = "here"')
    assert load({}, root=tmp_path).data == tmp_path / "here"
    assert load({"BRIDGEHEAD_DATA": "../there"}, root=tmp_path).data == tmp_path / "there"


def test_without_arguments_the_process_environment_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BRIDGEHEAD_SANDBOX_PORT", "9100")
    assert load(root=tmp_path).sandbox_port == 9100


def test_settings_cannot_be_changed(tmp_path: Path) -> None:
    settings = load({}, root=tmp_path)
    with pytest.raises(AttributeError):
        settings.bind_port = 1  # type: ignore[misc]


def test_the_error_reads_as_a_list(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        load({"BRIDGEHEAD_BIND": "x", "BRIDGEHEAD_FAST_INBOX": "x"}, root=tmp_path)
    assert str(caught.value) == "\n".join(caught.value.problems)
