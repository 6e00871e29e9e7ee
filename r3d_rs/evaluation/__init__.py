"""Prediction over many views and the accuracies made from it.

It may import the rooms up to training.
"""
