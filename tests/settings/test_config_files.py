"""The files the project ships in config/, and what an operator may change in them."""

import tomllib
from pathlib import Path
from shutil import copytree
from typing import Any

import pytest

from plugin.settings import Environment, Pace, load, loading, shipped_config
from plugin.settings.addresses import address_fault
from tests.settings.places import problems_of, write_local


def read(name: str) -> dict[str, Any]:
    return tomllib.loads((shipped_config() / f"{name}.toml").read_text(encoding="utf-8"))


def keys_of(table: dict[str, Any]) -> set[tuple[str, str]]:
    return {(kind, name) for kind, names in table.items() for name in names}


def test_the_three_files_have_the_same_keys() -> None:
    production, *others = (keys_of(read(item)) for item in Environment)
    assert production == {("kaspersky_cloud", "api"), ("kaspersky_hub", "api")}
    assert others == [production, production]


@pytest.mark.parametrize("environment", list(Environment))
def test_no_address_of_kasperskys_cloud_is_invented(environment: Environment) -> None:
    assert all(not text for names in read(environment).values() for text in names.values())


@pytest.mark.parametrize("environment", list(Environment))
def test_eset_has_the_same_servers_in_every_environment(environment: Environment) -> None:
    servers = load({}).addresses_of("eset_protect", environment)
    assert servers["sign_in"].format(region="eu") == "https://eu.business-account.iam.eset.systems"
    assert servers["service"].format(region="jpn", service="device-management") == (
        "https://jpn.device-management.eset.systems"
    )
    assert servers["msp"] == "https://mspapi.eset.com"


def test_a_kind_whose_customers_bring_their_server_has_no_addresses() -> None:
    assert load({}).addresses_of("kaspersky_ksc", Environment.BETA) == {}


def test_the_shipped_figures_are_the_documented_ones(tmp_path: Path) -> None:
    limits = load({}, root=tmp_path).limits
    assert (limits.work.retry_base, limits.work.retry_cap) == (30, 3_600)
    assert limits.work.dead_after == 3 * 86_400
    assert (limits.guard.removal_share, limits.guard.removal_count) == (0.5, 3)
    assert limits.inbox.body_bytes == 1024 * 1024
    assert limits.tickets.lifetime == 86_400
    assert limits.sync.interval <= 900
    assert limits.pace_of("eset_protect") == Pace(10, 10)
    assert limits.pace_of("tigerpaw") == limits.pace["default"]
    assert limits.pace_of("kaspersky_ksc", sandbox=True) == Pace(40, 40)
    assert limits.pace_of("eset_protect", sandbox=True) == Pace(10, 10)


def test_an_operator_changes_single_figures_and_addresses(tmp_path: Path) -> None:
    write_local(
        tmp_path,
        "[limits.sync]\ninterval = 60\n[limits.pace.tigerpaw]\nper_second = 1\nburst = 1\n"
        '[addresses.beta.kaspersky_cloud]\napi = "https://beta.example.com/"\n'
        '[addresses.test.eset_protect]\nmsp = ""\n',
    )
    settings = load({}, root=tmp_path)
    assert settings.limits.sync.interval == 60
    assert settings.limits.sync.reconcile == 86_400
    assert settings.limits.pace_of("tigerpaw") == Pace(1, 1)
    cloud = {item: settings.addresses_of("kaspersky_cloud", item)["api"] for item in Environment}
    assert cloud == {"production": "", "beta": "https://beta.example.com", "test": ""}
    assert settings.addresses_of("eset_protect", Environment.TEST)["msp"] == ""
    assert settings.addresses_of("eset_protect", Environment.BETA)["msp"] != ""


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("[limits.sync]\nintervall = 60", "limits.sync.intervall is not a known key"),
        ("[limits.sink]\ninterval = 60", "limits.sink is not a known key"),
        ("[limits]\nsync = 60", "limits.sync must be a table"),
        ("[limits]\npace = 60", "limits.pace must be a table"),
        ("[limits.sync]\ninterval = 1.5", "must be a whole number"),
        ("[limits.work]\nretry_base = '30'", "must be a number"),
        ("[limits.work]\nbatch = true", "must be a whole number"),
        ("[limits.work]\nretry_cap = inf", "must be more than 0"),
        ("[limits.work]\nretry_cap = nan", "must be more than 0"),
        ("[limits.guard]\nremoval_share = 50", "is a share"),
        ("[limits.pace.tigerpaw]\nburst = 5", "limits.pace.tigerpaw.per_second is missing"),
        ("[addresses.staging.eset_protect]\nmsp = ''", "allowed are production, beta, test"),
        ("[addresses]\nbeta = 1", "must be a table"),
        ("[addresses.beta]\neset_protect = 1", "must be a table of addresses"),
        ("[addresses.beta.eset_protect]\nhost = ''", "eset_protect.host is not a known address"),
        ("[addresses.beta.eset_protect]\nmsp = 'http://x'", "must start with https://"),
        ("[addresses.beta.eset_protect]\nmsp = 1", "must be a text"),
    ],
)
def test_a_bad_figure_or_address_is_one_problem_that_names_the_file(
    tmp_path: Path, text: str, part: str
) -> None:
    write_local(tmp_path, text)
    problems = problems_of(tmp_path, {})
    assert part in problems[0]
    assert problems[0].startswith("config/local.toml")
    assert len(problems) <= 2


@pytest.mark.parametrize(
    "text",
    [
        "x.example.com",
        "https://",
        "https://u@x",
        "https://x?q",
        "https://x#f",
        "https://{tenant}.x",
    ],
)
def test_a_server_address_of_another_form_is_refused(text: str) -> None:
    assert address_fault(text)


@pytest.mark.parametrize(
    ("name", "text", "part"),
    [
        ("beta", "", "config/beta.toml lacks kaspersky_cloud.api"),
        ("test", "[kaspersky_cloud", "config/test.toml is not valid TOML"),
        ("default", "[limits]", "config/default.toml: limits.sync.interval is missing"),
        ("default", "extra = 1", "config/default.toml: extra is not a known table"),
        ("default", "", "config/default.toml: limits.pace.default is missing"),
    ],
)
def test_a_damaged_shipped_file_stops_the_start(
    tmp_path: Path, name: str, text: str, part: str
) -> None:
    copytree(shipped_config(), tmp_path / "config")
    (tmp_path / "config" / f"{name}.toml").write_text(text)
    assert any(part in problem for problem in problems_of(tmp_path, {}))


def test_an_installed_program_finds_its_files_in_the_package(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package, work = tmp_path / "site-packages" / "plugin", tmp_path / "work"
    copytree(shipped_config(), package / "config")
    work.mkdir()
    monkeypatch.setattr(loading, "PACKAGE", package)
    monkeypatch.chdir(work)
    write_local(work, "sandbox_port = 9000")
    settings = load({})
    assert shipped_config() == package / "config"
    assert settings.root == work
    assert settings.data == work / "var"
    assert settings.sandbox_port == 9000
