"""Pages of the machine side: freshness and quarantine."""
