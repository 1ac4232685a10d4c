"""Everything at the radio: capture, filters, monitor interfaces, simulated frames."""
