"""The go/no-go rows of a cutover."""
