"""anomaly_ae."""
