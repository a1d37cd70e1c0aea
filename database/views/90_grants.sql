-- The board role (made by `pressline board-role`) reads the views of schema board and nothing else.
do $$
begin
  if exists (select from pg_roles where rolname = 'board') then
    grant usage on schema board to board;
    grant select on all tables in schema board to board;
  end if;
end $$;
