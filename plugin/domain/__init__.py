"""Plain decisions: values in, values out, the standard library alone."""
