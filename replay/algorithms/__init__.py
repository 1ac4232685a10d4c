"""The recovery algorithms that ship with wtrec, one module each."""
