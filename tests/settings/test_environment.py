"""Which environment holds: every source, its strength, and bad values (PRODUCT E1, E2)."""

from itertools import product
from pathlib import Path

import pytest

from plugin.domain.errors import ConfigError
from plugin.settings import EffectiveEnvironment, Environment, load
from tests.settings.places import problems_of, write_host_file, write_local

ALLOWED = "allowed are production, beta, test"


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("production", Environment.PRODUCTION),
        ("beta", Environment.BETA),
        ("test", Environment.TEST),
        ("BETA", Environment.BETA),
        ("  Test\t\n", Environment.TEST),
    ],
)
def test_letter_case_and_blanks_around_do_not_matter(text: str, value: Environment) -> None:
    assert Environment.parse(text, "somewhere") is value


@pytest.mark.parametrize(
    "text",
    ["", "   ", "prod", "staging", "productıon", "ｂｅｔａ", "teſt", "beta test", "0", "b" * 9_000],  # noqa: RUF001
)
def test_anything_else_is_refused_and_never_means_production(text: str) -> None:
    with pytest.raises(ConfigError) as caught:
        Environment.parse(text, "key KESCloudServer in here")
    (problem,) = caught.value.problems
    assert problem.startswith("key KESCloudServer in here says ")
    assert problem.endswith(ALLOWED)
    assert len(problem) < 400
    assert problem.isprintable()


def test_every_combination_of_sources_follows_their_strength(tmp_path: Path) -> None:
    config = tmp_path / "Automate.config"
    words = [None, "production", "test"]
    for variable, host, local, picked in product(words, repeat=4):
        environ = {"BRIDGEHEAD_HOST_CONFIG": str(config)}
        if variable:
            environ["KESCLOUDSERVER"] = variable
        write_host_file(tmp_path, host or "x", "KESCloudServer" if host else "Another")
        write_local(tmp_path, f'KESCloudServer = "{local}"' if local else "")
        expected = next(
            (
                EffectiveEnvironment(Environment(word), source, locked)
                for word, source, locked in (
                    (variable, "environment variable KESCLOUDSERVER", True),
                    (host, f"key KESCloudServer in {config}", True),
                    (local, "config/local.toml", True),
                    (picked, "the Environment page", False),
                    ("production", "default", False),
                )
                if word
            )
        )
        assert load(environ, root=tmp_path).effective_environment(picked) == expected


@pytest.mark.parametrize("name", ["KESCLOUDSERVER", "KESCloudServer"])
def test_both_spellings_of_the_variable_are_read_and_named(tmp_path: Path, name: str) -> None:
    found = load({name: " BETA "}, root=tmp_path).effective_environment(None)
    assert found == EffectiveEnvironment(Environment.BETA, f"environment variable {name}", True)


def test_both_spellings_may_say_the_same(tmp_path: Path) -> None:
    environ = {"KESCLOUDSERVER": "test", "KESCloudServer": " TEST"}
    assert load(environ, root=tmp_path).effective_environment(None).value is Environment.TEST


def test_two_spellings_that_differ_are_refused(tmp_path: Path) -> None:
    (problem,) = problems_of(tmp_path, {"KESCLOUDSERVER": "test", "KESCloudServer": "beta"})
    assert "KESCLOUDSERVER and KESCloudServer are both set and differ" in problem


def test_a_third_spelling_is_refused_instead_of_meaning_production(tmp_path: Path) -> None:
    (problem,) = problems_of(tmp_path, {"KesCloudServer": "beta"})
    assert problem == (
        "environment variable KesCloudServer is not read; write KESCLOUDSERVER or KESCloudServer"
    )


@pytest.mark.parametrize("key", ["KESCloudServer", "kescloudserver", "KESCLOUDSERVER"])
def test_the_key_in_files_is_read_in_any_letter_case(tmp_path: Path, key: str) -> None:
    config = write_host_file(tmp_path, " Beta ", key)
    found = load({"BRIDGEHEAD_HOST_CONFIG": str(config)}, root=tmp_path)
    assert found.effective_environment("test").value is Environment.BETA
    write_local(tmp_path, f'{key} = "TEST"')
    assert load({}, root=tmp_path).effective_environment("beta").value is Environment.TEST


def test_every_source_with_a_bad_value_is_named_at_once(tmp_path: Path) -> None:
    config = write_host_file(tmp_path, "pilot")
    write_local(tmp_path, 'KESCloudServer = "live"')
    environ = {"KESCLOUDSERVER": "staging", "BRIDGEHEAD_HOST_CONFIG": str(config)}
    assert problems_of(tmp_path, environ) == (
        f"environment variable KESCLOUDSERVER says 'staging'; {ALLOWED}",
        f"key KESCloudServer in {config} says 'pilot'; {ALLOWED}",
        f"key KESCloudServer in config/local.toml says 'live'; {ALLOWED}",
    )


def test_a_bad_weaker_source_stops_the_start_although_a_stronger_one_is_good(
    tmp_path: Path,
) -> None:
    write_local(tmp_path, 'KESCloudServer = "live"')
    (problem,) = problems_of(tmp_path, {"KESCLOUDSERVER": "beta"})
    assert "config/local.toml" in problem


@pytest.mark.parametrize("text", ["", "  "])
def test_an_empty_variable_is_a_bad_value_too(tmp_path: Path, text: str) -> None:
    (problem,) = problems_of(tmp_path, {"KESCLOUDSERVER": text})
    assert problem == f"environment variable KESCLOUDSERVER says nothing; {ALLOWED}"


def test_a_value_in_local_toml_that_is_no_text_is_refused(tmp_path: Path) -> None:
    write_local(tmp_path, "KESCloudServer = true")
    (problem,) = problems_of(tmp_path, {})
    assert problem.endswith(ALLOWED)


def test_a_bad_pick_from_the_database_is_refused_and_names_the_page(tmp_path: Path) -> None:
    settings = load({}, root=tmp_path)
    with pytest.raises(ConfigError) as caught:
        settings.effective_environment("staging")
    assert caught.value.problems == (f"the Environment page says 'staging'; {ALLOWED}",)


def test_an_override_beats_the_variable_and_locks_the_page(tmp_path: Path) -> None:
    settings = load({"KESCLOUDSERVER": "beta"}, root=tmp_path, overrides={"KESCLOUDSERVER": "test"})
    assert settings.effective_environment("production") == EffectiveEnvironment(
        Environment.TEST, "override KESCLOUDSERVER", locked=True
    )
