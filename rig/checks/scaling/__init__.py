"""What growth runs are judged by."""
