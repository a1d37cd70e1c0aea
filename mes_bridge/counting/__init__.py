"""From cumulative readings to what was added."""
