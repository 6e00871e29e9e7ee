"""Video files in any common format, and the CSV files that list them.

It may import nothing of the library.
"""
