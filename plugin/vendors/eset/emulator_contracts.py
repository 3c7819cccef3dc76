"""The two contracts of ESET's emulator, mended where the published text is known to be wrong."""

import json
from functools import cached_property
from pathlib import Path
from typing import Any

from plugin.edge.contract import Contract, Operation

_FOLDER = Path(__file__).parent
_ERROR = {"$ref": "#/components/responses/Error"}


class ConnectContract(Contract):
    """ESET Connect as published, with three things that public clients saw and it leaves out.

    Task parameters are a protobuf Any, which the generator of the contract prints as "objects
    only" although the vendor's own examples hold plain values; 501 for a module the customer does
    not have; and errors with an empty body.
    """

    @cached_property
    def description(self) -> dict[str, Any]:
        """The whole document, mended."""
        document: dict[str, Any] = json.loads(self.path.read_text("utf-8"))
        document["components"]["schemas"]["automation.protobufAny"]["additionalProperties"] = True
        for item in document["paths"].values():
            for described in item.values():
                if isinstance(described, dict) and "responses" in described:
                    described["responses"].setdefault("501", _ERROR)
        document["paths"]["/GetTokens"]["post"]["responses"].setdefault("default", _ERROR)
        return document

    def judge_answer(
        self, operation: Operation, status: int, content_type: str, body: bytes
    ) -> list[str]:
        """Return what is wrong with an answer; an error may come without a body."""
        if status >= 400 and not body:
            return super().judge_answer(operation, status, "application/json", b"{}")
        return super().judge_answer(operation, status, content_type, body)

    @cached_property
    def services(self) -> dict[str, str]:
        """The service that answers each path template, such as ``device-management``."""
        found: dict[str, str] = {}
        for template, item in self.description["paths"].items():
            url = item.get("servers", [{"url": ""}])[0]["url"]
            host = url.removeprefix("https://{region}.").removesuffix(".eset.systems")
            found[template] = "" if "://" in host else host
        return found


class MspContract(Contract):
    """MSP Administrator as reconstructed; answers' keys were seen in either letter case."""

    def judge_answer(
        self, operation: Operation, status: int, content_type: str, body: bytes
    ) -> list[str]:
        """Return what is wrong with an answer, reading its keys without regard to case."""
        problems = super().judge_answer(operation, status, content_type, body)
        if not problems or "json" not in content_type:
            return problems
        lowered = json.dumps(_with_small_initials(json.loads(body))).encode()
        return super().judge_answer(operation, status, content_type, lowered)


def _with_small_initials(value: Any) -> Any:  # noqa: ANN401 - any JSON
    if isinstance(value, list):
        return [_with_small_initials(each) for each in value]
    if isinstance(value, dict):
        return {k[:1].lower() + k[1:]: _with_small_initials(each) for k, each in value.items()}
    return value


CONNECT = ConnectContract(_FOLDER / "connect.openapi.json")
MSP = MspContract(_FOLDER / "msp.openapi.json")
