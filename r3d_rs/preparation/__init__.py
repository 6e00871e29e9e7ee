"""Prepare videos as a dataset of TFRecords, and verify it.

It may import files, cores, progress, paths, pantomime, videos, data and options.
"""
