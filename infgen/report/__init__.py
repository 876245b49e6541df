"""Floor 4: entries into what people look at."""
