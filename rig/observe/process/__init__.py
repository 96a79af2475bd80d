"""What processes print and cost."""
