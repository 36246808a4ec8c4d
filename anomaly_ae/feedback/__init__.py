"""What analysts say of alerts, and what is remembered of it."""
