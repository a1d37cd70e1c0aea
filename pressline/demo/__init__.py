"""The demo factory: simulated presses, the whole river, and its reconciliation."""
