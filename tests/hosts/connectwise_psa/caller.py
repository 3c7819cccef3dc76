"""Calls the emulated PSA as a third party's client does: no adapter in between."""

import base64
from typing import Any

from werkzeug.test import Client, TestResponse

from plugin.edge.emulator import Happening
from plugin.hosts.connectwise_psa.emulator import (
    CLIENT_ID,
    COMPANY,
    PRIVATE_KEY,
    PUBLIC_KEY,
    ConnectWisePsaEmulator,
)
from tests.rig import ORIGIN

Json = Any
"""Whatever JSON can say."""

API = "/v4_6_release/apis/3.0"


class Caller:
    """A client with good keys, and every answer as it comes."""

    def __init__(self, psa: ConnectWisePsaEmulator) -> None:
        self.psa = psa
        self.headers = {"Authorization": authorization(), "clientId": CLIENT_ID}
        self._client = Client(psa)

    def call(self, method: str, path: str, json: object = None, **query: Json) -> TestResponse:
        return self._client.open(
            path if path.startswith(("/v", "/login", "/host")) else API + path,
            method=method,
            headers=self.headers,
            query_string=query,
            base_url=ORIGIN,
            json=json,
        )

    def get(self, path: str, **query: Json) -> Json:
        return self.call("GET", path, **query).get_json()

    def ids(self, path: str, **query: Json) -> list[int]:
        return [row["id"] for row in self.get(path, **query)]

    def refused(
        self, method: str, path: str, json: object = None, **query: Json
    ) -> tuple[Any, ...]:
        """Return status, code, and the fields with their codes of a refusal."""
        response = self.call(method, path, json, **query)
        body = response.get_json()
        problems = [(each["field"], each["code"]) for each in body.get("errors", ())]
        return (response.status_code, body["code"], *problems)

    def switch(self, **values: Json) -> None:
        self.psa.occur(Happening("switch", {k.replace("_", "-"): v for k, v in values.items()}))


def authorization(
    company: str = COMPANY, public: str = PUBLIC_KEY, private: str = PRIVATE_KEY
) -> str:
    return "Basic " + base64.b64encode(f"{company}+{public}:{private}".encode()).decode()
