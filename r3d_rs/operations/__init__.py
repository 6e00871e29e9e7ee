"""Operations: planning, running and repeating many experiments, and their cost.

It may import the rooms up to experiments.
"""
