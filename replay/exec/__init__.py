"""Algorithms in other languages: programs that speak Arrow on their stdin and stdout.

docs/exec.md describes the protocol for those who write such a program. Here, ``process`` moves
bytes, ``stream`` makes batches of them, ``answers`` judges what they say, and ``decoder`` is the
algorithm: it restarts what has failed, and finds the frame at fault.
"""
