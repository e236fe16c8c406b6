"""Examples -> token sequences -> batches."""
