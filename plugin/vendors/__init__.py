"""Security vendors: one folder each; nobody here knows another."""
