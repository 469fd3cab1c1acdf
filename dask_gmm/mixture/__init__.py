"""The numbers: pure functions on frozen values; no clock, no log, no input or output."""
