"""Which model, and how it is loaded, changed and asked to generate."""
