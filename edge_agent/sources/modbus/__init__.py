"""Modbus machines: links, the poll of each machine, the plan of its requests."""
