"""Training: the loop, optimizers, weight averages, devices and checkpoints.

It may import the rooms up to models.
"""
