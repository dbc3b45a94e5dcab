"""The Fiji commands (Groovy) and macros (ImageJ) themselves; usable in Fiji without Python."""
