"""Customers are invisible to each other: in every table, view, function and page.

The marker stands in all that is known of the other customer: wherever it comes out, something
leaked. A person who is bound to none finds it there, so that nothing passes because it is empty.
"""

import base64
import hashlib
import re
from collections.abc import Iterator
from uuid import uuid4

import httpx
import psycopg
import pytest
from fastapi.routing import APIRoute
from psycopg import sql
from psycopg.conninfo import make_conninfo
from servers import as_program
from test_attachments import attach, do, picture
from web_shop import Site, WebShop, served, shop_at

from database.connection import Connection, connect
from database.migrate import migrate
from database.roles import OWNER, PROGRAMS, as_owner
from pressline.house import ACTS
from pressline.web.shell.application import routers

ONE = pytest.mark.parametrize("flavour", ["plain"], indirect=True, scope="session")

Pair = tuple[WebShop, Site]
SECRET = "GEHEIM"  # stands in the other customer's name, contact, files and remarks
BOUND, FREE = "EMP:B-201", "EMP:B-301"  # a leader of one line and one customer; a manager
SCHEMAS = ["signal", "people", "plant", "erp", "mes", "board", "public"]


@pytest.fixture
def plant(database: str) -> Iterator[Pair]:
    """Two customers with all that can be known of them, by acts of people; liu is bound to one."""
    with shop_at(database) as (shop, site):
        shop.connection.execute("insert into people.role_right select 'leader', r.may from "
                                "people.role_right r on conflict do nothing")  # fmt: skip
        shop.connection.commit()
        with site.signed_in(FREE, None) as boss:
            known_of(boss, "OWN", "own")
            known_of(boss, "RIVAL", SECRET)
            assert do(boss, "person.customers", person="liu", customers="OWN").is_success
            assert do(boss, "person.customers", person="sun", customers="RIVAL").is_success
        yield shop, site


def known_of(client: httpx.Client, code: str, word: str) -> None:
    """A partner with a file, a change, a change taken back, and rows that came in by a sheet."""
    made = do(client, "partner.create", code=code, name=f"{word} Ltd", kind="customer",
              contact=f"{word} 138")  # fmt: skip
    assert made.is_success, made.text
    changed = do(client, "partner.change", partner=code, contact=f"{word} 139")
    assert do(client, "undo", act=changed.json()["act"]).is_success
    content = f"code,name,kind\n{code},{word} GmbH,customer\n".encode()
    read_in = do(client, "partner.import", **sheet(content, f"{word}.csv"))
    assert read_in.is_success, read_in.text
    assert attach(client, picture(len(code)), f"{word}.png", f"partner/{code}").is_success


def sheet(content: bytes, name: str) -> dict[str, str]:
    return {"file": name, "sha256": hashlib.sha256(content).hexdigest(),
            "content": base64.b64encode(content).decode()}  # fmt: skip


def session_of(client: httpx.Client) -> str:
    return next(value for name, value in client.cookies.items() if "pressline_session" in name)


@pytest.fixture
def raw(plant: Pair, database: str) -> Iterator[tuple[Connection, str, str]]:
    """The web's own connection, with the sessions of who is bound and of who is not."""
    _, site = plant
    with (
        site.signed_in(BOUND, None) as bound,
        site.signed_in(FREE, None) as free,
        connect(as_program(database, "web")) as connection,
    ):
        yield connection, session_of(bound), session_of(free)


def shown(connection: Connection, session: str, query: sql.SQL | sql.Composed) -> str:
    """What a query gives in a transaction of that session, as one text."""
    with connection.transaction(force_rollback=True):
        connection.execute("select set_config('pressline.session', %s, true)", [session])
        return "\n".join(str(row) for row in connection.execute(query))


def relations(connection: Connection) -> list[sql.SQL | sql.Composed]:
    """Every table and view that the web may read, its rows as text."""
    rows = connection.execute(
        """
        select n.nspname, c.relname from pg_class c join pg_namespace n on n.oid = c.relnamespace
        where n.nspname = any (%s) and c.relkind in ('r', 'p', 'v', 'm')
          and has_table_privilege(c.oid, 'select') order by 1, 2
        """,
        [SCHEMAS],
    ).fetchall()
    each = sql.SQL("select {} as here, t::text from {} t")
    return [each.format(sql.Literal(f"{s}.{t}"), sql.Identifier(s, t)) for s, t in rows]


