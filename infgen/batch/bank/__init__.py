"""The verb bank: objects painted one by one on plain backdrops and cut out, to be pasted for ever.

One GPU hour becomes any number of pictures that any CPU can paste (X-Paste, ICML 2023). An object
is a picture of its own, with one box in its middle: it goes the way of a run's pictures through the
model's queue, but what is kept of it is the cutout.
"""

from infgen.batch.bank.easel import Easel
from infgen.batch.bank.making import BARS, bank

__all__ = ["BARS", "Easel", "bank"]
