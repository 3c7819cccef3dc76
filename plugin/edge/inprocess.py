"""Lets a real ``requests`` session talk to a WSGI application without a socket, for quick tests."""

from collections.abc import Mapping
from io import BytesIO
from typing import Any

import requests
from requests.adapters import BaseAdapter
from urllib3 import HTTPHeaderDict, HTTPResponse
from werkzeug.test import Client

from plugin.edge.faults import DroppedError


class InProcess(BaseAdapter):
    """A ``requests`` transport that hands every request to ``application``.

    Time-outs cannot happen here (emulators' waiting is theirs), lost connections can: an emulator
    that drops the connection makes ``requests.ConnectionError``, as a socket would.
    """

    def __init__(self, application: Any) -> None:  # noqa: ANN401 - any WSGI application
        """Talk to ``application``."""
        super().__init__()
        # Cookies are the session's business, as on the network: the client would drop ours.
        self._client = Client(application, use_cookies=False)

    def send(
        self,
        request: requests.PreparedRequest,
        stream: bool = False,
        timeout: Any = None,  # noqa: ANN401 - the signature is requests'
        verify: bool | str = True,
        cert: Any = None,  # noqa: ANN401
        proxies: Mapping[str, str] | None = None,
    ) -> requests.Response:
        """Answer one prepared request."""
        try:
            answer = self._client.open(
                request.path_url,
                method=request.method or "GET",
                base_url=_origin(request),
                headers=dict(request.headers),
                data=_body(request),
                buffered=True,
            )
        except DroppedError as error:
            raise requests.ConnectionError(str(error), request=request) from error
        headers = HTTPHeaderDict(list(answer.headers))
        raw = HTTPResponse(
            body=BytesIO(answer.get_data()),
            headers=headers,
            status=answer.status_code,
            preload_content=False,
        )
        response = requests.Response()
        response.status_code = answer.status_code
        response.headers = requests.structures.CaseInsensitiveDict(headers)
        response.raw = raw
        response.url = request.url or ""
        response.request = request
        response.encoding = requests.utils.get_encoding_from_headers(response.headers)
        return response

    def close(self) -> None:
        """Nothing is held open."""


def _origin(request: requests.PreparedRequest) -> str:
    scheme, _, rest = (request.url or "").partition("://")
    host = request.headers.get("Host") or rest.partition("/")[0]
    return f"{scheme}://{host}"


def _body(request: requests.PreparedRequest) -> bytes:
    body = request.body or b""
    return body.encode() if isinstance(body, str) else bytes(body)
