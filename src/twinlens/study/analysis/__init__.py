"""From stored runs to arms, differences and the verdict."""
