"""Custom fields of configurations: read, set, read back."""

import pytest

from plugin.domain.errors import AnswerError, MissingError, RuleError, TransientError
from plugin.hosts.connectwise_psa.emulator import ConnectWisePsaEmulator
from plugin.hosts.connectwise_psa.host import ConnectWisePsa
from plugin.hosts.connectwise_psa.wire import CustomFieldWire
from tests.hosts.connectwise_psa.caller import Caller

PLACE = "/company/configurations/1"


def test_a_field_is_set_and_the_others_keep_their_values(
    host: ConnectWisePsa, caller: Caller
) -> None:
    caller.switch(custom_fields=True)
    shown = {each.title: each for each in host.extra_fields("1")}
    state, other = shown["Protection state"], shown["Managed by"]
    value = [{"op": "replace", "path": "customFields", "value": [{"id": 1, "value": "Ann"}]}]
    caller.call("PATCH", PLACE, value)
    written = host.set_extra_field("1", state.id, "Größe \"x\" 'y'")
    assert written.value == "Größe \"x\" 'y'"
    kept = {each.id: each.value for each in host.extra_fields("1")}
    assert kept == {state.id: "Größe \"x\" 'y'", other.id: "Ann"}
    record = caller.get(PLACE)
    assert (record["name"], bool(record["serialNumber"])) == (record["name"], True)


def test_every_write_is_followed_by_a_read(
    host: ConnectWisePsa, psa: ConnectWisePsaEmulator
) -> None:
    host.extra_fields("1")
    psa.requests.clear()
    host.set_extra_field("1", "2", "Protected")
    assert [each["method"] for each in psa.requests] == ["GET", "PATCH", "GET"]


def test_a_write_without_effect_shows_the_value_that_stands(
    host: ConnectWisePsa, psa: ConnectWisePsaEmulator
) -> None:
    psa.add_fault("silent-200", path="configurations/1$", times=9)
    assert host.set_extra_field("1", "2", "Protected").value == ""


def test_an_unclear_write_is_not_repeated(
    host: ConnectWisePsa, psa: ConnectWisePsaEmulator, caller: Caller
) -> None:
    host.extra_fields("1")
    send = host._api.send

    def cut(*arguments: object) -> object:
        psa.add_fault("done-but-timeout", path="configurations/1$", seconds=0)
        return send(*arguments)  # type: ignore[arg-type]

    host._api.send = cut  # type: ignore[method-assign, assignment]
    with pytest.raises(TransientError):
        host.set_extra_field("1", "2", "Protected")
    assert sum(each["method"] == "PATCH" for each in psa.requests) == 1
    assert [each["value"] for each in caller.get(PLACE)["customFields"] if each["id"] == 2] == [
        "Protected"
    ]


def test_what_is_not_there_is_told(host: ConnectWisePsa) -> None:
    with pytest.raises(MissingError):
        host.extra_fields("987654")
    with pytest.raises(RuleError, match="choose the field again"):
        host.set_extra_field("1", "99", "x")


@pytest.mark.parametrize(
    ("about", "fixed"),
    [
        ({}, True),
        ({"type": "Text"}, False),
        ({"type": "Text", "entryMethod": "EntryField"}, False),
        ({"type": "TextArea", "entryMethod": "EntryField"}, False),
        ({"type": "Text", "entryMethod": "List"}, True),
        ({"type": "Checkbox", "entryMethod": "EntryField"}, True),
    ],
)
def test_only_plain_texts_can_be_set(about: dict[str, object], fixed: bool) -> None:
    shown = CustomFieldWire.field({"id": 1, "caption": "x", "value": 7, **about}, "x")
    assert (shown.read_only, shown.value) == (fixed, "7")


def test_an_odd_field_is_an_answer_error() -> None:
    with pytest.raises(AnswerError):
        CustomFieldWire.field({"caption": "x"}, "x")
