"""Operations: plan, run and repeat experiments, and estimate their cost.

It may import the rooms up to experiments.
"""
