"""TPUs: describe chips, compile and count programs, and divide batches.

It may import the rooms up to contrastive.
"""
