"""Training: the loop, optimizers, averages of weights, devices and checkpoints.

It may import the rooms up to models.
"""
