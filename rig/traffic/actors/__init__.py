"""Who sends requests: mitra, customer, operator."""