ARGUMENTS = {  # by type: with these every function of ours can be called
    "timestamp with time zone": f"'{WebShop.now}'", "text": "'P01'", "text[]": "'{L1}'",
    "integer": "1", "bigint": "1", "numeric": "1", "date": f"'{WebShop.now.date()}'",
    "uuid": f"'{uuid4()}'", "interval": "'1 h'", "boolean": "true", "bigint[]": "'{1}'",
    "tstzrange": "'[2026-03-01,2026-03-03)'", "smallint": "1", "uuid[]": "'{}'",
    "double precision": "1", "jsonb": "'{}'",
}  # fmt: skip


def functions(connection: Connection) -> list[sql.SQL | sql.Composed]:
    """Every function with its owner's rights that the web may call."""
    rows = connection.execute(
        """
        select n.nspname, p.proname,
               array(select format_type(t, null) from unnest(p.proargtypes) t)
        from pg_proc p join pg_namespace n on n.oid = p.pronamespace
        where n.nspname = any (%s) and p.prosecdef and has_function_privilege(p.oid, 'execute')
          and p.prorettype <> 'trigger'::regtype order by 1, 2
        """,
        [SCHEMAS],
    ).fetchall()
    each = sql.SQL("select {} as here, f::text from {}({}) f")
    return [
        each.format(
            sql.Literal(f"{s}.{f}"), sql.Identifier(s, f),
            sql.SQL(", ").join(sql.SQL(f"{ARGUMENTS[a]}::{a}") for a in arguments),  # pyright: ignore[reportArgumentType] - of the catalogue
        )
        for s, f, arguments in rows
    ]  # fmt: skip


def test_raw_sql_of_the_web_gives_nothing_of_another_customer(
    raw: tuple[Connection, str, str],
) -> None:
    connection, bound, free = raw
    walked = relations(connection) + functions(connection)
    assert len(walked) > 80
    seen = [shown(connection, bound, query) for query in walked]
    assert [each[:200] for each in seen if SECRET in each] == []
    assert {here(each) for each in seen if "RIVAL" in each} == {"people.person", "people.change"}
    own = {here(each) for each in seen if "OWN" in each}
    assert own >= {"erp.partner", *(f"people.{t}" for t in ("act", "act_about", "change"))}
    told = {here(text) for query in walked if SECRET in (text := shown(connection, free, query))}
    assert told == {"erp.partner", "people.act", "people.attachment", "people.change"}


def here(text: str) -> str:
    """The table that a walk's text came from."""
    return text[2 : text.index("'", 2)] if text else ""


def test_files_are_seen_by_their_documents(raw: tuple[Connection, str, str]) -> None:
    """By their hashes, which tell what a file is only to who has it."""
    connection, bound, free = raw
    files = sql.SQL("select sha256 from people.file")
    own, rival = (hashlib.sha256(picture(len(code))).hexdigest() for code in ("OWN", "RIVAL"))
    assert (own in (seen := shown(connection, bound, files)), rival in seen) == (True, False)
    assert rival in shown(connection, free, files)


@ONE
def test_a_setting_that_is_not_a_living_session_sees_no_customer(
    plant: Pair, raw: tuple[Connection, str, str]
) -> None:
    shop, _ = plant
    connection, bound, _ = raw
    partners = sql.SQL("select code from erp.partner")
    rows = connection.execute("select token_hash from people.session").fetchall()
    for forged in ("", "zhou", "EMP:B-301", *(str(kept) for (kept,) in rows)):
        assert shown(connection, forged, partners) == ""
    assert connection.execute("select code from erp.partner").fetchall() == []  # none is shown
    assert "OWN" in shown(connection, bound, partners)
    connection.rollback()
    shop.connection.execute("update people.session set ended = %s", [shop.now])
    shop.connection.commit()
    assert shown(connection, bound, partners) == ""


