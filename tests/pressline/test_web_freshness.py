"""Data freshness for whom it concerns: a leader sees the nodes and machines of the own lines."""

import re
from collections.abc import Iterator

import pytest
from web_shop import Site, WebShop, shop_at

from database.connection import connect
from edge_agent.wire import Channel, DataType, death
from ingest.intake import Intake
from tests.ingest.spoken import STROKES, Direct, device_birth, node_birth

pytestmark = pytest.mark.parametrize("flavour", ["plain"], indirect=True, scope="session")
Pair = tuple[WebShop, Site]
MANAGER, L1_LEADER, L2_LEADER = "EMP:B-301", "EMP:B-201", "EMP:B-202"
READ_BY = {"edge-1": ("P01", "P05"), "edge-2": ("P06",), "edge-3": ("P02",)}  # P05, P06: line L2


@pytest.fixture
def opened(database: str) -> Iterator[Pair]:
    with shop_at(database) as (shop, site):
        shop.connection.commit()
        shop.connection.autocommit = True
        for number, (node, machines) in enumerate(READ_BY.items()):
            born(shop, node, f"0b5e7a60-0000-4000-8000-00000000000{number}", machines)
        yield shop, site


def intake(shop: WebShop) -> Intake:
    ms = round(shop.now.timestamp() * 1000)
    return Intake(Direct(shop.connection), lambda: ms, lambda: ms / 1000)


def born(shop: WebShop, node: str, uuid: str, machines: tuple[str, ...]) -> None:
    host = intake(shop)
    host.take(f"spBv1.0/dongguan-1/NBIRTH/{node}", node_birth(uuid=uuid))
    for place, machine in enumerate(machines):
        channel = Channel("strokes", DataType.UINT32, "counter", alias=STROKES.alias + 100 * place)
        host.take(f"spBv1.0/dongguan-1/DBIRTH/{node}/{machine}", device_birth(channel))
    host.commit()


def dies(shop: WebShop, node: str) -> None:
    host = intake(shop)
    host.take(f"spBv1.0/dongguan-1/NDEATH/{node}", death(0, 0))
    host.commit()


def shown(site: Site, badge: str) -> tuple[set[str], set[str], str]:
    """Nodes and machines on the page, and the page."""
    with site.signed_in(badge, None) as client:
        page = client.get("/freshness").text
    nodes = re.findall(r'data-node="dongguan-1/([^"]+)"', page)
    return set(nodes), set(re.findall(r'data-device="([^"]+)"', page)), page


def test_a_leader_sees_the_machines_of_the_own_line_and_who_reads_them(opened: Pair) -> None:
    _, site = opened
    nodes, machines, _ = shown(site, MANAGER)
    assert nodes == set(READ_BY)
    assert machines == {"P01", "P02", "P05", "P06"}
    nodes, machines, page = shown(site, L1_LEADER)
    assert (nodes, machines) == ({"edge-1", "edge-3"}, {"P01", "P02"})
    assert "edge-2" not in page
    assert "P05" not in page
    nodes, machines, page = shown(site, L2_LEADER)
    assert (nodes, machines) == ({"edge-1", "edge-2"}, {"P05", "P06"})
    assert "edge-3" not in page


def test_a_leader_is_called_for_the_own_line_alone(opened: Pair, database: str) -> None:
    shop, site = opened
    dies(shop, "edge-2")
    shop.later(120)
    with connect(database, application="pressline ingest"):  # at work, as the database sees it
        assert "edge-2 已离线" in shown(site, L2_LEADER)[2]
        assert "edge-2 已离线" in shown(site, MANAGER)[2]
        assert "edge-2" not in shown(site, L1_LEADER)[2]
