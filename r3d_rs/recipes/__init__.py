"""Recipes: every choice that a run is made of, by table, point and scale; plain Python.

It may import files and paper.
"""
