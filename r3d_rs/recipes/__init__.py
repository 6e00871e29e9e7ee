"""Recipes: every choice of a run, by table, point and scale, in plain Python.

It may import files and paper.
"""
