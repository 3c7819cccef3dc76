"""Where a published description is known to be wrong, or beyond what openapi-core can read.

Each mend changes as little as it can and fails when what it mends is no longer there.
"""

from collections.abc import Callable
from typing import Any

PSA_JSON = "application/vnd.connectwise.com+json; version=2025.8"

Mend = Callable[[dict[str, Any]], None]


def one_part_codebase(read: dict[str, Any]) -> None:
    """Move the slash of PSA's code base out of its variable: openapi-core's never hold one."""
    key = read["paths"]["/system/callbackkey/index.rails"]
    for server in (*read["servers"], *key["servers"]):
        assert "{codebase}" in server["url"]
        assert server["variables"]["codebase"]["default"].endswith("/")
        server["url"] = server["url"].replace("{codebase}", "{codebase}/").rstrip("/")


def plain_json(read: Any) -> None:  # noqa: ANN401 - any JSON
    """Call PSA's own type of JSON plain JSON: openapi-core opens no body of another type."""
    if isinstance(read, list):
        for each in read:
            plain_json(each)
    elif isinstance(read, dict):
        if PSA_JSON in read:
            read["application/json"] = read.pop(PSA_JSON)
        for each in read.values():
            plain_json(each)


def member_cookies(read: dict[str, Any]) -> None:
    """Let a member's own cookies in at PSA's smallest call, as the guide to hosted pages does."""
    schemes = read["components"]["securitySchemes"]
    assert set(schemes) == {"basicAuth"}
    schemes["memberCookies"] = {"type": "apiKey", "in": "cookie", "name": "memberHash"}
    told = read["paths"]["/system/info"]["get"]
    told["security"] = [{"basicAuth": []}, {"memberCookies": []}]


def nothing_required(read: dict[str, Any]) -> None:
    """Let PSA's answers lack fields: unset ones are left out there, "required" is about writing."""
    schemas = read["components"]["schemas"].values()
    assert [each for each in schemas if each.pop("required", None)]


def small_token_address(read: dict[str, Any]) -> None:
    """Write Automate's token addresses small, as its clients do; routes there know no case."""
    for name in ("", "/Refresh", "/Disable"):
        found = read["paths"].pop(f"/api/v1/APIToken{name}")
        read["paths"][f"/api/v1/apitoken{name.lower()}"] = found


def small_patch_words(read: dict[str, Any]) -> None:
    """Write the words of an Automate patch small, as the client that is known to work does."""
    patch = read["components"]["schemas"]["LabTech.RESTApi.Models.PatchOperation"]
    assert set(patch["properties"]) == {"Op", "Path", "Value"}
    patch["properties"] = {name.lower(): each for name, each in patch["properties"].items()}


def times_without_zone(read: Any) -> None:  # noqa: ANN401 - any JSON
    """Let a time in an Automate answer lack its zone, as it does in recorded ones."""
    if isinstance(read, list):
        for each in read:
            times_without_zone(each)
    elif isinstance(read, dict):
        if read.get("format") == "date-time":
            read["format"] = "zoneless"
            read["pattern"] = r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)?$"
        for each in read.values():
            times_without_zone(each)


def any_task_parameters(read: dict[str, Any]) -> None:
    """Let ESET's task parameters hold plain values, as the examples in the same file do.

    They are a protobuf Any, which the generator of the file prints as "objects only".
    """
    schema = read["components"]["schemas"]["automation.protobufAny"]
    assert isinstance(schema["additionalProperties"], dict)
    schema["additionalProperties"] = True


def statuses_are_a_list(read: dict[str, Any]) -> None:
    """Let Tigerpaw's service order statuses be a list, as all its other master tables are."""
    operation = read["paths"]["/api/mastertables/serviceorders/statuses"]["get"]
    content = operation["responses"]["200"]["content"]["application/json"]
    assert "$ref" in content["schema"]
    content["schema"] = {"type": "array", "items": content["schema"]}


def may_be_null(read: dict[str, Any]) -> None:
    """Let every property of Tigerpaw's be null: its description was derived and says nothing."""
    for schema in read["components"]["schemas"].values():
        for name, each in schema.get("properties", {}).items():
            schema["properties"][name] = (
                {"allOf": [each], "nullable": True}
                if "$ref" in each
                else {**each, "nullable": True}
            )
