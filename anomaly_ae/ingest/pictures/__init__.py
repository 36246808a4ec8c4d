"""Pictures in: folders, archives, arrays and Parquet files become a dataset of one row a picture."""
