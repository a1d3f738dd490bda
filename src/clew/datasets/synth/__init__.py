"""People drawn by a program, photographed and forged: data whose truth is known to the pixel."""
