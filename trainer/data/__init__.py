"""Tables: read, checked, split and encoded, with statistics of training rows only."""
