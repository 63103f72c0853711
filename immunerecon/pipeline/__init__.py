"""Run a study folder: records, workers, tables, audit."""
