"""Networks: encoders, heads, their weights, and the bundle that a trained model is kept in."""
