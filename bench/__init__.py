"""The performance bars: each program measures ours against a baseline in the same run."""
