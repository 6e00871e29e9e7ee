"""Prepared datasets in, batches of clips out.

It may import files, cores, progress, paths, paper, recipes, pantomime and videos.
"""
