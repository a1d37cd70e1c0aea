"""The Sparkplug host: takes messages from the broker, commits them, acknowledges what is committed.

Online only while it can commit: work that waits longer than five seconds for the database turns
STATE offline, and edges keep their records. One host per host id, by a lock in the database.
"""

import signal
import threading
import time
from collections.abc import Sequence

import structlog

from database.connection import Connection
from database.migrate import require_current
from edge_agent.wire import Topic, rebirth_request
from ingest.errors import LockLostError, StoppedError
from ingest.group import EVERY, Group
from ingest.intake import Answers, Intake
from ingest.mqtt import HostClient
from ingest.session import Session
from ingest.store import OvertakenError

log = structlog.get_logger()

MOST_MESSAGES, MOST_BYTES = 2000, 2_000_000  # of one commit
LINGER_S = 0.02  # a commit waits this long for company
IDLE_S = 1.0  # between looks at the database while nothing comes
OFFLINE_AFTER_S = 5.0
WATCH_S = 0.5


def run(
    database: str, mqtt_host: str, mqtt_port: int, host_id: str, nodes: Sequence[str] = ()
) -> None:
    """Be the host of these nodes until SIGTERM or SIGINT.

    Raises OutdatedError when the schema is not current, GroupError when `nodes` are no patterns.
    """
    group = Group(host_id, tuple(nodes) or EVERY)
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda _number, _frame: stop.set())
    require_current(database, stop=stop.is_set)
    Host(database, mqtt_host, mqtt_port, group, stop).run()


class Host:
    """One host, from standing by to stopping."""

    def __init__(
        self, database: str, mqtt_host: str, mqtt_port: int, group: Group, stop: threading.Event
    ) -> None:
        self._mqtt, self._group = (mqtt_host, mqtt_port), group
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
        intake = Intake(
            self._session, lambda: time.time_ns() // 1_000_000, time.monotonic, self._group
        )
        client = HostClient(*self._mqtt, self._group)
        done = threading.Event()
        watchdog = threading.Thread(target=self._watch, args=(client, done), daemon=True)
        client.open()
        watchdog.start()
        try:
            while not self._stop.is_set():
                self._turn(intake, client)
        finally:
            done.set()
            watchdog.join()
            client.close()

    def _turn(self, intake: Intake, client: HostClient) -> None:
        messages = client.take(MOST_MESSAGES, MOST_BYTES, LINGER_S, IDLE_S)
        if not messages:
            self._session.run(_look)
        for topic, payload in messages:
            intake.take(topic, payload)
        _tell(client, intake.commit())

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


def _look(connection: Connection) -> None:
    connection.execute("select 1")


def _tell(client: HostClient, answers: Answers) -> None:
    now = time.time_ns() // 1_000_000
    for node, ack in answers.acks:
        topic = str(Topic("NCMD", node.site, node.node))
        client.publish(topic, ack.encode(node.ack_alias, now))
    for node in answers.rebirths:
        log.info("asking for a rebirth", site=node.site, node=node.node)
        client.publish(str(Topic("NCMD", node.site, node.node)), rebirth_request(now))
