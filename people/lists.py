"""Lists of who is here, of acts (who did what), of jobs to be done, of people's tokens."""

from people.listings import Column, Listing

ACTS = Listing(
    "trail", "trail.see",
    """
    select a.recorded_at as at, a.id::text as id, coalesce(e.name, a.who) as who, a.act,
           coalesce(a.press, '') as press, array_to_string(a.about, ' ') as about,
           (select count(*) from people.change c where c.act = a.id) as changes,
           t.name as token
    from people.act a left join people.person e on e.code = a.who
    left join people.token t on t.id = a.token
    """,
    (
        Column("at", "at"), Column("who"), Column("act", "word", word="act_word"), Column("press"),
        Column("about"), Column("changes", "count"), Column("token"),
    ),
    key=("at", "id"), exact=("act", "who"), newest_first=True,
)  # fmt: skip

JOBS = Listing(
    "jobs", "job.see",
    """
    select j.id, j.made_at, j.kind, j.key, j.tries, coalesce(j.error, '') as error,
           case when j.failed_at is not null then 'failed' when j.tries > 0 then 'again'
                else 'waiting' end as state,
           case when j.failed_at is null then j.due end as next_try,
           case when j.failed_at is null then '{}' else '{job.retry,job.drop}'::text[] end as deeds
    from people.job j
    """,
    (
        Column("id", "count"), Column("made_at", "at"), Column("kind", "word", word="job"),
        Column("key"), Column("state", "word", word="job_state"), Column("tries", "count"),
        Column("next_try", "at"), Column("error"),
    ),
    key=("id",), find=("key", "error"), exact=("state",), newest_first=True,
    row_deeds=("job.retry", "job.drop"),
)  # fmt: skip

NOTICE_KINDS = Listing(
    "notice_kinds", "notice_kind.see",
    """
    select k.code as kind, k.minutes, k.next_role, '{notice_kind.change}'::text[] as deeds
    from people.notice_kind k
    """,
    (
        Column("kind", "word", word="notice_kind"), Column("minutes", "count"),
        Column("next_role", "word", word="role"),
    ),
    key=("kind",), row_deeds=("notice_kind.change",),
)  # fmt: skip

TOKENS = Listing(
    "tokens", "token.see",
    """
    select t.id, p.name as who, t.name as token, cardinality(t.rights) as may, t.made as since,
           t.ends, t.ended, u.at as used, u.address as used_from
    from people.token t join people.person p on p.code = t.person
    left join people.token_use u on u.token = t.id
    """,
    (
        Column("who"), Column("token"), Column("may", "count"), Column("since", "at"),
        Column("ends", "at"), Column("ended", "at"), Column("used", "at"), Column("used_from"),
    ),
    key=("id",), find=("who", "token"), newest_first=True,
)  # fmt: skip

ROBOTS = Listing(
    "robots", "robot.see",
    """
    select r.name, r.platform, r.language, r.notice_kinds, cardinality(r.notice_kinds) as told_of,
           r.active, case when r.active then 'on' else 'off' end as robot_state,
           waiting.n as waiting, sent.at as last_sent,
           coalesce(waiting.error, sent.answer) as answer,
           '{robot.change,robot.test,robot.remove}'::text[] as deeds
    from people.robot r
    left join lateral (select count(*) as n, max(j.error) as error from people.job j
                       where j.queue = 'robot/' || r.name) waiting on true
    left join lateral (select s.at, s.answer from people.robot_sent s where s.robot = r.name
                       order by s.at desc limit 1) sent on true
    """,
    (
        Column("name"), Column("platform", "word", word="platform"),
        Column("language", "word", word="language"), Column("told_of", "count"),
        Column("robot_state", "word", word="robot_state"), Column("waiting", "count"),
        Column("last_sent", "at"), Column("answer"),
    ),
    key=("name",), find=("name",), deeds=("robot.create",),
    row_deeds=("robot.change", "robot.test", "robot.remove"),
)  # fmt: skip

STAFF = Listing(
    "staff", "people.see",
    """
    select p.code as person, p.name as called, p.role, array_to_string(p.lines, ' ') as on_lines,
           array_to_string(p.customers, ' ') as customers, p.active::text as here,
           (select max(s.started) from people.session s where s.person = p.code) as signed_in,
           p.left_at
    from people.person p
    """,
    (
        Column("person"), Column("called"), Column("role", "word", word="role"), Column("on_lines"),
        Column("customers"), Column("here", "word", word="truth"),
        Column("signed_in", "at"), Column("left_at", "at"),
    ),
    key=("person",), find=("person", "called", "on_lines", "customers"), exact=("role", "here"),
)  # fmt: skip

LISTS = (ACTS, JOBS, NOTICE_KINDS, TOKENS, ROBOTS, STAFF)
