"""From tables to figures and report.html."""
