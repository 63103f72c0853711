"""Events to populations: strategies, gates, boundaries placed by data."""
