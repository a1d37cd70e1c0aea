-- Who releases orders gives one its material that was released without.

insert into people.role_right (role, may)
select role, 'work_order.material' from people.role_right where may = 'work_order.release';
