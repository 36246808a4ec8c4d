"""Readers, the data contract and rejects: raw sources in, the Parquet parts of one dataset out."""
