"""Evaluation on labelled rows: precision, recall and ranking with intervals, and baselines for comparison."""
