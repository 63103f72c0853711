"""Gate review: a person looks at gates, moves them, and the counts follow."""
