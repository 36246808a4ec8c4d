"""Torch modules: layers and forward, nothing else."""
