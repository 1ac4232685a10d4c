"""Facts of IEEE 802.11 as pure functions on bytes and arrays: no I/O, no state."""
