"""Model + rows -> predictions -> scores -> a verdict."""
