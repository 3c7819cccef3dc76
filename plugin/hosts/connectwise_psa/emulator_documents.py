"""Documents of the emulated PSA: files that hang on a record, sent as forms and never as JSON."""

import base64

from werkzeug.wrappers import Request, Response

from plugin.hosts.connectwise_psa.emulator_answers import (
    RefusalError,
    answer,
    missing_field,
    no_record,
)
from plugin.hosts.connectwise_psa.emulator_records import Record, Records

DOCUMENTS = "system/documents"
_CONTENT = "~content"


class Documents:
    """Keeps documents among the other records."""

    def __init__(self, records: Records) -> None:
        """Keep documents in ``records``."""
        self._records = records

    def upload(self, request: Request, by: str) -> Record:
        """Keep the file of a form and return its record."""
        if "multipart/form-data" not in (request.content_type or ""):
            text = "The request's media type is unsupported."
            raise RefusalError(415, "UnsupportedMediaType", text)
        file, form = request.files.get("file"), request.form
        for name in ("recordType", "title"):
            if not form.get(name):
                raise missing_field("document", name)
        if file is None:
            raise missing_field("document", "file")
        content = file.read()
        record = {
            "title": form["title"],
            "fileName": file.filename or "file",
            "size": len(content),
            "owner": by,
            _CONTENT: base64.b64encode(content).decode(),
        }
        return self._records.add(DOCUMENTS, record, by)

    def download(self, number: int) -> Response:
        """Give a file back."""
        record = self._records.get(DOCUMENTS, number)
        if record is None:
            raise no_record("document", number)
        content = base64.b64decode(record[_CONTENT])
        return Response(content, mimetype="application/octet-stream")

    def answer_upload(self, request: Request, by: str) -> Response:
        """Answer an upload with the new record."""
        with request:  # closes the form's files
            return answer(self._records.show(DOCUMENTS, self.upload(request, by)), 201)
