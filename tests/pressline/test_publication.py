"""A plant whose tables are all published: logical decoding of everything, while the bridge works.

With such a publication PostgreSQL refuses UPDATE and DELETE on a table that cannot name its rows.
"""

from collections.abc import Iterator
from pathlib import Path

import pytest
from servers import Flavour, flavours, running_flavour

from database.connection import connect
from pressline.scenario import check
from pressline.scenario.folder import read_story
from pressline.scenario.play import read_batch

STORIES = Path(__file__).parent.parent / "scenarios"
ALL_KINDS = "scrap_and_reversal", "coil_lots", "late_on_the_way"
# TimescaleDB's own tables are its own affair: it writes them below the check for identities.
NAMELESS = r"""
select c.oid::regclass::text from pg_class c join pg_namespace n on n.oid = c.relnamespace
where c.relkind in ('r', 'p') and c.relpersistence = 'p' and c.relreplident <> 'f'
  and n.nspname not in ('pg_catalog', 'information_schema')
  and n.nspname not like '\_timescaledb\_%'
  and not exists (select from pg_index i where i.indrelid = c.oid
                  and (i.indisprimary and c.relreplident = 'd' or i.indisreplident))
order by 1
"""


@pytest.fixture(scope="module", params=flavours())
def publishing(request: pytest.FixtureRequest) -> Iterator[Flavour]:
    """A server that writes what logical decoding needs."""
    with running_flavour(request.param, "wal_level=logical") as running:
        yield running


def test_every_table_can_name_its_rows(database: str) -> None:
    with connect(database) as connection:
        assert connection.execute(NAMELESS).fetchall() == []


@pytest.mark.parametrize("story", ALL_KINDS)
def test_a_shift_goes_on_while_all_tables_are_published(publishing: Flavour, story: str) -> None:
    database = publishing.copy()
    with connect(database, autocommit=True) as admin:
        admin.execute("create publication everything for all tables")
        admin.execute("select pg_create_logical_replication_slot(%s, 'pgoutput')", [story])
    assert check(read_story(STORIES / story), database, read_batch("all")) == []
    with connect(database, autocommit=True) as admin:
        told = admin.execute(
            "select convert_from(substring(data, 1, 1), 'SQL_ASCII'), count(*) "
            "from pg_logical_slot_get_binary_changes("
            "  %s, null, null, 'proto_version', '1', 'publication_names', 'everything') "
            "group by 1",
            [story],
        ).fetchall()
        admin.execute("select pg_drop_replication_slot(%s)", [story])
    publishing.drop_all()
    changes = dict(told)
    assert changes["I"] > 100, "rows written are told"
    assert changes["U"] > 0, "rows changed are told"
    assert changes["D"] > 0, "rows removed are told"
