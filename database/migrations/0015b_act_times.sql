-- The newest act of a press is asked for with every act: is the clock where it was?

create index act_press on mes.act (press, at);
