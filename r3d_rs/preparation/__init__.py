"""Preparation: videos become a dataset of TFRecords, which is then checked.

It may import files, cores, progress, paths, pantomime, videos, data and options.
"""
