-- Times are milliseconds since 1970 (UTC). Masks are `PackedMask::to_bytes`, edits `Edit::to_bytes`.

-- The workspace itself: one row.
CREATE TABLE workspace (
    id         INTEGER PRIMARY KEY CHECK (id = 1),
    name       TEXT    NOT NULL,
    created_at INTEGER NOT NULL
) STRICT;

-- What the values of all masks mean; 0 is background.
CREATE TABLE label (
    value      INTEGER PRIMARY KEY CHECK (value BETWEEN 1 AND 255),
    definition TEXT    NOT NULL -- JSON of `domain::label::Label`
) STRICT;

-- A series or picture. Nothing of the patient.
CREATE TABLE scan (
    id          INTEGER PRIMARY KEY,
    identity    TEXT    NOT NULL UNIQUE, -- id of the series, or hash of the picture's file
    study       TEXT    NOT NULL,        -- Study Instance UID, or the folder of pictures
    description TEXT    NOT NULL,
    modality    TEXT    NOT NULL,
    study_date  TEXT    NOT NULL,        -- YYYY-MM-DD or empty
    columns     INTEGER NOT NULL,
    rows        INTEGER NOT NULL,
    status      TEXT    NOT NULL DEFAULT 'new'
                CHECK (status IN ('new', 'proposed', 'corrected', 'accepted', 'skipped')),
    shown       INTEGER,                 -- place of the slice last shown
    seconds     REAL    NOT NULL DEFAULT 0, -- of work
    opened_at   INTEGER NOT NULL,
    accepted_at INTEGER
) STRICT;

-- A slice keeps its id when the series comes back with more, fewer or reordered files.
CREATE TABLE slice (
    id               INTEGER PRIMARY KEY,
    scan_id          INTEGER NOT NULL REFERENCES scan (id),
    place            INTEGER, -- in the series as last opened; NULL where it was not there
    path             TEXT    NOT NULL,
    frame            INTEGER NOT NULL,
    sop_instance_uid TEXT,
    unfolded         INTEGER NOT NULL DEFAULT 0, -- steps made, undone or redone since the last snapshot
    changed_pixels   INTEGER, -- against the proposal; NULL where it is to be counted again
    UNIQUE (scan_id, place)
) STRICT;
CREATE INDEX slice_to_fold ON slice (unfolded) WHERE unfolded > 0;

-- What a model found. Of an untouched slice the newest; of a touched one all from the one that the work began with.
CREATE TABLE proposal (
    id            INTEGER PRIMARY KEY,
    slice_id      INTEGER NOT NULL REFERENCES slice (id),
    model         TEXT    NOT NULL,
    model_version TEXT    NOT NULL,
    model_weights TEXT    NOT NULL, -- hash
    made_at       INTEGER NOT NULL,
    mask          BLOB    NOT NULL,
    probabilities BLOB    -- of the newest only
) STRICT;
CREATE INDEX proposal_of_slice ON proposal (slice_id);

-- The mask before the first step, where it was not blank.
CREATE TABLE base (
    slice_id INTEGER PRIMARY KEY REFERENCES slice (id),
    mask     BLOB    NOT NULL
) STRICT;

-- The journal: one row for each finished gesture. Who: a person, or a model and its version.
CREATE TABLE step (
    seq           INTEGER PRIMARY KEY,
    scan_id       INTEGER NOT NULL REFERENCES scan (id),
    at            INTEGER NOT NULL,
    person        TEXT,
    model         TEXT,
    model_version TEXT,
    tool          TEXT    NOT NULL,
    state         TEXT    NOT NULL CHECK (state IN ('done', 'undone', 'dropped')),
    CHECK ((person IS NULL) = (model IS NOT NULL) AND (model IS NULL) = (model_version IS NULL))
) STRICT;
CREATE INDEX step_of_scan ON step (scan_id, seq);
CREATE INDEX step_undone ON step (scan_id) WHERE state = 'undone';

-- What a step changed on each slice.
CREATE TABLE edit (
    id       INTEGER PRIMARY KEY,
    seq      INTEGER NOT NULL REFERENCES step (seq),
    slice_id INTEGER NOT NULL REFERENCES slice (id),
    runs     BLOB    NOT NULL
) STRICT;
CREATE INDEX edit_of_step ON edit (seq);
CREATE UNIQUE INDEX edit_of_slice ON edit (slice_id, seq);

-- The journal is the audit trail.
CREATE TRIGGER steps_are_kept BEFORE DELETE ON step BEGIN
    SELECT raise(ABORT, 'steps of the journal are never deleted');
END;
CREATE TRIGGER edits_are_kept BEFORE DELETE ON edit BEGIN
    SELECT raise(ABORT, 'steps of the journal are never deleted');
END;

-- The mask after all done steps up to `seq`; gone where one of them is undone.
CREATE TABLE snapshot (
    id       INTEGER PRIMARY KEY,
    slice_id INTEGER NOT NULL REFERENCES slice (id),
    seq      INTEGER NOT NULL,
    mask     BLOB    NOT NULL,
    UNIQUE (slice_id, seq)
) STRICT;