def test_nothing_is_written_of_another_customer(raw: tuple[Connection, str, str]) -> None:
    connection, bound, _ = raw
    for statement in (
        "insert into erp.partner (code, name, kind) values ('NEW', 'n', 'customer')",
        "update erp.partner set code = 'NEW' where code = 'OWN'",
        "insert into people.act_about select 'partner/RIVAL', id from people.act limit 1",
    ):
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            shown(connection, bound, sql.SQL(statement + " returning 1"))
    rival = sql.SQL("delete from erp.partner where code = 'RIVAL' returning 1")
    assert shown(connection, bound, rival) == ""


PLACES = {  # what stands in a route's braces; the other customer's document where there is one
    "line": "L1", "press": "P01", "run": "1", "number": "2", "name": "BRK-210/1",
    "/work-order/{code}": "WO-2601", "/work-order/{code}/run/{run}": "WO-2601",
    "/item/{code:path}": "BRK-210", "/die/{code:path}": "D-210", "/partner/{code:path}": "RIVAL",
    "/lot/{name:path}": "COIL/x", "/qr/work-order/{code:path}.svg": "WO-2601",
    "/qr/die/{code:path}.svg": "D-210", "/qr/reason/{code:path}.svg": "x",
}  # fmt: skip


def addresses() -> list[str]:
    """Each page and call that is asked for by GET, but for the stream that does not end."""
    found = [r for router in routers() for r in router.routes if isinstance(r, APIRoute)]
    paths = {r.path for r in found if "GET" in (r.methods or ())} - {"/api/events"}
    return sorted(address(path) for path in paths)


def address(path: str) -> str:
    return re.sub(r"{(\w+)(:path)?}", lambda m: PLACES.get(path, PLACES.get(m[1], "")), path)


@ONE
def test_no_page_and_no_call_tells_of_another_customer(plant: Pair) -> None:
    _, site = plant
    walked = [*addresses(), "/search?q=GmbH", f"/search?q={SECRET.lower()}", "/partners?q=GmbH",
              "/partner/OWN", "/api/code?code=RIVAL", "/people?q=RIVAL"]  # fmt: skip
    told: dict[str, set[str]] = {}
    for badge in (BOUND, FREE):
        with site.signed_in(badge, None) as client:
            texts = {path: client.get(path, follow_redirects=True) for path in walked}
        assert [p for p, a in texts.items() if a.status_code >= 500] == []
        told[badge] = {p for p, a in texts.items() if SECRET.encode() in a.content}
    assert told[BOUND] == set()
    assert {"/partners", "/partners.csv", "/api/v1/partners", "/partner/RIVAL", "/search?q=GmbH",
            "/sheets/partners.csv"} <= told[FREE]  # fmt: skip


@ONE
def test_who_is_bound_changes_their_own_customers_and_no_others(plant: Pair) -> None:
    shop, site = plant
    made = shop.connection.execute(
        "select id from people.act where act = 'partner.create' and 'RIVAL' = any (customers)"
    ).fetchone()
    assert made is not None
    content = b"code,name,kind\nRIVAL,x,customer\n"
    with site.signed_in(BOUND, None) as bound:
        for code, answer in {
            "partner_not_yours": do(bound, "partner.create", code="NEW", name="n", kind="customer"),
            "document_not_there": do(bound, "partner.change", partner="RIVAL", name="x"),
            "sheet_faults": do(bound, "partner.import", **sheet(content, "x.csv")),
            "undo_unknown": do(bound, "undo", act=str(made[0]), reason="x"),
            "document_hidden": attach(bound, picture(9), "x.png", "partner/RIVAL"),
            "customers_bound": do(bound, "person.customers", person="liu", customers=[]),
            "customers_beyond": do(bound, "person.pin", person="zhou", pin="9999"),
            "act_id_taken": again(bound, str(made[0])),
        }.items():
            assert (answer.status_code, answer.json()["code"]) == (409, code), answer.text
        assert do(bound, "partner.change", partner="OWN", contact="140").is_success
        history = bound.get("/partner/OWN").text
    assert "own 138" in history
    assert "周总" in history


