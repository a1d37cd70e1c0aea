-- A run signal may have more than two values: what each means is told by the plant file.

alter table mes.press add column run_states jsonb;
comment on column mes.press.run_states is 'What the values of the run signal mean: {"0": "stopped", "2": "running", "3": "alarm"}; one that is not listed is unknown. Null: 0 is stopped, everything else running.';

alter table mes.press_state
  drop constraint press_state_state,
  add constraint press_state_state check (state in ('running', 'stopped', 'alarm', 'unknown'));
comment on column mes.press_state.state is 'alarm: it stands, and its run signal says why no better than that. Seconds of it are stopped seconds.';

alter table mes.press_watch add column last_signal text;
update mes.press_watch set last_signal = case when last_running then 'running' else 'stopped' end
where last_running is not null;
alter table mes.press_watch drop column last_running;
comment on column mes.press_watch.last_signal is 'What the run signal said last.';
