"""The ledger of moves, and what a balance below zero means."""