def again(client: httpx.Client, number: str) -> httpx.Response:
    """An act under the number of one that is not shown."""
    act = {"id": number, "act": "item.change", "args": {"item": "COIL", "name_en": "x"}}
    return client.post("/api/acts", json=act)


@ONE
def test_what_was_bound_since_is_not_taken_back(plant: Pair) -> None:
    _, site = plant
    with site.signed_in(FREE, None) as boss:
        first = do(boss, "person.customers", person="sun", customers="OWN").json()
        do(boss, "person.customers", person="sun", customers="OWN RIVAL")
        stands = do(boss, "undo", act=first["act"])
        assert (stands.status_code, stands.json()["code"]) == (409, "undo_stands")


@ONE
def test_somebody_stays_who_can_free_others(plant: Pair) -> None:
    """qian of IT and zhou may bind; the last of them who is bound to none stays so."""
    _, site = plant
    with site.signed_in(FREE, None) as boss:
        assert do(boss, "person.customers", person="qian", customers="OWN").is_success
        may = boss.get("/api/session").json()["may"]
        for refused in (
            do(boss, "person.customers", person="zhou", customers="OWN"),
            do(boss, "role.change", role="manager",
               may=[each for each in may if each != "person.customers"]),
        ):  # fmt: skip
            assert (refused.status_code, refused.json()["code"]) == (409, "nobody_binds")


@ONE
def test_a_partner_to_whom_somebody_is_bound_is_not_taken_back(plant: Pair) -> None:
    """Whoever had its code next would be shown to them."""
    _, site = plant
    with site.signed_in(FREE, None) as boss:
        made = do(boss, "partner.create", code="NEW", name="n", kind="customer").json()
        do(boss, "person.customers", person="sun", customers="NEW")
        used = do(boss, "undo", act=made["act"])
        assert (used.status_code, used.json()["code"]) == (409, "undo_used")


@ONE
def test_binding_is_an_act_that_holds_at_once_and_is_taken_back(plant: Pair) -> None:
    _, site = plant
    with site.signed_in(FREE, None) as boss, site.signed_in(BOUND, None) as bound:
        assert bound.get("/partner/RIVAL").status_code == 404
        freed = do(boss, "person.customers", person="liu", customers="")
        assert freed.json()["message"] == "刘洋 可查看全部客户"
        assert bound.get("/partner/RIVAL").status_code == 200
        assert do(boss, "undo", act=freed.json()["act"]).is_success
        assert bound.get("/partner/RIVAL").status_code == 404
        unknown = do(boss, "person.customers", person="liu", customers="OWN, NONE")
        assert (unknown.status_code, unknown.json()["code"]) == (409, "document_not_there")


@ONE
def test_a_token_shows_what_its_person_sees(plant: Pair) -> None:
    shop, site = plant
    for badge, codes in ((BOUND, ["OWN"]), (FREE, ["OWN", "RIVAL"])):
        with site.signed_in(badge, None) as client:
            given = do(client, "token.create", name="p", days=1, rights=["partner.see"]).json()
        with site.client(headers={"Authorization": f"Bearer {given['token']}"}) as program:
            rows = program.get("/api/v1/partners").json()["rows"]
        assert [row["code"] for row in rows] == codes
    assert shop.connection.execute("select from people.token").rowcount == 2


@ONE
@pytest.mark.parametrize("come", [{}, {"user": OWNER}, {"user": PROGRAMS["bridge"]},
                                  {"options": f"-c role={PROGRAMS['web']}"}])  # fmt: skip
def test_where_rows_are_not_kept_apart_who_is_bound_does_not_come_in(
    plant: Pair, database: str, come: dict[str, str]
) -> None:
    """A web that has come as one who sees everything, also in the web's clothes, says so."""
    shop, _ = plant
    with served(make_conninfo(database, **come), shop, program=None) as mixed:
        with mixed.signed_in(BOUND, None) as bound:
            answer = bound.get("/partners?lang=en")
            assert (answer.status_code, "pressline roles" in answer.text) == (403, True)
        with mixed.signed_in(FREE, None) as boss:
            assert boss.get("/partner/RIVAL").status_code == 200
            refused = do(boss, "person.customers", person="sun", customers="OWN")
            assert (refused.status_code, refused.json()["code"]) == (409, "customers_mixed")


