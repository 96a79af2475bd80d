"""Commands, keys and counters of Valkey."""
