-- Drops what the up file made, and all data with it: the other tables have no place for a password's hash.

DROP TABLE password_hashes;
