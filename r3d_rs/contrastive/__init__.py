"""Contrastive learning of video representations (CVRL), §5.

It may import the rooms up to evaluation.
"""
