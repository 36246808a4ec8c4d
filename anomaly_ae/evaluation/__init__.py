"""Evaluation: precision, recall and ranking of labelled rows with intervals, and simple methods beside the model."""
