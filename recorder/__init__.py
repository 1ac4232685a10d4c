"""Everything at the radio: capture, filters, monitor interfaces, and frames made without a radio."""
