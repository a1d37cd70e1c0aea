-- What was counted over unseen time is looked for from an instant on, so that nothing reads all of it at each look.

drop index mes.count_unseen;
create index count_unseen on mes.count (press, at) where unseen;
