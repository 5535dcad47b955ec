"""What the course claims, on trial: one module of experiments per notebook, and the table of how they came out."""
