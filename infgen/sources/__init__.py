"""Floor 2: the user's disk into records, and the one way infgen writes a file."""
