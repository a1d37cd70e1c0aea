-- Several Sparkplug hosts on one database: each node is served by one.

alter table signal.node add column host text;
comment on column signal.node.host is 'Host id that serves the node. Another one may take it once this one''s advisory lock is free.';
