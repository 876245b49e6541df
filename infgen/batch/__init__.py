"""Floor 5: the story of a batch, and of many. Read pipeline.py first."""
