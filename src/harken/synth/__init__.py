"""Makes items whose answer is true by construction: a plan is drawn, then rendered."""
