"""Floor 1: pure functions on records and arrays. No disk, no torch, no clock."""
