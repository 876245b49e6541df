"""Growing a dataset: parts that are added to it, one by one, and what is there stays as it is.

A dataset that was appended to is made of parts. Each has settings and a fingerprint of its own, its
pictures follow those of the part before, and it knows what these used: see records.past. parts.json
holds what each run made or is to make, so that any of them can be mended, and the last one resumed.
"""

from infgen.batch.growing.grow import grow, plan_append

__all__ = ["grow", "plan_append"]
