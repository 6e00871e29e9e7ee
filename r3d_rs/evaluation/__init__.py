"""Multi-view prediction, and the accuracies computed from it.

It may import the rooms up to training.
"""
