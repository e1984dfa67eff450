-- What learning needs: who is held out, rounds with what they learned from, versions of the model.

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

-- A version of the model, learned here. Its weights are in `file`.
CREATE TABLE version (
    id          INTEGER PRIMARY KEY AUTOINCREMENT, -- never that of a version that was deleted
    round_id    INTEGER NOT NULL REFERENCES round (id),
    name        TEXT    NOT NULL,
    parent      INTEGER REFERENCES version (id) ON DELETE SET NULL,
    parent_name TEXT    NOT NULL,
    made_at     INTEGER NOT NULL,
    state       TEXT    NOT NULL CHECK (state IN ('accepted', 'rejected', 'undecided')),
    reason      TEXT    NOT NULL,
    hash        TEXT    NOT NULL,        -- of the weights
    file        TEXT    NOT NULL UNIQUE, -- in the folder of the workspace
    cases       INTEGER NOT NULL,
    seconds     REAL    NOT NULL,
    steps       INTEGER NOT NULL,
    settings    TEXT    NOT NULL,        -- JSON
    report      TEXT    NOT NULL         -- JSON of `domain::gate::GateReport`
) STRICT;
CREATE INDEX version_of_round ON version (round_id);
CREATE INDEX version_of_parent ON version (parent);

-- The version that proposes masks now: one row; NULL for none of this workspace.
CREATE TABLE active_version (
    id         INTEGER PRIMARY KEY CHECK (id = 1),
    version_id INTEGER REFERENCES version (id)
) STRICT;
INSERT INTO active_version (id, version_id) VALUES (1, NULL);

-- A round of learning. One that is running when the workspace is opened was cut off.
CREATE TABLE round (
    id         INTEGER PRIMARY KEY,
    started_at INTEGER NOT NULL,
    ended_at   INTEGER,
    state      TEXT    NOT NULL CHECK (state IN ('running', 'done', 'cancelled', 'failed')),
    parent     INTEGER REFERENCES version (id) ON DELETE SET NULL,
    settings   TEXT    NOT NULL, -- JSON
    reason     TEXT    NOT NULL DEFAULT '',
    CHECK ((ended_at IS NULL) = (state = 'running'))
) STRICT;
CREATE INDEX round_of_parent ON round (parent);

-- What a round learns from and is judged on: the masks of accepted cases when it began. Only running and done rounds
-- have some.
CREATE TABLE lesson (
    id       INTEGER PRIMARY KEY,
    round_id INTEGER NOT NULL REFERENCES round (id),
    slice_id INTEGER NOT NULL REFERENCES slice (id),
    side     TEXT    NOT NULL CHECK (side IN ('training', 'hold-out')),
    is_new   INTEGER NOT NULL CHECK (is_new IN (0, 1)), -- no done round before had this mask
    is_untouched INTEGER NOT NULL CHECK (is_untouched IN (0, 1)), -- the mask is what a model had proposed
    mask     BLOB    NOT NULL,
    before   BLOB,   -- what was proposed or imported; NULL where that is the mask, or there was nothing
    UNIQUE (round_id, slice_id)
) STRICT;
CREATE INDEX lesson_of_slice ON lesson (slice_id);
