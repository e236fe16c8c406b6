"""What people look at: charts as SVG, the run as one HTML page, the model card."""
