"""TPUs: their chips, compiling and counting programs for them, dividing batches.

It may import the rooms up to contrastive.
"""
