"""What programs are told that they can ask for, against the application; tokens in calls."""

from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import httpx
import pytest
from jsonschema import Draft202012Validator
from openapi_spec_validator import OpenAPIV31SpecValidator
from playwright.sync_api import Browser, expect
from referencing import Registry, Resource
from referencing.jsonschema import DRAFT202012 as DRAFT
from web_screen import assert_chinese, screen
from web_shop import Site, WebShop, shop_at

from pressline.house import ACTS, LISTS
from pressline.web.shell import words
from pressline.web.shell.application import calls

ONE = pytest.mark.parametrize("flavour", ["plain"], indirect=True, scope="session")

Pair = tuple[WebShop, Site]
Json = dict[str, Any]
PLACES = {"press": "P01", "document": "item/BRK-210"}
ASKED = {"q": "", "limit": 1, "text": "WO-2601", "name": "note.txt"}
FRAME = "urn:openapi"
EMPTY: Any = Registry()  # pyright: ignore[reportUnknownArgumentType, reportUnknownVariableType] - a registry of anything


@pytest.fixture
def opened(database: str) -> Iterator[Pair]:
    with shop_at(database) as pair:
        yield pair


def token(client: httpx.Client, *rights: str, name: str = "erp") -> Json:
    args = {"name": name, "days": 30, "rights": list(rights)}
    answer = client.post(
        "/api/acts", json={"id": str(uuid4()), "act": "token.create", "args": args}
    )
    assert answer.status_code == 200, answer.text
    return answer.json()


def with_token(site: Site, shown: str) -> httpx.Client:
    return site.client(headers={"Authorization": f"Bearer {shown}", "Accept-Language": "en"})


def act(
    client: httpx.Client, name: str, /, *, preview: bool = False, **args: Any
) -> httpx.Response:
    return client.post(
        "/api/acts", json={"id": str(uuid4()), "act": name, "args": args, "preview": preview}
    )


class Told:
    """The description, and what it says of an answer."""

    def __init__(self, document: Json) -> None:
        self.document = document
        resource: Any = Resource.from_contents(document, default_specification=DRAFT)
        self.registry: Any = EMPTY.with_resource(FRAME, resource)  # pyright: ignore[reportUnknownMemberType]

    def check(self, call: Json, answer: httpx.Response) -> None:
        """The answer is one of those that are told, and has its form."""
        status = str(answer.status_code)
        told = call["responses"].get(status) or call["responses"].get(f"{status[0]}XX")
        assert told, (answer.url, status, answer.text[:300])
        kind = answer.headers["content-type"].partition(";")[0]
        schema = told["content"][kind]["schema"]
        if kind == "application/json":
            self.valid(schema, answer.json())

    def valid(self, schema: Json, given: Any) -> None:
        whole = {**schema, "$ref": FRAME + schema["$ref"]} if "$ref" in schema else schema
        Draft202012Validator(whole, registry=self.registry).validate(given)  # pyright: ignore[reportUnknownMemberType]


@ONE
@pytest.mark.parametrize("locale", words.LOCALES)
def test_the_description_is_valid_openapi(opened: Pair, locale: str) -> None:
    _, site = opened
    with site.signed_in("EMP:B-301", None) as client:
        document = client.get(f"/api/openapi.json?lang={locale}").json()
    OpenAPIV31SpecValidator(document).validate()
    assert document["info"]["description"] == words.say(locale, "api.why")


@ONE
def test_every_route_that_programs_call_is_told_and_no_other(opened: Pair) -> None:
    _, site = opened
    with site.signed_in("EMP:B-301", None) as client:
        document = client.get("/api/openapi.json").json()
    told = {(path, method) for path, each in document["paths"].items() for method in each}
    assert told == {
        (route.path_format, m.lower()) for route in calls() for m in route.methods or ()
    }
    named = {route.name for route in calls() if not route.path.startswith(("/api/v1", "/api/sh"))}
    assert [each for each in named if f"api_call.{each}" not in words.catalogue("zh")] == []
    body = document["paths"]["/api/acts"]["post"]["requestBody"]["content"]["application/json"]
    assert set(body["schema"]["discriminator"]["mapping"]) == set(ACTS)


