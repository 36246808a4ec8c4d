"""Readers of pictures: folders, archives, arrays and Parquet files become a dataset of one row per picture."""
