"""Floor 4: pixels. Each stage knows records, never another stage."""