@ONE
def test_every_path_answers_as_it_is_told(opened: Pair) -> None:
    shop, site = opened
    shop.producing("P01", "WO-2601")
    shop.run("P01", 60, 40)
    shop.do("scrap", qty=2, reason="dent")
    with site.signed_in("EMP:B-301", None) as client:
        told = Told(client.get("/api/openapi.json").json())
        token(client, "stock.see")
        for path, methods in told.document["paths"].items():
            for method, call in methods.items():
                if path not in ("/api/sign-out", "/api/sign-in", "/api/events"):
                    told.check(call, asked(client, path, method, call))
    with site.client() as stranger:
        for path in ("/api/sign-out", "/api/sign-in"):
            call = told.document["paths"][path]["post"]
            told.check(call, stranger.post(path, json={"badge": "EMP:B-301"}))
        with stranger.stream("GET", "/api/events") as answer:
            told.check(told.document["paths"]["/api/events"]["get"], answer)


def asked(client: httpx.Client, path: str, method: str, call: Json) -> httpx.Response:
    """The call, with each of its parameters given something that may stand there."""
    query: Json = {}
    for each in call.get("parameters", ()):
        if each["in"] == "query" and each["name"] in ASKED:
            query[each["name"]] = ASKED[each["name"]]
    where = path.format(**PLACES)
    if method == "get":
        return client.get(where, params=query)
    if "application/octet-stream" in call["requestBody"]["content"]:
        kind = {"Content-Type": "application/octet-stream"}
        return client.post(where, params=query, content=b"nothing", headers=kind)
    return client.post(where, json={"id": str(uuid4()), "act": "finish", "press": "P01"})


@ONE
@pytest.mark.parametrize("name", LISTS)
def test_filters_of_a_list_are_told_and_bound(opened: Pair, name: str) -> None:
    _, site = opened
    with site.signed_in("EMP:B-301", None) as client:
        told = Told(client.get("/api/openapi.json").json())
        call = told.document["paths"][f"/api/v1/{name}"]["get"]
        filters = {each["name"] for each in call["parameters"]} - {"after", "limit"}
        assert filters == {*LISTS[name].exact, *(["q"] if LISTS[name].find else [])}
        for each in filters:
            answer = client.get(f"/api/v1/{name}", params={each: "nothing like it"})
            assert answer.json()["rows"] == []
        answer = client.get(f"/api/v1/{name}", params={"after": "no place"})
        assert (answer.status_code, answer.json()["code"]) == (422, "unclear")
        told.check(call, answer)


@ONE
def test_arguments_of_acts_are_told_as_they_are_taken(opened: Pair) -> None:
    _, site = opened
    with site.signed_in("EMP:B-301", None) as client:
        told = Told(client.get("/api/openapi.json").json())
        body = told.document["paths"]["/api/acts"]["post"]["requestBody"]
        schema = body["content"]["application/json"]["schema"]
        one = {**schema, "oneOf": [{"$ref": FRAME + each["$ref"]} for each in schema["oneOf"]]}
        right = {"id": str(uuid4()), "act": "partner.create",
                 "args": {"code": "S-1", "name": "宏泰", "kind": "supplier"}}  # fmt: skip
        told.valid(one, right)
        assert client.post("/api/acts", json=right).status_code == 200
        for args in ({}, {"code": "S-2", "name": "x", "kind": "neither"}, {"nonsense": 1}):
            wrong = {"id": str(uuid4()), "act": "partner.create", "args": args}
            with pytest.raises(Exception, match="is not valid under any"):
                told.valid(one, wrong)
            answer = client.post("/api/acts", json=wrong)
            assert (answer.status_code, answer.json()["code"]) == (409, "args_wrong")


