"""Prepared datasets, and pipelines that turn them into batches of clips.

It may import files, cores, progress, paths, paper, recipes, pantomime and videos.
"""
