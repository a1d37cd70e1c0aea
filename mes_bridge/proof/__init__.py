"""The audit: everything recounted from the readings, with SQL of its own."""
