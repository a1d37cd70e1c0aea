"""The Sparkplug host: takes messages from the broker, commits them, acknowledges what is committed.

Online only while it can commit: work that waits longer than five seconds for the database turns
STATE offline, and edges keep their records. One host per host id, by a lock in the database.

Three threads hand a message on, so that decoding and committing overlap:

    network (paho)  --inbox, bounded-->  intake (the main one)  --one batch-->  writer (the session)

- At most one batch is with the writer. It is settled (in the database) before the next one is
  handed over, so watermarks move in order; what a batch could not write ends the intake that
  made it, and nothing of it or after it is acknowledged.
- Births, deaths and looks go through the writer too and are waited for: they come after the batch
  it has. A birth of a node first settles what waits, so that it finds the watermark in place.
- Only what is settled is acknowledged, and a hole is told once all before it is settled.
- Nothing grows without end: the writer is waited for when the open batch is full, then the inbox
  fills, then messages are dropped, and numbered ones come again.
- Quarantine is looked at every minute and cut to its bounds, between two batches.
- Asked to stop: what was taken is written and acknowledged if the database takes it.
"""

import signal
import threading
import time
from collections.abc import Sequence
from concurrent.futures import Future

import structlog

from database.connection import Connection
from database.migrate import require_current
from edge_agent.shutdown import end_with_any_thread
from edge_agent.wire import Topic, rebirth_request
from ingest import metrics
from ingest.errors import LockLostError, StoppedError
from ingest.group import EVERY, MOST_NODES, REORDER_S, Group
from ingest.intake import Answers, Intake
from ingest.mqtt import HostClient
from ingest.quarantine_bounds import Bounds, Keeping, Quarantine
from ingest.session import Session
from ingest.store import OvertakenError
from ingest.writer import Writer

log = structlog.get_logger()

MOST_MESSAGES, MOST_BYTES = 4000, 2_000_000  # of one batch, and what came in one piece with them
ENOUGH_MESSAGES, ENOUGH_BYTES = 500, 250_000  # a batch of this size is handed over at once
LINGER_S = 0.02  # a smaller one waits this long for company
IDLE_S = 1.0  # between looks at the database while nothing comes
OFFLINE_AFTER_S = 5.0
WATCH_S = 0.5


def run(
    database: str,
    mqtt_host: str,
    mqtt_port: int,
    host_id: str,
    nodes: Sequence[str] = (),
    reorder_s: float = REORDER_S,
    bounds: Bounds | None = None,
    most: int = MOST_NODES,
) -> None:
    """Be the host of these nodes, `most` of them, until SIGTERM or SIGINT.

    `bounds` are those of quarantine.

    Raises OutdatedError when the schema is not current, GroupError when `nodes` are no patterns.
    """
    group = Group(host_id, tuple(nodes) or EVERY, reorder_s, most)
    end_with_any_thread()
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda _number, _frame: stop.set())
    require_current(database, stop=stop.is_set)
    Host(database, mqtt_host, mqtt_port, group, stop, bounds).run()


class Host:
    """One host, from standing by to stopping."""

    def __init__(
        self,
        database: str,
        mqtt_host: str,
        mqtt_port: int,
        group: Group,
        stop: threading.Event,
        bounds: Bounds | None = None,
    ) -> None:
        self._mqtt, self._group, self._bounds = (mqtt_host, mqtt_port), group, bounds or Bounds()
        self._stop = stop
        self._session = Session(database, group.host, stop)

    def run(self) -> None:
        """Take over, work, start over when another took the lock; until asked to stop."""
        try:
            while self._session.open():
                try:
                    self._work()
                except (LockLostError, OvertakenError) as error:
                    log.warning("starting over", reason=str(error))
                    self._session.close()
        except StoppedError:
            pass
        finally:
            self._session.close()

    def _work(self) -> None:
        client = HostClient(*self._mqtt, self._group)
        done = threading.Event()
        watchdog = threading.Thread(target=self._watch, args=(client, done), daemon=True)
        with Writer(self._session) as writer:
            turns = Turns(writer, client, self._group, self._bounds)
            client.open()
            metrics.ONLINE.set(1)
            watchdog.start()
            try:
                while not self._stop.is_set():
                    turns.turn()
                turns.end()
            finally:
                done.set()
                watchdog.join()
                client.close()
                metrics.ONLINE.set(0)

    def _watch(self, client: HostClient, done: threading.Event) -> None:
        """Turn STATE offline while the work at hand waits for the database."""
        away = False
        while not done.wait(WATCH_S):
            since = self._session.busy_since
            late = since is not None and time.monotonic() - since > OFFLINE_AFTER_S
            if late != away:
                away = late
                log.info("host offline: no commit" if late else "host online: commits again")
                client.set_online(online=not late)
                metrics.ONLINE.set(not late)


