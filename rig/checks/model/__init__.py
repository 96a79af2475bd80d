"""What explorations of the protocol's specifications are judged by."""
