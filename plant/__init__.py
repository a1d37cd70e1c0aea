"""The plant: its lines and presses, its calendar of shifts."""
