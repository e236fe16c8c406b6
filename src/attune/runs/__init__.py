"""What is kept: one run is one folder, and the store is all of them. No torch here."""
