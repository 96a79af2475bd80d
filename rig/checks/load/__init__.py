"""What loads are judged by: claims, limits, and the causes of statements."""
