"""Floor 7: parse, call run, print. No logic."""
