"""Pages of the floor: wall board, terminal, attention, labels."""
