"""Who may open which page and call: the application's routes against rights written by hand."""

from collections.abc import Iterator

import pytest
from fastapi import APIRouter
from fastapi.routing import APIRoute
from web_shop import Site, WebShop, shop_at

from people import roles
from pressline.house import LISTS, LOOKS
from pressline.web.office.roles import groups
from pressline.web.shell import words
from pressline.web.shell.application import NoRightError, require_rights, rights_of, routers
from pressline.web.shell.sign_in import BY_ACT, needs

ONE = pytest.mark.parametrize("flavour", ["plain"], indirect=True, scope="session")

Pair = tuple[WebShop, Site]

EVERYBODY = {
    "/", "/wall", "/wall/{line:path}", "/api/line", "/api/events", "/healthz", "/sign-in",
    "/api/sign-in", "/api/sign-out", "/api/session", "/terminal/worker.js",
    "/terminal/{press:path}", "/api/people/{press:path}", "/qr/work-order/{code:path}.svg",
    "/trust", "/trust/pressline-ca.crt", "/qr/die/{code:path}.svg", "/qr/reason/{code:path}.svg",
}  # fmt: skip
NEEDS = {
    "/api/acts": BY_ACT,
    "/api/attachments/{document:path}": BY_ACT,
    "/attachment/{number}": "press.see",
    "/api": "press.see",
    "/api/openapi.json": "press.see",
    "/my-tokens": "token.create",
    "/api/press/{press:path}": "press.see",
    "/api/startable/{press:path}": "press.see",
    "/api/dies/{press:path}": "press.see",
    "/api/code": "press.see",
    "/api/reports": "press.see",
    "/api/attention": "accept",
    "/labels": "press.see",
    "/lot/{name:path}": "press.see",
    "/print/work-order/{code:path}.pdf": "work_order.see",
    "/print/lot/{name:path}.pdf": "stock.see",
    "/print/lots.pdf": "stock.see",
    "/item/{code:path}": "item.see",
    "/bom/{name:path}": "item.see",
    "/die/{code:path}": "die.see",
    "/partner/{code:path}": "partner.see",
    "/freshness": "freshness.see",
    "/lists": "press.see",
    "/search": "press.see",
    "/attention": "accept",
    "/notifications": "notice.see",
    "/api/badges": "notice.see",
    "/api/notices/read": "notice.see",
    "/work-orders": "work_order.see",
    "/work-order/{code}": "work_order.see",
    "/work-order/{code}/run/{run}": "work_order.see",
    "/people": "people.see",
    "/roles": "role.see",
    "/quarantine": "message.replay",
    "/quarantine/{number}": "message.replay",
    "/api/quarantine/replay": "message.replay",
}
LISTED = {
    "items": "item.see", "boms": "item.see", "bom_lines": "item.see",
    "change_orders": "work_order.see", "undated": "undated.see",
    "work_orders": "work_order.see",
    "routings": "item.see", "dies": "die.see",
    "stock": "stock.see", "moves": "stock.see", "lots": "stock.see", "trail": "trail.see",
    "partners": "partner.see", "jobs": "job.see", "staff": "people.see",
    "notice_kinds": "notice_kind.see", "tokens": "token.see", "robots": "robot.see",
}  # fmt: skip
SHEETS = {
    "items": "item",
    "bom_lines": "bom",
    "routings": "routing",
    "dies": "die",
    "partners": "partner",
}
BADGES = {"operator": "B-101", "leader": "B-201", "manager": "B-301", "it": "B-401"}


@pytest.fixture
def opened(database: str) -> Iterator[Pair]:
    with shop_at(database) as pair:
        yield pair


def routes() -> dict[str, set[str | None]]:
    found = [route for router in routers() for route in router.routes]
    return {route.path: rights_of(route) for route in found if isinstance(route, APIRoute)}


def test_every_route_asks_for_what_is_written_here() -> None:
    wanted: dict[str, set[str | None]] = {path: {None} for path in EVERYBODY}
    wanted |= {path: {right} for path, right in NEEDS.items()}
    for name, right in LISTED.items():
        for path in (f"/{name}", f"/{name}.csv", f"/{name}.xlsx", f"/api/v1/{name}"):
            wanted[path] = {right}
    for name, noun in SHEETS.items():
        wanted[f"/sheets/{name}"] = wanted[f"/api/sheets/{name}"] = {f"{noun}.import"}
        for form in ("csv", "xlsx"):
            wanted[f"/sheets/{name}.{form}"] = {LISTED[name]}
    assert routes() == wanted


def test_every_right_to_look_is_asked_for_by_a_route_or_by_the_rule_it_names() -> None:
    asked = {right for rights in routes().values() for right in rights}
    assert set(LOOKS) - asked == {"first_article.release"}  # asked for by people/staff.py


@pytest.mark.parametrize("dependencies", [[], [needs("stock.recieve")]])
def test_a_route_without_a_right_that_exists_does_not_start(dependencies: list[object]) -> None:
    router = APIRouter()
    router.add_api_route("/secret", routes, dependencies=dependencies)  # pyright: ignore[reportArgumentType] - they are dependencies
    with pytest.raises(NoRightError, match="/secret needs no right that the house knows"):
        require_rights(router)


@ONE
@pytest.mark.parametrize("role", BADGES)
def test_each_role_opens_the_lists_that_it_may_and_no_other(opened: Pair, role: str) -> None:
    shop, site = opened
    may = set(roles.rights(shop.connection)[role])
    with site.signed_in(f"EMP:{BADGES[role]}", None) as client:
        index = client.get("/lists").text
        for name, listing in LISTS.items():
            allowed = listing.right in may
            for path in (f"/{name}", f"/{name}.csv", f"/{name}.xlsx", f"/api/v1/{name}"):
                answer = client.get(path)
                assert answer.status_code == (200 if allowed else 403), (path, answer.text[:200])
            assert (f'href="/{name}"' in index) == allowed


@ONE
def test_strangers_are_asked_who_they_are(opened: Pair) -> None:
    _, site = opened
    with site.client() as stranger:
        for path in [*(f"/{name}" for name in LISTED), "/lists", "/work-orders", "/people"]:
            answer = stranger.get(path, follow_redirects=False)
            assert (answer.status_code, answer.headers["location"][:14]) == (303, "/sign-in?next=")
        assert stranger.get("/api/v1/stock").status_code == 401


def test_every_right_has_a_word_and_a_group_in_both_languages() -> None:
    for locale in words.LOCALES:
        said = words.catalogue(locale)
        for group, rights in groups():
            assert f"right_group.{group[2:]}" in said
            assert [right for right in rights if f"right.{right}" not in said] == []


@ONE
def test_a_right_that_is_given_holds_at_the_next_request(opened: Pair) -> None:
    shop, site = opened
    with site.signed_in("EMP:B-101", None) as operator:
        assert operator.get("/stock").status_code == 403
        shop.connection.execute("insert into people.role_right values ('operator', 'stock.see')")
        shop.connection.commit()
        assert operator.get("/stock").status_code == 200
