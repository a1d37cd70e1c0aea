"""What every page stands on: request, sign-in, words, live figures, problems."""
