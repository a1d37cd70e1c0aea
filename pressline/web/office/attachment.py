"""Files of documents: sent as they are, shown where that is safe, else downloaded."""

import base64
from typing import Annotated
from urllib.parse import quote
from uuid import UUID, uuid4

from fastapi import APIRouter, Depends, Query, Request
from fastapi.responses import JSONResponse, Response

from mes_bridge.holders import HOLDERS
from people import attachments
from people.acts import Act
from people.refusal import Refused
from pressline.house import record
from pressline.web.shell import words
from pressline.web.shell.pages import language
from pressline.web.shell.paper import POLICY
from pressline.web.shell.request import Database, Now
from pressline.web.shell.sheet import body
from pressline.web.shell.sign_in import NotFoundError, SignedIn, by_act, needs

router = APIRouter()

FileName = Annotated[str, Query(min_length=1, max_length=200)]


@router.post("/api/attachments/{document:path}", dependencies=[by_act()])
def attach(
    request: Request, person: SignedIn, connection: Database, now: Now, document: str,
    content: Annotated[bytes, Depends(body)], name: FileName, id: UUID | None = None,  # noqa: A002 - what an act calls it
) -> JSONResponse:  # fmt: skip
    """Attach a file, sent as it is, to a document (`item/P-77`): the act `attachment.add`."""
    locale = language(request, person.locale)
    noun, _, key = document.partition("/")
    args = {"noun": noun, "key": key, "name": name, "content": base64.b64encode(content).decode()}
    act = Act(id or uuid4(), person.code, None, now, "attachment.add", args, person.token)
    try:
        with connection.transaction():
            outcome = record(connection, act, now)
    except Refused as refused:
        return JSONResponse({"code": refused.code, "message": refused.text(locale)}, 409)
    return JSONResponse({**outcome, "message": words.say(locale, "done.attached", **outcome)})


@router.get("/attachment/{number}", dependencies=[needs("press.see")])
def attachment(
    person: SignedIn, connection: Database, number: int, download: bool = False
) -> Response:
    """A file, for who sees its document; images and PDF in the browser, unless `download`."""
    file = attachments.find(connection, number)
    if file is None or not attachments.sees(connection, HOLDERS, person, file.document):
        raise NotFoundError("attachment", str(number))
    inline = file.shown and not download
    name = f"filename*=UTF-8''{quote(file.name, safe='')}"
    policy = POLICY if file.type == "application/pdf" else f"sandbox; {POLICY}"
    return Response(
        attachments.content(connection, file.sha256),
        media_type=file.type if file.type != "text/plain" else "application/octet-stream",
        headers={
            "Content-Disposition": f"{'inline' if inline else 'attachment'}; {name}",
            "Content-Security-Policy": policy,
            "X-Content-Type-Options": "nosniff",
        },
    )
