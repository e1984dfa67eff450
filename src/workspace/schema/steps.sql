-- Steps that change more than pixels, cases that are out of the list, and tasks.

-- What a step changed of where its case stands.
CREATE TABLE status_change (
    seq         INTEGER PRIMARY KEY REFERENCES step (seq),
    before      TEXT NOT NULL CHECK (before IN ('new', 'proposed', 'corrected', 'accepted', 'skipped')),
    after       TEXT NOT NULL CHECK (after IN ('new', 'proposed', 'corrected', 'accepted', 'skipped')),
    accepted_at INTEGER -- when the case had been accepted before the step, where it was
) STRICT;

-- What a step changed of a label: JSON of `domain::label::Label`.
CREATE TABLE label_change (
    seq    INTEGER PRIMARY KEY REFERENCES step (seq),
    value  INTEGER NOT NULL CHECK (value BETWEEN 1 AND 255),
    before TEXT    NOT NULL,
    after  TEXT    NOT NULL
) STRICT;

-- What a person said by a step: the slice holds nothing of a label.
CREATE TABLE absence (
    id       INTEGER PRIMARY KEY,
    seq      INTEGER NOT NULL REFERENCES step (seq),
    slice_id INTEGER NOT NULL REFERENCES slice (id),
    label    INTEGER NOT NULL CHECK (label BETWEEN 1 AND 255)
) STRICT;
CREATE INDEX absence_of_step ON absence (seq);
CREATE INDEX absence_of_slice ON absence (slice_id);

CREATE TRIGGER status_changes_are_kept BEFORE DELETE ON status_change BEGIN
    SELECT raise(ABORT, 'steps of the journal are never deleted');
END;
CREATE TRIGGER label_changes_are_kept BEFORE DELETE ON label_change BEGIN
    SELECT raise(ABORT, 'steps of the journal are never deleted');
END;
CREATE TRIGGER absences_are_kept BEFORE DELETE ON absence BEGIN
    SELECT raise(ABORT, 'steps of the journal are never deleted');
END;

-- Cases that share labels. 0, which has no row, is the task of all cases until another is begun.
CREATE TABLE task (
    id   INTEGER PRIMARY KEY AUTOINCREMENT,
    name TEXT    NOT NULL
) STRICT;
ALTER TABLE scan ADD COLUMN task INTEGER NOT NULL DEFAULT 0;
-- When the case was taken out of the list; NULL while it is in it.
ALTER TABLE scan ADD COLUMN removed_at INTEGER;
