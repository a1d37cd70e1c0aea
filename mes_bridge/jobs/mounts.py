"""Dies on presses: a dated interval per mounting. The strokes of that time wear that die."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from psycopg.rows import class_row

from database.connection import Connection
from mes_bridge.moment import Moment
from mes_bridge.refusal import Refused


@dataclass(frozen=True, slots=True)
class Mount:
    """A die on a press; `until` None: it is still there."""

    id: int
    press: str
    die: str
    since: datetime
    until: datetime | None


def mounted(connection: Connection, press: str, at: datetime) -> Mount | None:
    """The die on the press at that instant, or None."""
    with connection.cursor(row_factory=class_row(Mount)) as cursor:
        return cursor.execute(
            "select id, press, die, lower(span) as since, upper(span) as until "
            "from mes.die_mount where press = %s and span @> %s::timestamptz",
            [press, at],
        ).fetchone()


def mount(moment: Moment, die: str) -> None:
    """Put the die on the press from the moment on; what was there before ends.

    A run that is open there must have been closed. Raises Refused die_unknown, die_does_not_fit,
    run_open_elsewhere, run_overlap.
    """
    hold(moment.connection, die)
    check_fits(moment.connection, die, moment.press)
    end(moment)
    _free_elsewhere(moment, die)
    moment.connection.execute(
        """
        insert into mes.die_mount (press, die, span, act)
        select %(press)s, %(die)s, tstzrange(%(at)s, min(lower(m.span))), %(act)s
        from mes.die_mount m where m.press = %(press)s and lower(m.span) > %(at)s
        """,
        {"press": moment.press, "die": die, "at": moment.at, "act": moment.act},
    )


def end(moment: Moment) -> Mount | None:
    """Take the die off the press; the mounting that ended, or None when there was none.

    Raises Refused run_overlap when that mounting was already ended later than the moment.
    """
    there = mounted(moment.connection, moment.press, moment.at)
    if there is None:
        return None
    if there.until is not None:
        raise Refused("run_overlap", press=moment.press, at=moment.at)
    _close(moment.connection, there.id, moment.at)
    return there


def hold(connection: Connection, die: str) -> None:
    """Keep others from mounting or starting the die until the transaction ends.

    Raises Refused die_unknown.
    """
    row = connection.execute(
        "select 1 from erp.die where code = %s for no key update", [die]
    ).fetchone()
    if row is None:
        raise Refused("die_unknown", die=die)


def check_fits(connection: Connection, die: str, press: str) -> None:
    """Raises Refused die_does_not_fit unless the die fits the press."""
    rows = connection.execute("select press from erp.die_press where die = %s", [die]).fetchall()
    if rows and (press,) not in rows:
        raise Refused("die_does_not_fit", die=die, job=press, dies=_fitting(connection, press))


def _fitting(connection: Connection, press: str) -> list[str]:
    rows = connection.execute(
        """
        select d.code from erp.die d
        where not exists (select 1 from erp.die_press p where p.die = d.code)
           or exists (select 1 from erp.die_press p where p.die = d.code and p.press = %s)
        order by d.code limit 5
        """,
        [press],
    )
    return [code for (code,) in rows]


def _free_elsewhere(moment: Moment, die: str) -> None:
    """A die that someone carried here is no longer where it was, unless it runs there."""
    row = moment.connection.execute(
        """
        select m.id, m.press, exists (
          select 1 from mes.run r
          where r.press = m.press and r.die = m.die and r.source = 'scan'
            and r.span && tstzrange(%(at)s, null))
        from mes.die_mount m
        where m.die = %(die)s and m.press <> %(press)s and m.span @> %(at)s::timestamptz
        """,
        {"die": die, "press": moment.press, "at": moment.at},
    ).fetchone()
    if row is None:
        return
    mount_id, other, running = row
    if running:
        raise Refused("run_open_elsewhere", die=die, other=other)
    _close(moment.connection, mount_id, moment.at)


def _close(connection: Connection, mount_id: int, at: datetime) -> None:
    connection.execute(
        "update mes.die_mount set span = span * tstzrange(null, %s) where id = %s", [at, mount_id]
    )


def forget(moment: Moment, act: UUID) -> None:
    """Take a mounting back, as if it had not been; the die that was there before goes on."""
    row = moment.connection.execute(
        "select id, lower(span), upper(span) from mes.die_mount "
        "where press = %s and act = %s and not isempty(span)",
        [moment.press, act],
    ).fetchone()
    if row is None:
        return
    mount, since, until = row
    moment.connection.execute("update mes.die_mount set span = 'empty' where id = %s", [mount])
    moment.connection.execute(
        "update mes.die_mount set span = tstzrange(lower(span), %s) "
        "where press = %s and not isempty(span) and upper(span) = %s",
        [until, moment.press, since],
    )
