"""Prefect flows: gather, compute, apply. The only place that imports prefect."""
