-- Views of schema board: what boards, Grafana and outsiders may read.
create view board.press as
  select p.name as press, p.line, p.position, p.top_spm from mes.press p;
