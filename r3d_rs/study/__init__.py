"""The study: its points, their runs and records, the tables and figures from them."""