def test_every_act_on_partners_is_about_its_partner() -> None:
    """What an act holds of a customer is hidden by what it is about: acts of others name none."""
    named = {act for act in ACTS if act.startswith("partner.")}
    assert named == {"partner.create", "partner.change", "partner.import"}


@ONE
def test_a_policy_that_is_as_it_should_be_is_not_made_again(database: str) -> None:
    """Making one waits for every reader of its table."""
    with connect(database, autocommit=True) as admin:
        before = admin.execute("select oid from pg_policy order by oid").fetchall()
        assert len(before) == 12
        admin.execute("alter policy customers on erp.partner using (true)")
        admin.execute("alter table people.file disable row level security")
        admin.execute("create policy more on people.act to public using (true)")
        admin.execute("create policy report on people.act to pressline_ingest using (false)")
        migrate(as_owner(database))
        after = admin.execute("select oid from pg_policy order by oid").fetchall()
        policies = "select tablename, policyname, roles, qual from pg_policies order by 1, 2"
        mended = admin.execute(policies).fetchall()
        off = admin.execute(
            "select count(*) from pg_class where relrowsecurity and relforcerowsecurity"
        ).fetchone()
        admin.execute("drop policy customers on erp.partner")
        migrate(as_owner(database))
        assert admin.execute(policies).fetchall() == mended
    assert (
        len(set(before) - set(after)) == 2
    )  # the altered one, and one of the table it was off for
    assert (len(after), off) == (13, (6,))


EVERY_LINE = {
    "/wall",
    "/api/line",
    "/terminal/P05",
}  # by hand: boards of the floor are for everybody


@ONE
def test_no_page_tells_a_line_of_an_order_of_another(plant: Pair) -> None:
    """liu works on L1; the order's die fits a press of L2 alone."""
    shop, site = plant
    shop.connection.execute(ELSEWHERE)
    shop.order("WO-ELSEWHERE", "ITEM-E", 100)
    shop.producing("P05", "WO-ELSEWHERE", "sun")
    shop.run("P05", 60, 30)
    walked = [*addresses(), "/search?q=elsewhere", "/terminal/P05", "/api/press/P05"]
    told: dict[str, set[str]] = {}
    for badge in (BOUND, "EMP:B-202"):
        with site.signed_in(badge, None) as client:
            told[badge] = {p for p in walked if b"WO-ELSEWHERE" in client.get(p).content}
            status = client.get("/work-order/WO-ELSEWHERE").status_code
            assert status == (403 if badge == BOUND else 200)
    assert told[BOUND] == EVERY_LINE
    assert {"/work_orders", "/api/v1/work_orders", "/labels", "/api/press/P05"} <= told["EMP:B-202"]


ELSEWHERE = """
insert into erp.item (code, name_zh, name_en, unit, kind)
values ('ITEM-E', '别线件', 'Part of another line', 'pcs', 'part');
insert into erp.die (code, name, life_strokes) values ('D-ELSE', '别线模', 1000);
insert into erp.die_output (die, item, parts_num, parts_den) values ('D-ELSE', 'ITEM-E', 1, 1);
insert into erp.die_press values ('D-ELSE', 'P05');
insert into erp.routing values ('ITEM-E', 10, 'press', 'D-ELSE');
"""


def test_what_an_undo_took_back_is_known_however_its_number_was_written(
    connection: Connection,
) -> None:
    """Programs may write `urn:uuid:` before it; acts of long ago are kept as they came."""
    number = uuid4()
    connection.execute("insert into people.person (code, name, role) values ('x', 'x', 'it')")
    written = [str(number), f"urn:uuid:{number}", str(number).upper(), f"{{{number}}}"]
    for each in written:
        connection.execute(
            "insert into people.act (id, who, at, act, args) "
            "values (%s, 'x', '2026-03-02', 'undo', jsonb_build_object('act', %s::text))",
            [uuid4(), each],
        )
    found = connection.execute(
        "select count(*) from people.act where undoes = %s", [number]
    ).fetchone()
    assert found == (len(written),)
