"""What campaigns are judged by: invariants, phases, and how well the mirror kept up."""
