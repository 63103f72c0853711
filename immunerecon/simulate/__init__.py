"""A synthetic trial with known truth, written without a line of the code that it tests."""
