"""Extra data fields: read, set, read back."""

import pytest

from plugin.domain.errors import AnswerError, MissingError, RefusedError, RuleError, TransientError
from plugin.hosts.connectwise_automate.emulator import AutomateEmulator
from plugin.hosts.connectwise_automate.extra_fields import _field
from plugin.hosts.connectwise_automate.fields import CLOUD_BRIDGE
from plugin.hosts.connectwise_automate.wire import ExtraFieldWire
from tests.hosts.connectwise_automate.stand import Stranger, calls, happen, host_of

TITLES = {
    "Security integration bridge": "1",
    "Protection state": "3",
    "Protection isolated": "7",
    "Asset owner": "8",
}


def test_a_computers_fields_are_read_with_their_kinds(emulator: AutomateEmulator) -> None:
    fields = {field.title: field for field in host_of(emulator).extra_fields("6")}
    assert len(fields) == 8
    assert {fields[title].id for title in TITLES} == set(TITLES.values())
    assert fields["Security integration bridge"].options[1] == CLOUD_BRIDGE
    assert fields["Protection isolated"].value == "false"
    assert fields["Asset owner"].read_only
    assert fields["Asset owner"].value == "MSP"


@pytest.mark.parametrize(
    ("field", "value", "kept"),
    [
        ("3", "Protected", "Protected"),
        ("3", "", ""),
        ("3", "Größe \"x\" 'y' \\ 東京", "Größe \"x\" 'y' \\ 東京"),
        ("7", "true", "true"),
        ("7", " Yes ", "true"),
        ("7", "0", "false"),
        ("1", CLOUD_BRIDGE, CLOUD_BRIDGE),
        ("1", "", ""),
    ],
)
def test_what_is_set_is_read_back(
    emulator: AutomateEmulator, field: str, value: str, kept: str
) -> None:
    host = host_of(emulator)
    assert host.set_extra_field("6", field, value).value == kept
    assert next(one for one in host.extra_fields("6") if one.id == field).value == kept
    assert next(one for one in host.extra_fields("7") if one.id == field).value != kept or (
        kept in {"", "false"}
    )


def test_every_write_is_followed_by_a_read(emulator: AutomateEmulator) -> None:
    host_of(emulator).set_extra_field("6", "3", "Protected")
    methods = [each["method"] for each in emulator.requests if "ExtraFields" in each["path"]]
    assert methods == ["GET", "PATCH", "GET"]


def test_a_write_that_was_overtaken_shows_the_value_that_stands(
    emulator: AutomateEmulator,
) -> None:
    host = host_of(emulator)
    host.extra_fields("6")
    write = emulator._set

    def overtaken(*arguments: object) -> object:
        answer = write(*arguments)  # type: ignore[arg-type]
        emulator.put_field_value("computers", "6", "Protection state", "by a person")
        return answer

    emulator._set = overtaken  # type: ignore[method-assign, assignment]
    assert host.set_extra_field("6", "3", "ours").value == "by a person"


@pytest.mark.parametrize(
    ("computer", "field", "value", "named"),
    [
        ("6", "8", "mine", "field_id"),
        ("6", "99", "x", "field_id"),
        ("6", "9", "x", "field_id"),
        ("6", "1", "no such option", "value"),
        ("6", "7", "maybe", "value"),
        ("6/../7", "3", "x", "computer_id"),
    ],
)
def test_what_a_field_cannot_hold_is_refused_before_writing(
    emulator: AutomateEmulator, computer: str, field: str, value: str, named: str
) -> None:
    with pytest.raises(RuleError) as caught:
        host_of(emulator).set_extra_field(computer, field, value)
    assert caught.value.field == named
    assert not any(request["method"] == "PATCH" for request in emulator.requests)


def test_a_computer_that_is_gone_is_missing(emulator: AutomateEmulator) -> None:
    with pytest.raises(MissingError):
        host_of(emulator).extra_fields("999")


def test_without_the_right_nothing_is_written(emulator: AutomateEmulator) -> None:
    happen(emulator, "switch", denied=["extrafields"])
    with pytest.raises(RefusedError):
        host_of(emulator).set_extra_field("6", "3", "x")


def test_an_unclear_write_is_not_repeated(emulator: AutomateEmulator) -> None:
    host = host_of(emulator)
    host.extra_fields("6")
    emulator.add_fault("done-but-timeout", path="(?i)extrafields/3", seconds=0)
    with pytest.raises(TransientError):
        host.set_extra_field("6", "3", "ours")
    assert calls(emulator, "ExtraFields/3") == 1
    assert emulator.field_value("computers", "6", "3") == "ours"


def test_options_are_read_from_a_record_or_a_list() -> None:
    plain = {"ExtraFieldDefinitionId": 1, "Title": "x"}
    for options, expected in (
        ({"a": "A", "b": "B"}, ("a", "b")),
        (["a", 2, None], ("a", "2")),
        ("a|b", ()),
        (None, ()),
    ):
        row = {**plain, "DropdownSettings": {"SelectedValue": "a", "AvailableOptions": options}}
        assert _field(ExtraFieldWire.parse(row, "x", "a field")).options == expected


def test_a_field_of_an_unknown_kind_can_only_be_looked_at() -> None:
    row = ExtraFieldWire.parse({"ExtraFieldDefinitionId": 1, "Title": "x"}, "x", "a field")
    assert _field(row).read_only


@pytest.mark.parametrize(
    "odd",
    [
        {"ExtraFieldDefinitionId": 1, "TextFieldSettings": "x"},
        {"ExtraFieldDefinitionId": 1, "TextFieldSettings": {"Value": {}}},
        {"ExtraFieldDefinitionId": 1, "CheckboxSettings": {"IsChecked": "perhaps"}},
        {"Title": "x"},
    ],
)
def test_an_odd_field_is_an_answer_error(odd: dict[str, object]) -> None:
    with pytest.raises(AnswerError):
        ExtraFieldWire.parse(odd, "x", "a field")


def test_another_clients_spelling_is_taken(emulator: AutomateEmulator) -> None:
    stranger = Stranger(emulator)
    patch = [{"op": "replace", "path": "/textFieldSettings/value", "value": "theirs"}]
    stranger.call("PATCH", "/v1/clients/2/extrafields/9", patch)
    (field,) = stranger.call("GET", "/v1/Clients/2/ExtraFields", condition="Title = 'ignored'")
    assert field["TextFieldSettings"]["Value"] == "theirs"
    published = [{"Op": "replace", "Path": "/TextFieldSettings/Value", "Value": "ours"}]
    stranger.call("PATCH", "/v1/Locations/2/ExtraFields/10", published)


@pytest.mark.parametrize(
    "body",
    [
        [],
        {},
        "x",
        [1],
        [{"op": "remove", "path": "/TextFieldSettings/Value"}],
        [{"op": "replace", "path": "/CheckboxSettings/IsChecked", "value": True}],
    ],
)
def test_the_server_refuses_a_patch_that_is_none(emulator: AutomateEmulator, body: object) -> None:
    answer = Stranger(emulator).open("PATCH", "/v1/computers/6/extrafields/3", body)
    assert answer.status_code == 400
