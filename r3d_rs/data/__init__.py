"""Video files in, batches of clips out.

It may import files, cores, progress, paper, recipes and pantomime.
"""
