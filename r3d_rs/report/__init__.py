"""The report: tables, figures and statements of the book, made from records.

It may import the rooms up to operations.
"""
