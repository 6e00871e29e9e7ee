"""TPUs: chips, compiling for them, counting compiled programs, dividing batches.

It may import the rooms up to contrastive.
"""
