-- What learning needs.

-- Whom cases are of, and on which side of the line they are: decided at first sight, never changed.
CREATE TABLE subject (
    id      TEXT    PRIMARY KEY NOT NULL, -- `domain::holdout::subject`
    side    TEXT    NOT NULL CHECK (side IN ('training', 'hold-out')),
    seen_at INTEGER NOT NULL
) STRICT;
CREATE TRIGGER sides_are_kept BEFORE UPDATE ON subject BEGIN
    SELECT raise(ABORT, 'the side of a subject never changes');
END;
CREATE TRIGGER subjects_are_kept BEFORE DELETE ON subject BEGIN
    SELECT raise(ABORT, 'subjects are never deleted');
END;
-- A row that is replaced fires no trigger for its deletion.
CREATE TRIGGER subjects_are_not_replaced BEFORE INSERT ON subject
WHEN EXISTS (SELECT 1 FROM subject WHERE id = NEW.id) BEGIN
    SELECT raise(ABORT, 'the side of a subject never changes');
END;

-- NULL until the case is opened again, or the next round begins.
ALTER TABLE scan ADD COLUMN subject TEXT REFERENCES subject (id);
-- What a picture looks like (`domain::holdout::fingerprint`, the same 64 bits with a sign); NULL where not known.
ALTER TABLE scan ADD COLUMN fingerprint INTEGER;
CREATE INDEX scan_of_subject ON scan (subject);
CREATE TRIGGER subjects_of_scans_are_kept BEFORE UPDATE OF subject ON scan
WHEN OLD.subject IS NOT NULL AND NEW.subject IS NOT OLD.subject BEGIN
    SELECT raise(ABORT, 'the subject of a case never changes');
END;
