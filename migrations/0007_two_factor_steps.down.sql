-- Drops what the up file made. Codes that were used shortly before could be used again until they expire.

DROP TABLE twofa_steps;
