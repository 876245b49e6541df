"""Floor 0: frozen records. What was asked (specs), decided (plan), painted and kept (sample)."""
