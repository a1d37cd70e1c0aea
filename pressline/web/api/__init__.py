"""Calls of programs and terminals."""