@ONE
def test_a_program_reads_and_acts_by_its_token_alone(opened: Pair) -> None:
    shop, site = opened
    with site.signed_in("EMP:B-301", None) as manager:
        made = token(manager, "partner.see", "partner.create")
    with with_token(site, made["token"]) as program:
        assert program.get("/api/v1/partners").json()["rows"] == []
        assert program.get("/api/v1/stock").status_code == 403
        assert act(program, "partner.create", code="C-1", name="宏泰", kind="customer").is_success
        refused = act(program, "person.leave", person="liu")
        assert (refused.status_code, refused.json()["code"]) == (409, "not_allowed")
        assert program.get("/api/session").json()["may"] == ["partner.create", "partner.see"]
        assert not program.cookies
        page = program.get("/partners", follow_redirects=False)
        assert (page.status_code, page.headers["location"][:8]) == (303, "/sign-in")
    with site.signed_in("EMP:B-301", None) as manager:
        (row,) = manager.get("/api/v1/trail?act=partner.create").json()["rows"]
        assert (row["who"], row["token"]) == ("周总", "erp")
        assert "周总 · erp" in manager.get("/partner/C-1").text
        (row,) = manager.get("/api/v1/tokens").json()["rows"]
        assert (row["token"], row["may"], row["used_from"]) == ("erp", 2, "127.0.0.1")
        act(manager, "token.end", number=made["number"])
    with with_token(site, made["token"]) as program:
        answer = program.get("/api/v1/partners")
        assert answer.status_code == 401
        assert answer.headers["www-authenticate"].startswith("Bearer")
        assert answer.json()["code"] == "token_wrong"
        assert "Make another" in answer.json()["message"]
    row = shop.connection.execute("select ended_by from people.token").fetchone()
    assert row == ("zhou",)


@ONE
def test_a_wrong_token_is_refused_though_somebody_is_signed_in_and_soon_not_looked_at(
    opened: Pair,
) -> None:
    shop, site = opened
    with site.signed_in("EMP:B-301", None) as manager:
        wrong = {"Authorization": "Bearer pl_guessed"}
        answers = [manager.get("/api/session", headers=wrong) for _ in range(21)]
        assert [each.status_code for each in answers] == [401] * 20 + [429]
        assert 0 < int(answers[-1].headers["retry-after"]) <= 600
        assert answers[-1].json()["code"] == "token_locked"
        assert manager.get("/api/session").status_code == 200  # without it, the session counts
        assert manager.get("/", headers=wrong).status_code == 200
    shop.later(601)
    with with_token(site, "pl_guessed") as guesser:
        assert guesser.get("/api/v1/stock").status_code == 401
        assert guesser.get("/api/line").status_code == 200  # for everybody, as before


@pytest.mark.page
@ONE
def test_a_token_is_made_shown_once_and_ended_on_its_page(chromium: Browser, opened: Pair) -> None:
    _, site = opened
    with screen(chromium, site, "/sign-in?next=/my-tokens", {"width": 1280, "height": 900}) as page:
        page.locator("[name=badge]").fill("B-301")
        page.keyboard.press("Enter")
        page.locator("summary", has_text="新建令牌").click()
        form = page.locator("form[data-act='token.create']")
        form.locator("[name=name]").fill("月报")
        form.locator("button").click()
        expect(form.locator(".problem")).to_contain_text("没有任何权限")
        form.locator("[value='stock.see']").check()
        assert form.locator("[value='role.change']").count() == 0
        form.locator("button").click()
        expect(page.locator(".told")).to_contain_text("令牌“月报”：pl_")
        shown = (page.locator(".told").text_content() or "").partition("：")[2].partition("。")[0]
        with with_token(site, shown) as program:
            assert program.get("/api/v1/stock").status_code == 200
        page.locator("[data-act='token.end'] button").click()
        expect(page.locator(".told")).to_contain_text("令牌“月报”已终止")
        assert_chinese(page)
        page.goto(f"{site.url}/api")
        expect(page.locator("[id='partner.create']")).to_contain_text("short_name")
