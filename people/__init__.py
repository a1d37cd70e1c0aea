"""People: who works here, how they sign in, what they may, what they did, what waits for them."""
