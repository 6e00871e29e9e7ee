"""Contrastive learning of video representations (CVRL) and its linear evaluation."""
