"""Gates as plain geometry, on the scales that they are drawn on."""
