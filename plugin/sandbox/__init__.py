"""The made-up MSP: every emulator on a port of its own, with faults and happenings on demand."""
