"""Experiments: their registry, their runs and the records that runs leave.

It may import the rooms up to tpu.
"""
