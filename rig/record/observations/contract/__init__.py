"""What probes of the contract saw at connections and at stores that are old, unfit or used by another server."""
