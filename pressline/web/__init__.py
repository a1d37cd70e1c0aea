"""The pages: wall board, terminal, work orders."""
