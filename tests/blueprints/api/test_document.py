from openapi_spec_validator import OpenAPIV31SpecValidator

from plugin.services.access import Role
from tests.blueprints.api.rooms import Rooms


def test_the_document_is_valid_openapi(rooms: Rooms) -> None:
    document = rooms.get("openapi.json", None)
    assert document["openapi"] == "3.1.0"
    OpenAPIV31SpecValidator(document).validate()
