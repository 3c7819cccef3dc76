"""The PowerShell text that a person pastes into Automate."""

import json
import re
from pathlib import Path

import jsonschema_rs
import pytest

import plugin.hosts.connectwise_automate as folder
from plugin.domain.errors import RuleError
from plugin.hosts.connectwise_automate.emulator import AutomateEmulator
from plugin.hosts.connectwise_automate.script import EVENTS, script_text
from tests.hosts.connectwise_automate.stand import host_of

URL = "https://bridgehead.example/webhooks/Zm9vYmFyYmF6cXV4Zm9vYmFyYmF6cXV4Zm9vYmFyYmE"
VARIABLES = {
    "$computerId": "17",
    "$clientId": "4",
    "$messageId": "0f8fad5b-d9cb-469f-a165-70867728950e",
    "$occurredAt": "2026-11-02T08:00:00Z",
    "$exitCode": "0",
}


def body_of(text: str) -> str:
    """Put the body together as PowerShell would: literals in single quotes, and variables."""
    found = re.search(r"^\$body = (.+?)\n\n", text, re.MULTILINE | re.DOTALL)
    assert found is not None
    parts = [part.strip() for part in found[1].split(" +")]
    return "".join(part[1:-1] if part.startswith("'") else VARIABLES[part] for part in parts)


@pytest.mark.parametrize("event", EVENTS)
def test_its_body_is_what_the_schema_promises(event: str) -> None:
    schema = json.loads((Path(str(folder.__file__)).parent / "webhook.schema.json").read_text())
    said = json.loads(body_of(script_text(event, URL)))
    jsonschema_rs.Draft202012Validator(schema, validate_formats=True).validate(said)
    assert said["event"] == event
    assert said["details"] == ({"exit_code": "0"} if event == "bridge_result" else {})


@pytest.mark.parametrize("event", EVENTS)
def test_it_signs_and_sends_the_same_bytes(event: str) -> None:
    text = script_text(event, URL)
    assert "$bytes = $utf8.GetBytes($body)" in text
    assert "$hmac.ComputeHash($utf8.GetBytes($timestamp + '.' + $body))" in text
    assert "$stream.Write($bytes, 0, $bytes.Length)" in text
    for header in ("Timestamp", "Signature", "Key-Id"):
        assert f"$request.Headers.Add('X-Bridgehead-{header}'" in text


@pytest.mark.parametrize("event", EVENTS)
def test_it_says_that_it_was_not_run(event: str) -> None:
    text = script_text(event, URL)
    comment = " ".join(line.lstrip("# ") for line in text.splitlines() if line.startswith("#"))
    assert "did not run it on Windows PowerShell" in comment
    assert EVENTS[event].lower() in comment


@pytest.mark.parametrize("event", EVENTS)
def test_nothing_is_left_to_fill_in_but_automates_variables(event: str) -> None:
    text = script_text(event, URL, "@MySecret@", "computer-17")
    assert not re.search(r"<[a-z ]+>", text)
    assert "$secret = '@MySecret@'" in text
    assert "$keyId = 'computer-17'" in text
    known = {"%computerid%", "%clientid%", "@MySecret@", "@BridgeheadExitCode@"}
    assert set(re.findall(r"[@%][A-Za-z]+[@%]", text)) <= known
    assert text.count("%") == 4  # no other mark that Automate could take for a variable
    assert text.isascii()


def test_it_asks_for_no_modern_module() -> None:
    text = script_text("alert_raised", URL)
    for modern in ("Invoke-RestMethod", "Invoke-WebRequest", "ConvertTo-Json", "Import-Module"):
        assert modern not in text


def test_quotes_and_braces_are_balanced() -> None:
    for event in EVENTS:
        code = [line for line in script_text(event, URL).splitlines() if not line.startswith("#")]
        text = "\n".join(code)
        assert text.count("'") % 2 == 0
        bare = re.sub(r"'[^']*'", "''", re.sub(r"\"[^\"]*\"", '""', text))
        for opening, closing in ("{}", "()", "[]"):
            assert bare.count(opening) == bare.count(closing)


@pytest.mark.parametrize(
    "url",
    [
        "https://b.example/x'; Remove-Item C:\\ -Recurse; '",
        "https://b.example/$(calc)",
        "https://b.example/`n",
        "https://b.example/a b",
        "https://b.example/@BridgeheadSecret@",
        "https://b.example/%computerid%",
        "file:///etc/passwd",
        "https://b.example",
        "",
    ],
)
def test_an_address_cannot_leave_its_quotes(url: str) -> None:
    with pytest.raises(RuleError) as caught:
        script_text("alert_raised", url)
    assert caught.value.field == "url"


@pytest.mark.parametrize("reference", ["", "plain", "@a b@", "'@x@'", "@x@\n", "%x@"])
def test_the_secret_is_named_by_a_variable(reference: str) -> None:
    with pytest.raises(RuleError) as caught:
        script_text("alert_raised", URL, reference)
    assert caught.value.field == "secret_reference"


def test_unknown_events_and_keys_are_refused() -> None:
    with pytest.raises(RuleError):
        script_text("role_gained", URL)
    with pytest.raises(RuleError):
        script_text("alert_raised", URL, key_id="somebody")


def test_the_adapter_gives_a_script_per_event_and_never_the_secret(
    emulator: AutomateEmulator,
) -> None:
    host = host_of(emulator, webhook_secret="a-secret-of-the-connection-0123")
    assert [choice.value for choice in host.script_events()] == list(EVENTS)
    on_server = host.script_text("computer_offline", URL, "")
    on_computer = host.script_text("bridge_result", URL, "17")
    assert "$keyId = 'server'" in on_server
    assert "$keyId = 'computer-17'" in on_computer
    for text in (on_server, on_computer):
        assert "a-secret-of" not in text
        assert host.computer_secret("17") not in text
    with pytest.raises(RuleError):
        host.script_text("bridge_result", URL, "17'")
