"""wtrec: a wireless test environment for packet-recovery algorithms."""
