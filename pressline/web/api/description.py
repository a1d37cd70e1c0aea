"""What programs can ask for, as OpenAPI: made from the routes, lists and acts that are there.

Nothing of it is written by hand: a list says its filters and columns, an act its arguments, a route
its right. The page `/api` tells the same to people.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from fastapi import APIRouter, Request
from fastapi.openapi.utils import get_openapi
from fastapi.responses import HTMLResponse, JSONResponse
from fastapi.routing import APIRoute

from people import fields
from people.listings import Column, Listing
from people.refusal import SENTENCES
from pressline.house import ACTS, LISTS
from pressline.web.api.acts import GivenAct
from pressline.web.shell import figures, forms, words
from pressline.web.shell.limits import FILES_AT
from pressline.web.shell.pages import language, page
from pressline.web.shell.request import Database
from pressline.web.shell.sign_in import COOKIE, SignedIn, needs, rights_of

router = APIRouter()

Json = dict[str, Any]

SHEETS, LISTED = "/api/sheets/", "/api/v1/"
STREAMS = ("/api/events",)  # answered with server-sent events
AMOUNT: Json = {"type": ["integer", "string", "null"], "pattern": r"^-?[0-9]+(\.[0-9]+)?$"}
VALUES: Mapping[str, Json] = {
    "text": {"type": ["string", "null"]},
    "word": {"type": ["string", "null"]},
    "count": AMOUNT,
    "qty": AMOUNT,
    "day": {"type": ["string", "null"], "format": "date"},
    "at": {"type": ["string", "null"], "format": "date-time"},
}


@router.get("/api/openapi.json", dependencies=[needs("press.see")])
def openapi(request: Request, person: SignedIn) -> JSONResponse:
    """What can be asked for here, for programs that make clients from it."""
    return JSONResponse(document(request.app.state.calls, language(request, person.locale)))


@router.get("/api", dependencies=[needs("press.see")])
def told(request: Request, person: SignedIn, connection: Database) -> HTMLResponse:
    """The same for people: lists with their columns, acts with their arguments, other calls."""
    locale = language(request, person.locale)
    acts = {act: (forms.title(act, locale), fields.of(ACTS[act].arguments)) for act in sorted(ACTS)}
    calls: Sequence[APIRoute] = request.app.state.calls
    plain = [each for each in calls if not each.path.startswith((LISTED, SHEETS))]
    return page(
        request, "api.html", locale, figures.time_zone(connection), person=person, acts=acts,
        lists=LISTS.values(), host=request.url.netloc, scheme=request.url.scheme,
        sheets=[each.path for each in calls if each.path.startswith(SHEETS)],
        calls=[(each.path, sorted(each.methods or ())[0], each.name) for each in plain],
    )  # fmt: skip


def document(routes: Sequence[APIRoute], locale: str) -> Json:
    """The whole description in one language."""
    told = get_openapi(
        title="pressline", version="1", description=words.say(locale, "api.why"), routes=routes
    )
    schemas = told["components"]["schemas"]
    for unused in ("HTTPValidationError", "ValidationError", "GivenAct"):
        schemas.pop(unused, None)
    schemas["Problem"] = _problem()
    for route in routes:
        for method in route.methods or ():
            _say(told["paths"][route.path_format][method.lower()], route)
    _say_lists(told["paths"], schemas, locale)
    _say_acts(told["paths"]["/api/acts"]["post"], schemas, locale)
    told["components"]["securitySchemes"] = {
        "token": {"type": "http", "scheme": "bearer"},
        "session": {"type": "apiKey", "in": "cookie", "name": COOKIE},
    }
    return told


def _say(call: Json, route: APIRoute) -> None:
    """Its right, how it refuses, and what the framework does not see of it."""
    (right,) = rights_of(route)
    call["security"] = [] if right is None else [{"token": []}, {"session": []}]
    if right is not None:
        call["x-right"] = right
    call["responses"].pop("422", None)
    refused = {"description": "Refused", "content": _json({"$ref": _ref("Problem")})}
    call["responses"] |= {"4XX": refused, "503": refused}
    if route.path.startswith(tuple(FILES_AT)):
        content = {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}}
        call["requestBody"] = {"required": True, "content": content}
    if route.path in STREAMS:
        call["responses"]["200"]["content"] = {"text/event-stream": {"schema": {"type": "string"}}}


def _problem() -> Json:
    return {
        "type": "object",
        "required": ["code", "message"],
        "properties": {
            "code": {"type": "string", "examples": sorted(SENTENCES)[:3]},
            "message": {"type": "string", "description": "What happened, and what to do."},
            "again": {"type": "boolean", "description": "Send the same act again later."},
            "faults": {"type": "array", "items": {"type": "string"}},
        },
    }


def _say_lists(paths: Json, schemas: Json, locale: str) -> None:
    for listing in LISTS.values():
        call = paths[f"{LISTED}{listing.name}"]["get"]
        call["summary"] = words.say(locale, f"list.{listing.name}")
        call["description"] = words.say(locale, f"list_why.{listing.name}")
        taken = call["parameters"]
        call["parameters"] = [each for each in taken if listing.find or each["name"] != "q"]
        call["parameters"] += [
            {"name": name, "in": "query", "required": False, "schema": {"type": "string"},
             "description": words.say(locale, f"col.{name}")}
            for name in listing.exact
        ]  # fmt: skip
        schemas[f"list.{listing.name}"] = _found(listing, locale)
        answer = {"description": "OK", "content": _json({"$ref": _ref(f"list.{listing.name}")})}
        call["responses"]["200"] = answer


def _found(listing: Listing, locale: str) -> Json:
    """A page of the list: `next` is what `after` is at the next one."""
    row = {"type": "object", "properties": _columns(listing, locale)}
    total = {
        "type": "object",
        "required": ["column", "unit", "sum"],
        "properties": {name: {"type": "string"} for name in ("column", "unit", "sum")},
    }
    return {
        "type": "object",
        "required": ["rows", "next", "count", "totals"],
        "properties": {
            "rows": {"type": "array", "items": row},
            "next": {"type": ["string", "null"], "description": words.say(locale, "api.next")},
            "count": {"type": ["integer", "null"], "description": words.say(locale, "api.count")},
            "totals": {"type": "array", "items": total},
        },
    }


def _columns(listing: Listing, locale: str) -> Json:
    told: Json = {}
    for column in listing.columns:
        told |= _column(column, words.say(locale, f"col.{column.name}"))
    return told


def _column(column: Column, word: str) -> Json:
    if column.form == "name":
        names = {"type": "string", "description": word}
        return {"name_zh": names, "name_en": names}
    told = {column.name: {**VALUES[column.form], "description": word}}
    return told | ({column.unit: {"type": ["string", "null"]}} if column.unit else {})


def _say_acts(call: Json, schemas: Json, locale: str) -> None:
    """One body for each act: its name says which arguments it takes."""
    given = GivenAct.model_json_schema()
    for act, kind in ACTS.items():
        template = _ref(f"args.{act}.{{model}}")
        args = kind.arguments.model_json_schema(ref_template=template)
        for name, inner in args.pop("$defs", {}).items():
            schemas[f"args.{act}.{name}"] = inner
        schemas[f"args.{act}"] = args
        schemas[f"act.{act}"] = _act(given, act, forms.title(act, locale), args)
    body = {
        "oneOf": [{"$ref": _ref(f"act.{act}")} for act in ACTS],
        "discriminator": {
            "propertyName": "act",
            "mapping": {act: _ref(f"act.{act}") for act in ACTS},
        },
    }
    call["requestBody"] = {"required": True, "content": _json(body)}
    texts = {name: {"type": "string"} for name in ("act", "done", "message")}
    done = {"type": "object", "required": list(texts), "properties": texts}
    call["responses"]["200"] = {"description": "OK", "content": _json(done)}


def _act(given: Json, act: str, title: str, args: Json) -> Json:
    """An act as it is sent; arguments may be left out where none is required."""
    named = {"act": {"const": act}, "args": {"$ref": _ref(f"args.{act}")}}
    required = ["id", "act", *(["args"] if args.get("required") else [])]
    return {
        "type": "object",
        "title": title,
        "description": given["description"],
        "x-right": act,
        "additionalProperties": False,
        "required": required,
        "properties": {**given["properties"], **named},
    }


def _json(schema: Json) -> Json:
    return {"application/json": {"schema": schema}}


def _ref(name: str) -> str:
    return f"#/components/schemas/{name}"
