"""What the air does to bits: channels and, with them, errors."""
