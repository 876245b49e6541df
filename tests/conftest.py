"""Shared fixtures. Real pictures live beside the checkout and are skipped, loudly, without them."""
