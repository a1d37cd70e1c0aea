-- A publication of all tables (a standby of reports, headquarters) makes PostgreSQL refuse UPDATE and DELETE on
-- tables that cannot name their rows: every table has a primary key or says that the whole row is its name.
alter table mes.press_state add primary key (press, span);

-- Their keys may be null: a gap has no minute, an unattributed fact no segment, unscanned material no lot.
alter table mes.fact_minute replica identity full;
alter table erp.report_use replica identity full;
alter table signal.reading replica identity full;