class Turns:
    """What the main thread does again and again: takes messages, hands batches over, answers."""

    def __init__(self, writer: Writer, client: HostClient, group: Group, bounds: Bounds) -> None:
        self._writer, self._client = writer, client
        self._keeping = Keeping(Quarantine(bounds))
        self._intake = Intake(
            writer,
            lambda: time.time_ns() // 1_000_000,
            time.monotonic,
            group,
            self._keeping.quarantine,
        )
        metrics.NODES.nodes = lambda: self._intake.nodes
        self._tidied: Future[None] | None = None
        self._opened_at: float | None = None  # when the first message of the open batch came
        self._wrote_at = time.monotonic()

    def turn(self) -> None:
        """Take what came, hand the batch over when it is time, answer; waits a second at most."""
        intake = self._intake
        messages = self._client.inbox.take(self._pause())
        for topic, payload in messages:
            intake.take(topic, payload)
        overdue = intake.give_up_overdue()
        if (messages or overdue) and self._opened_at is None:
            self._opened_at = time.monotonic()
        if not intake.writing or self._full():
            intake.settle()
        _tell(self._client, intake.answers())
        if not intake.writing:
            self._write()

    def end(self) -> None:
        """Write and acknowledge what was taken."""
        _tell(self._client, self._intake.commit())

    def _write(self) -> None:
        now = time.monotonic()
        if self._opened_at is not None:
            if self._enough() or now - self._opened_at >= LINGER_S:
                self._hand_over()
        elif now - self._wrote_at >= IDLE_S:
            self._writer.run(_look)
            self._wrote_at = now
        if self._keeping.due(now):
            if self._tidied is not None:
                self._tidied.result()
            self._tidied = self._writer.start(self._keeping.tidy)

    def _hand_over(self) -> None:
        written = self._intake.hand_over()
        self._opened_at = None
        if written is not None:
            self._wrote_at = time.monotonic()
            written.add_done_callback(lambda _: self._client.inbox.wake())

    def _pause(self) -> float:
        """How long there is nothing to do but to wait for messages or for the writer (seconds)."""
        if self._opened_at is None or self._intake.writing:
            return IDLE_S
        return 0.0 if self._enough() else self._opened_at + LINGER_S - time.monotonic()

    def _enough(self) -> bool:
        batch = self._intake.open
        return batch.messages >= ENOUGH_MESSAGES or batch.size >= ENOUGH_BYTES

    def _full(self) -> bool:
        batch = self._intake.open
        return batch.messages >= MOST_MESSAGES or batch.size >= MOST_BYTES


def _look(connection: Connection) -> None:
    connection.execute("select 1")


def _tell(client: HostClient, answers: Answers) -> None:
    now = time.time_ns() // 1_000_000
    for node, ack in answers.acks:
        topic = str(Topic("NCMD", node.site, node.node))
        client.publish(topic, ack.encode(node.ack_alias, now))
        (metrics.HOLES if ack.hole else metrics.ACKS).inc()
    for node in answers.rebirths:
        log.info("asking for a rebirth", site=node.site, node=node.node)
        metrics.REBIRTHS.inc()
        client.publish(str(Topic("NCMD", node.site, node.node)), rebirth_request(now))
