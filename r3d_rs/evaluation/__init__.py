"""Prediction over many views and the accuracies made from it."""
