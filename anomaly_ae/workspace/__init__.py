"""The directories that stages write and read: dataset, model version, scored table, registry and ledger."""
