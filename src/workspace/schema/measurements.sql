-- Measurements that people drew. A measurement is what the newest step that is done made of it.
CREATE TABLE measurement_change (
    id       INTEGER PRIMARY KEY,
    seq      INTEGER NOT NULL REFERENCES step (seq),
    slice_id INTEGER REFERENCES slice (id), -- NULL for one across the slices
    key      TEXT    NOT NULL,              -- id of the measurement
    before   TEXT,                          -- JSON of `measurement::DrawnMeasurement`; NULL where the step made it
    after    TEXT,                          -- likewise; NULL where the step deleted it
    CHECK (before IS NOT NULL OR after IS NOT NULL)
) STRICT;
CREATE INDEX measurement_change_of_step ON measurement_change (seq);
CREATE INDEX measurement_change_of_key ON measurement_change (key, seq);
CREATE INDEX measurement_change_of_slice ON measurement_change (slice_id);

CREATE TRIGGER measurement_changes_are_kept BEFORE DELETE ON measurement_change BEGIN
    SELECT raise(ABORT, 'steps of the journal are never deleted');
END;
