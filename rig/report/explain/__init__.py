"""What explains a verdict to a reader: marks in the evidence, names of people, differences, the contract."""
