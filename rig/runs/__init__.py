"""The kinds of run, a folder each; they know nothing of each other."""
