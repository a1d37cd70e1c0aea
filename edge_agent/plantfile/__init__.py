"""What a plant file says, checked before anything starts."""
