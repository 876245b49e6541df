"""Floor 6: what trains on datasets. It may import torch, but doesn't need it."""
