"""Video files and lists of them as other people have them.

It may import nothing of the library.
"""
