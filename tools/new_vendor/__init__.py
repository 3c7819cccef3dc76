"""Makes a new vendor from a skeleton that is green at once."""
