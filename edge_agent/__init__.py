"""Reads presses and meters and keeps every reading until the database has it."""
