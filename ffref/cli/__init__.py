"""The command line, `ffref ...`: the front door for everyone else."""
