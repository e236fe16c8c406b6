"""Rows -> examples -> splits. No torch here: a bad file is refused before anything heavy is loaded."""
