"""Partners: whom the plant sells to and buys from."""
