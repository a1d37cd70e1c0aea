"""Failed first articles: no good part is counted and people are told, until one passes."""

from mes_bridge.moment import Moment
from people import notices

KIND = "first_article"
TOLD = ("leader", "quality")


def tell(moment: Moment) -> None:
    """Tell leaders and inspectors that the press makes no good parts any more."""
    for role in TOLD:
        notices.raise_once(
            moment.connection, KIND, f"{moment.press}/{role}", moment.press, role, moment.now
        )


def settle(moment: Moment) -> None:
    """A first article passed: nobody has to come any more."""
    for role in TOLD:
        notices.close(moment.connection, KIND, f"{moment.press}/{role}", moment.now)


def failed(moment: Moment, die: str) -> bool:
    """Whether the die's last first article failed, since it was mounted, and nothing came after.

    A job that was ended meanwhile does not make it pass.
    """
    row = moment.connection.execute(
        """
        select a.args -> 'pass' = 'false' and coalesce(last.kind, '') <> 'production'
        from mes.die_mount m
        join people.act a on a.press = m.press and a.act = 'first_article' and m.span @> a.at
        left join lateral (
          select s.kind from mes.run r join mes.run_segment s on s.run = r.id
          where r.press = m.press and r.die = m.die and r.source = 'scan'
            and not isempty(s.span) and lower(s.span) < %(at)s
          order by lower(s.span) desc limit 1
        ) last on true
        where m.press = %(press)s and m.die = %(die)s and m.span @> %(at)s::timestamptz
          and a.at <= %(at)s
        order by a.at desc, a.recorded_at desc limit 1
        """,
        {"press": moment.press, "die": die, "at": moment.at},
    ).fetchone()
    return bool(row and row[0])
