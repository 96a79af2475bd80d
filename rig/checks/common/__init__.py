"""What checks of several kinds of run share."""
