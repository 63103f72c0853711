"""Statistics that know nothing of cells: competing risks, censored data, mixed models."""
