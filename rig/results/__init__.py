"""From the record of a run to its results: verdicts, figures, comparisons. Pure."""
