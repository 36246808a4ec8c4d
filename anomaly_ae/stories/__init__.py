"""What alerts have in common."""
