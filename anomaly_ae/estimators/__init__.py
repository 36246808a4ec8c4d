"""The scikit-learn view of the pipeline's models."""
