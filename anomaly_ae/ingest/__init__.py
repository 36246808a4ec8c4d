"""Readers, the data contract, and rejects: raw files in, one dataset of Parquet parts out."""
