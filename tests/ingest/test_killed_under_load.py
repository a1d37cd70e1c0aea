"""Ingest killed at random moments under 20,000 readings a second: nothing lost, nothing doubled."""

import json
import random
import subprocess
import sys
import time

import pytest
from floor import Ingest, Watcher

from tests.broker import Mosquitto

DEVICES, METRICS, PER_S, SECONDS = 10, 10, 20_000, 5
RECORDS = DEVICES + PER_S // METRICS * SECONDS  # the first one of each device goes before
KILLS = 5


@pytest.mark.wire
@pytest.mark.parametrize("flavour", ["plain"], indirect=True, scope="session")
def test_readings_are_there_once_however_often_ingest_is_killed(
    broker: Mosquitto, ingest: Ingest, watcher: Watcher
) -> None:
    chance = random.Random(7)
    numbers = map(str, (broker.port, METRICS, DEVICES, PER_S, SECONDS))
    with subprocess.Popen(
        [sys.executable, "-m", "bench.traffic", *numbers],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    ) as node:  # fmt: skip
        assert node.stdin is not None
        assert node.stdout is not None
        assert node.stdout.readline() == "ready\n"
        print(file=node.stdin, flush=True)
        for number in sorted(chance.sample(range(100, RECORDS - 2000), KILLS)):
            watcher.until_number(number)
            time.sleep(chance.random() / 20)  # anywhere between two commits
            ingest.kill()
            ingest.start()
        told = json.loads(node.stdout.readline())
    assert told["readings"] == PER_S * SECONDS
    assert told["twice"] > 0  # what was on its way when ingest was killed
    [(rows, once, last, gaps)] = watcher.rows(
        "select count(*), count(distinct (outbox, number, channel)), max(number), "
        "(select count(*) from signal.gap) from signal.reading"
    )
    assert (rows, once, last, gaps) == (RECORDS * METRICS, RECORDS * METRICS, RECORDS, 0)
    [(steps,)] = watcher.rows(
        "select count(*) from (select r.count - lag(r.count) over (partition by channel order by "
        "number) as step from signal.reading r join signal.channel c on c.id = channel "
        "where c.kind = 'counter') each where step <> 1"
    )
    assert steps == 0
