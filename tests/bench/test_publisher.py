"""The benchmark's own node behaves as a node: asked for its births, it says them and goes on."""

import json
import sys
import time

import pytest

from bench import garbage
from bench.publisher import NODE, SITE
from bench.rig import line_of, rig, say
from edge_agent.wire import Topic, rebirth_request
from pressline.demo.broker import find_mosquitto

METRICS, MESSAGES, DEVICES = 10, 400, 4


@pytest.mark.wire
@pytest.mark.skipif(find_mosquitto() is None, reason="needs mosquitto")
def test_a_node_that_is_asked_for_its_births_loses_and_doubles_nothing() -> None:
    numbers = (METRICS, MESSAGES, DEVICES)
    with rig() as ground:
        ground.ingest()
        command = [sys.executable, "-m", "bench.publisher", str(ground.port), *map(str, numbers)]
        publisher = ground.program("publisher", *command)
        line_of(publisher)
        now = time.time_ns() // 1_000_000
        request = str(Topic("NCMD", SITE, NODE)), rebirth_request(now)
        assert garbage.send(ground.port, [request, request]) == 2
        say(publisher)
        told = json.loads(line_of(publisher))
        with ground.connection() as connection:
            row = connection.execute(
                "select count(*), count(distinct (number, channel)) from signal.reading"
            ).fetchone()
    assert told["births"] >= 3
    assert row == (METRICS * MESSAGES, METRICS * MESSAGES)
