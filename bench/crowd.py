"""A crowd at the pages: acts, sign-ins and live streams at one instant, and nobody sent away.

The plant has 200 presses at work, and a die with a million strokes in single counts. The web runs
as a process of its own; who asks is one process beside it, on the same machine.
"""

import asyncio
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from uuid import uuid4

from bench import crowd_plant
from bench.crowd_client import Answer, Line, follow
from bench.figure import Figure, percentile
from bench.rig import BenchError, Rig, cpu_seconds, rig
from pressline.demo.shopfloor import free_ports

PRESSES = 200
STROKES = 1_000_000  # of one die, each a count of its own
ROUNDS = 3  # instants at which everybody acts
SIGN_INS = 25  # by badge, and as many by PIN, at the same instant
STREAMS = 200
MOST_STREAMS = 500
HEALTH_S, HEALTH_EVERY = 20.0, 0.05


def crowd_figures() -> list[Figure]:
    """Acts at one instant beside sign-ins and streams; then the health check beside streams."""
    with rig() as made:
        with made.connection() as connection:
            crowd_plant.furnish(connection, PRESSES, STROKES, datetime.now(UTC))
        port = _web(made)
        return asyncio.run(_measured(made, port))


def _web(made: Rig) -> int:
    [port] = free_ports(1)
    made.children.start(
        "web", "web", "run", "--database", made.server.url, "--port", f"{port}"
    )  # fmt: skip
    made.until("the pages", lambda: asyncio.run(_healthy(port)), 30)
    return port


async def _healthy(port: int) -> bool:
    try:
        async with Line(port) as line:
            return (await line.get("/healthz")).status == 200
    except OSError:
        return False


async def _measured(made: Rig, port: int) -> list[Figure]:
    sessions = await _sign_in_all(port)
    async with follow(port, STREAMS):
        answers, health, signed = await _instants(made, port, sessions)
    stored = _stored(made)
    figures = _of_acts(answers, health, signed, stored)
    async with follow(port, MOST_STREAMS) as heard:
        return [*figures, *await _beside_streams(made, port, heard)]


async def _sign_in_all(port: int) -> list[str]:
    """Everybody's session, a shift's beginning: all of them at one instant."""
    answers = await asyncio.gather(
        *(_sign_in(port, {"badge": crowd_plant.badge(n)}) for n in range(PRESSES))
    )
    refused = [answer for answer in answers if answer.status != 200]
    if refused:
        raise BenchError(f"{len(refused)} of {PRESSES} sign-ins by badge: {refused[0]}")
    return [answer.cookie for answer in answers]


async def _sign_in(port: int, given: dict[str, str]) -> Answer:
    async with Line(port) as line:
        return await line.post("/api/sign-in", given)


async def _instants(
    made: Rig, port: int, sessions: Sequence[str]
) -> tuple[list[Answer], list[Answer], list[Answer]]:
    acts: list[Answer] = []
    health: list[Answer] = []
    signed: list[Answer] = []
    for _ in range(ROUNDS):
        watching = asyncio.create_task(_ask_health(port, None))
        lines = [await Line(port).open() for _ in sessions]
        sign_ins = asyncio.gather(*(_sign_in(port, given) for given in _given()))
        acts += await asyncio.gather(
            *(
                _act(line, n, session)
                for n, (line, session) in enumerate(zip(lines, sessions, strict=True))
            )
        )
        signed += await sign_ins
        for line in lines:
            line.close()
        watching.cancel()
        health += await watching
        made.children.check()
    return acts, health, signed


def _given() -> list[dict[str, str]]:
    by_pin = [{"person": crowd_plant.person(n), "pin": crowd_plant.PIN} for n in range(SIGN_INS)]
    return [*by_pin, *({"badge": crowd_plant.badge(n)} for n in range(SIGN_INS))]


async def _act(line: Line, n: int, session: str) -> Answer:
    body = {
        "id": str(uuid4()), "press": crowd_plant.press(n), "act": "scrap",
        "args": {"qty": 1, "reason": "burr"},
    }  # fmt: skip
    return await line.post("/api/acts", body, session)


async def _ask_health(port: int, seconds: float | None) -> list[Answer]:
    """Ask again and again, each time in time whatever became of the one before; until cancelled."""
    asked: list[asyncio.Task[Answer]] = []
    end = None if seconds is None else time.monotonic() + seconds
    try:
        while end is None or time.monotonic() < end:
            asked.append(asyncio.create_task(_health(port)))
            await asyncio.sleep(HEALTH_EVERY)
    except asyncio.CancelledError:
        pass
    return list(await asyncio.gather(*asked))


async def _health(port: int) -> Answer:
    async with Line(port) as line:
        return await line.get("/healthz")


def _stored(made: Rig) -> int:
    with made.connection() as connection:
        row = connection.execute("select count(*) from people.act where act = 'scrap'").fetchone()
    assert row is not None
    return row[0]


def _of_acts(
    answers: Sequence[Answer], health: Sequence[Answer], signed: Sequence[Answer], stored: int
) -> list[Figure]:
    took = [answer.seconds for answer in answers]
    pulses = [answer.seconds for answer in health]
    return [
        Figure(
            "crowd_acts_refused",
            _failed(answers),
            "<",
            1,
            f"of {len(answers)}, {PRESSES} at once{_why(answers)}",
        ),
        Figure("crowd_acts_not_once", abs(len(answers) - stored), "<", 1, "acts"),
        Figure("crowd_act_p50_s", percentile(took, 50), "<", None, "s"),
        Figure("crowd_act_p95_s", percentile(took, 95), "<", 3, "s"),
        Figure("crowd_act_max_s", max(took), "<", None, "s"),
        Figure("crowd_sign_ins_refused", _failed(signed), "<", 1, f"of {len(signed)} beside them"),
        Figure("crowd_sign_in_p95_s", percentile([a.seconds for a in signed], 95), "<", None, "s"),
        Figure("crowd_health_failed", _failed(health), "<", 1, f"of {len(health)} beside them"),
        Figure("crowd_health_p99_s", percentile(pulses, 99), "<", None, "s"),
    ]


def _failed(answers: Sequence[Answer]) -> int:
    return sum(answer.status != 200 for answer in answers)


def _why(answers: Sequence[Answer]) -> str:
    """What the first refused one was told."""
    told = (f": {answer.status} {answer.body[:120]}" for answer in answers if answer.status != 200)
    return next(told, "")


async def _beside_streams(made: Rig, port: int, heard: Sequence[int]) -> list[Figure]:
    web = made.children.all["web"].process
    assert web is not None
    before, began = cpu_seconds(web.pid), time.monotonic()
    start = sum(heard)
    health = await _ask_health(port, HEALTH_S)
    seconds = time.monotonic() - began
    busy = (cpu_seconds(web.pid) - before) / seconds
    took = [answer.seconds for answer in health]
    dumb = sum(one == 0 for one in heard)
    return [
        Figure("streams_health_failed", _failed(health), "<", 1, f"of {len(health)}"),
        Figure("streams_health_p99_s", percentile(took, 99), "<", 0.1, "s"),
        Figure("streams_without_news", dumb, "<", 1, f"of {MOST_STREAMS}"),
        Figure("streams_kb_per_s", (sum(heard) - start) / seconds / 1000, ">", None, "kB/s, all"),
        Figure("streams_web_cpu_share", busy, "<", None, "of a core"),
    ]
