"""The grammar of conditions, held against what the vendor's users write."""

from datetime import timedelta
from typing import Any

import pytest

from plugin.hosts.connectwise_automate.emulator_conditions import (
    ConditionError,
    compile_condition,
)

RECORD: dict[str, Any] = {
    "Id": "5",
    "ComputerName": "NORT-SRV001",
    "Status": "Online",
    "Type": "Server",
    "Client": {"Id": "12", "Name": 'Bob\'s "Bakery" Ltd'},
    "OpenPortsTCP": [80, 443],
    "LoggedInUsers": [{"LoggedInUserName": "adams"}, {"LoggedInUserName": "baker"}],
    "RemoteAgentLastContact": "2026-11-02T03:00:00",
    "RemoteAgentVersion": "190.58",
    "IsMaster": True,
    "Comment": None,
    "Notes": "50% of A_B",
}
EASTERN = timedelta(hours=-5)
KNOWN = {name.lower() for name in RECORD}


def holds(text: str) -> bool:
    return compile_condition(text, EASTERN, lambda path: path[0].lower() in KNOWN)(RECORD)


@pytest.mark.parametrize(
    "text",
    [
        "Id = 5",
        "Id = '5'",
        'Id eq "5"',
        "ID EQ 5",
        "(Client.Id = 12) and (Status = 'Online')",
        "client.id=12",
        "Status = 'online'",
        "Status != 'Offline'",
        "Client.Name like '%bakery%'",
        "ComputerName like 'NORT-___00_'",
        "ComputerName not like 'X%'",
        "Type in ('Server', 'Laptop')",
        "Id in (4,5,6)",
        "Id not in (4,6)",
        "ComputerName contains 'srv'",
        "ComputerName not contains 'pc'",
        "OpenPortsTCP contains 443",
        "OpenPortsTCP not contains 44",
        "LoggedInUsers.LoggedInUserName like '%baker%'",
        "IsMaster = true",
        "IsMaster != False",
        "RemoteAgentVersion > '120.451' and RemoteAgentVersion <= '190.58'",
        "RemoteAgentLastContact = 2026-11-02T08:00:00Z",
        "RemoteAgentLastContact <= 2026-11-02T03:00:00",
        "RemoteAgentLastContact < 2026-11-02T08:00:00.575Z",
        "RemoteAgentLastContact > 2026-11-01",
        "Id = 1 or Id = 2 or Id = 5",
        "Id = 1 or Id = 5 and Status = 'Online'",
        "(Id = 5 or Id = 1) and Id = 1 or Id = 5",
        "((((Id = 5))))",
        "Comment != 'x'",
        "Notes contains '50%'",
    ],
)
def test_it_holds(text: str) -> None:
    assert holds(text)


@pytest.mark.parametrize(
    "text",
    [
        "Id = 4",
        "Status = 'Offline'",
        "Client.Name like 'bakery'",
        "Id in (1,2)",
        "IsMaster = false",
        "OpenPortsTCP contains 44",
        "RemoteAgentLastContact > 2026-11-02T08:00:00Z",
        "RemoteAgentLastContact > 2026-11-02T03:00:00",
        "Comment = 'x'",
        "Comment < 5",
        "Comment like 'x%'",
        "Client.Nothing = 1",
        "Id = 5 and (Status = 'Offline' or Id = 1)",
    ],
)
def test_it_does_not_hold(text: str) -> None:
    assert not holds(text)


@pytest.mark.parametrize(
    "text",
    [
        "Id",
        "Id =",
        "= 5",
        "Id = x",
        "Id 5",
        "Id = 5 and",
        "Id = 5 Status = 'x'",
        "(Id = 5",
        "Id = 5)",
        "Id in ()",
        "Id in (5",
        "Id in 5",
        "Id like 5",
        "Id not = 5",
        "not Id = 5",
        "Id = 'x",
        "Id = 5; drop",
        "Id = \x00",
        "Nothing = 1",
        "and = 1",
        "Id = 2026-99-99",
        "Id = ü",
        "(" * 60 + "Id = 5" + ")" * 60,
    ],
)
def test_what_cannot_be_read_is_said(text: str) -> None:
    with pytest.raises(ConditionError):
        holds(text)
