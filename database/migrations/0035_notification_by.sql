-- Who closed what waited for someone (null: nobody, its cause went away), and looking it up in years of rows.
alter table erp.notification add column done_by text references erp.person (code);
comment on column erp.notification.done_by is 'Whose act closed it; null when its cause went away by itself.';
create index notification_open on erp.notification (at) where done_at is null;
create index notification_done on erp.notification (done_at) where done_at is not null;
