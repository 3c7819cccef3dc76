"""What adapters are built from, and the only door to the network."""
