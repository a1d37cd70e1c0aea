"""Pages of the office, a file a noun."""
