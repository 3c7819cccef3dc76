"""Hosts (PSA and RMM systems): one folder each; nobody here knows another."""
