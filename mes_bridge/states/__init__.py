"""What a press was doing, and the facts per minute."""
