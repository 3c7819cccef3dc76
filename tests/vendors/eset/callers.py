"""Callers that know nothing of our client: ESET's interfaces as public programs use them."""

from typing import Any

from werkzeug.test import Client, TestResponse

from plugin.vendors.eset.emulator import EsetEmulator
from plugin.vendors.eset.emulator_connect import EMAIL, PASSWORD

SIGN_IN = {"grant_type": "password", "username": EMAIL, "password": PASSWORD}


class Caller:
    """Calls an emulator as ESET's own library does: one host for each service."""

    def __init__(self, emulator: EsetEmulator, region: str = "eu") -> None:
        self._client, self._region = Client(emulator), region
        self.token = self.sign_in()["access_token"]

    def sign_in(self, **form: str) -> dict[str, Any]:
        answer = self._client.post(
            "/oauth/token",
            base_url=f"https://{self._region}.business-account.iam.eset.systems",
            data={**SIGN_IN, **form},
        )
        return {"status": answer.status_code, "access_token": "", **(answer.get_json() or {})}

    def call(
        self,
        path: str,
        service: str = "device-management",
        method: str = "GET",
        body: object = None,
        **headers: str,
    ) -> TestResponse:
        return self._client.open(
            path,
            method=method,
            base_url=f"https://{self._region}.{service}.eset.systems",
            headers={"Authorization": f"Bearer {self.token}", **headers},
            json=body,
        )

    def json(self, path: str, service: str = "device-management") -> Any:  # noqa: ANN401 - any JSON
        answer = self.call(path, service)
        assert answer.status_code == 200, answer.get_data()
        return answer.get_json()


class Biller:
    """Calls EMA2 as public scripts do."""

    def __init__(self, emulator: EsetEmulator) -> None:
        self._client = Client(emulator)
        settings = emulator.connection_settings()
        user = {"username": settings["msp_email"], "password": settings["msp_password"]}
        self.tokens = self.call("/api/Token/Get", user).get_json()

    def call(self, path: str, body: object = None) -> TestResponse:
        token = getattr(self, "tokens", {}).get("accessToken", "")
        return self._client.open(
            path,
            method="GET" if body is None else "POST",
            base_url="https://mspapi.eset.com",
            headers={"Authorization": f"Bearer {token}"},
            json=body,
        )

    def json(self, path: str, body: object = None) -> Any:  # noqa: ANN401 - any JSON
        answer = self.call(path, body)
        assert answer.status_code == 200, answer.get_data()
        return answer.get_json()
