"""How a device learns to trust the plant's own certificates, and the certificate to trust."""

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from pressline import tls
from pressline.tls import Served
from pressline.web.shell.pages import language, page
from pressline.web.shell.sign_in import NotFoundError, for_everybody

router = APIRouter()
outside = APIRouter()  # of the door without HTTPS: everything else is behind the other one

WAYS = ("android", "windows", "linux", "ios", "firefox")


@router.get("/trust", dependencies=[for_everybody()])
def trust(request: Request) -> HTMLResponse:
    """What to do on each kind of device, with the fingerprint to compare."""
    served: Served | None = request.app.state.served
    authority = served.authority if served else None
    return page(
        request, "trust.html", language(request), "UTC", person=None, ways=WAYS, served=served,
        fingerprint=tls.fingerprint(authority) if authority else None,
    )  # fmt: skip


@router.get("/trust/pressline-ca.crt", dependencies=[for_everybody()])
def authority(request: Request) -> Response:
    """The authority's certificate, as devices take it in."""
    served: Served | None = request.app.state.served
    if served is None or served.authority is None:
        raise NotFoundError("certificate", "ca.crt")
    return Response(served.authority.read_bytes(), media_type="application/x-x509-ca-cert")


@outside.get("/{rest:path}", dependencies=[for_everybody()])
def to_https(request: Request, rest: str) -> RedirectResponse:
    """The same page where badges and PINs are not read on the way."""
    port: int = request.app.state.https_port
    to = request.url.replace(scheme="https", port=None if port == 443 else port)
    return RedirectResponse(str(to), 308)
