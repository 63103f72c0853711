"""Numbers over time: persistence, recovery, trajectories, cohort statistics."""
