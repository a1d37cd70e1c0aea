"""Messages that nobody should have sent: noise, nonsense and requests at the wrong time.

Nothing here forges a record of the node's own outbox: who may publish as that node is the broker's
access list's business (config/mosquitto/plant.acl), and the demo's broker has none.
"""

import random
import time
from collections.abc import Callable, Sequence

from paho.mqtt.client import Client
from paho.mqtt.enums import CallbackAPIVersion

from edge_agent.wire import NAMESPACE, NODE_ALIASES, OUTBOX_ACK, Ack, rebirth_request, state_topic

SITE, NODE, HOST = "demo-1", "edge-1", "pressline"  # as in the demo's plant file
MESSAGES = 20
PATIENCE_S = 5.0  # until the broker has taken them
STORM = 50  # rebirth requests at once
FOREIGN_OUTBOX = "00000000-0000-4000-8000-000000000000"

Message = tuple[str, bytes]
Messages = Callable[[random.Random, int], list[Message]]


def messages(chance: random.Random, now: int) -> list[Message]:
    """A handful of bad messages; `now` in ms."""
    return [chance.choice(SORTS)(chance, now) for _ in range(MESSAGES)]


def rebirths(now: int) -> list[Message]:
    """The same request many times over, as hosts that started together would send; `now` in ms."""
    return [(f"{NAMESPACE}/{SITE}/NCMD/{NODE}", rebirth_request(now))] * STORM


def send(port: int, messages: Sequence[Message]) -> int:
    """Publish messages; returns how many the broker at that port took.

    Raises OSError when it does not answer.
    """
    client = Client(CallbackAPIVersion.VERSION2, client_id="fault-lab")
    client.connect_timeout = 1.0
    client.connect("127.0.0.1", port)
    client.loop_start()
    try:
        sent = [client.publish(topic, load, qos=1) for topic, load in messages]
        end = time.monotonic() + PATIENCE_S
        while not all(one.is_published() for one in sent) and time.monotonic() < end:
            time.sleep(0.01)
        return sum(one.is_published() for one in sent)
    finally:
        client.disconnect()
        client.loop_stop()


def _noise_as_the_node(chance: random.Random, now: int) -> Message:
    kind = chance.choice(("DDATA", "DBIRTH", "DDEATH"))
    press = f"P0{chance.randint(1, 9)}"
    return f"{NAMESPACE}/{SITE}/{kind}/{NODE}/{press}", _noise(chance)


def _noise_about_the_node(chance: random.Random, now: int) -> Message:
    kind = chance.choice(("NBIRTH", "NDEATH", "NDATA"))
    return f"{NAMESPACE}/{SITE}/{kind}/{NODE}", _noise(chance)


def _noise_to_the_node(chance: random.Random, now: int) -> Message:
    return f"{NAMESPACE}/{SITE}/NCMD/{NODE}", _noise(chance)


def _noise_from_strangers(chance: random.Random, now: int) -> Message:
    levels = [NAMESPACE, "x", "STATE", "DDATA", "北", "edge-9", "", "1/2/3/4"]
    return "/".join([NAMESPACE, *chance.sample(levels, chance.randint(1, 5))]), _noise(chance)


def _noise_as_the_host(chance: random.Random, now: int) -> Message:
    said = [b"OFFLINE", b"{}", b'{"online": false, "timestamp": 1}', b'{"online": 0}', b"[]"]
    return state_topic(HOST), chance.choice([*said, _noise(chance)])


def _acknowledgement_of_another_outbox(chance: random.Random, now: int) -> Message:
    ack = Ack(FOREIGN_OUTBOX, chance.randrange(1 << 40), hole=chance.random() < 0.5)
    topic = f"{NAMESPACE}/{SITE}/NCMD/{NODE}"
    return topic, ack.encode(NODE_ALIASES[OUTBOX_ACK], now)


def _rebirth_again(chance: random.Random, now: int) -> Message:
    return f"{NAMESPACE}/{SITE}/NCMD/{NODE}", rebirth_request(now)


def _noise(chance: random.Random) -> bytes:
    return chance.randbytes(chance.choice((0, 1, 7, 64, 700, 20_000)))


SORTS: tuple[Callable[[random.Random, int], Message], ...] = (
    _noise_as_the_node,
    _noise_about_the_node,
    _noise_to_the_node,
    _noise_from_strangers,
    _noise_as_the_host,
    _acknowledgement_of_another_outbox,
    _rebirth_again,
)
