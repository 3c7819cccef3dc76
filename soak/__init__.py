"""Long runs with faults: real processes, real sockets, kills at any moment."""
