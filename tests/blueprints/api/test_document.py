"""The document says what the API does, and the viewer shows it without help from elsewhere."""

import re

from openapi_spec_validator import OpenAPIV31SpecValidator

from plugin.blueprints.api import DOORS
from tests.blueprints.api.rooms import Rooms


def test_the_document_is_valid_openapi(showroom: Rooms) -> None:
    document = showroom.get("openapi.json", None)
    assert document["openapi"].startswith("3.1.")
    OpenAPIV31SpecValidator(document).validate()


def test_every_collection_is_documented_with_role_name_and_failures(showroom: Rooms) -> None:
    document = showroom.get("openapi.json", None)
    assert {path.split("/")[3] for path in document["paths"]} == {door.name for door in DOORS}
    names = []
    for path in document["paths"].values():
        for method in path.keys() & {"get", "post", "put", "patch", "delete"}:
            operation = path[method]
            names.append(operation["operationId"])
            assert operation["summary"]
            assert "Needs the role" in operation["description"]
            assert operation["responses"]["default"]
    assert len(names) == len(set(names))
    failure = document["components"]["responses"]["DEFAULT_ERROR"]
    assert list(failure["content"]) == ["application/problem+json"]


def test_no_secret_field_is_documented_as_an_answer(showroom: Rooms) -> None:
    schemas = showroom.get("openapi.json", None)["components"]["schemas"]
    told = {name: set(schema.get("properties", {})) for name, schema in schemas.items()}
    secret = {"password", "token", "sealed", "digest", "password_hash", "csrf", "mac"}
    assert {name: found & secret for name, found in told.items() if found & secret} == {
        "MadeUser": {"password"},
        "MadeToken": {"token"},
        "BridgeToken": {"token"},
    }


def test_the_viewer_loads_only_what_we_serve(showroom: Rooms) -> None:
    answer = showroom.ask("GET", "docs", None)
    assert answer.mimetype == "text/html"
    assert 'load-fonts="false"' in answer.text
    client = showroom.app.test_client()
    for address in re.findall(r'(?:src|href|spec-url)="([^"]+)"', answer.text):
        assert address.startswith("/"), address
        with client.get(address) as found:
            assert found.status_code == 200, address


def test_inline_styles_are_allowed_to_the_viewer_alone_and_inline_scripts_to_nobody(
    showroom: Rooms,
) -> None:
    viewer = showroom.ask("GET", "docs", None).headers["Content-Security-Policy"]
    assert "style-src 'self' 'unsafe-inline'" in viewer
    assert "script-src 'self';" in viewer
    assert "frame-ancestors 'none'" in viewer
    other = showroom.ask("GET", "devices").headers["Content-Security-Policy"]
    assert "unsafe" not in other
