"""What the lines of the features do: people act, Valkey breaks, boxes are observed."""
