-- Cases that are times of one series, and which of them are end diastole and end systole.

-- The identity of the first time, or the hash of the file: equal for all times of a series, and for no others. NULL where
-- the case is no such time; of cases from older versions until they are opened again.
ALTER TABLE scan ADD COLUMN time_group TEXT;
-- Which of the times it is, from 0, and how many there are; NULL where `time_group` is.
ALTER TABLE scan ADD COLUMN time_index INTEGER;
ALTER TABLE scan ADD COLUMN time_count INTEGER;
CREATE INDEX scan_of_time_group ON scan (time_group) WHERE time_group IS NOT NULL;

-- What a step marked: the time that its case is. Of each phase, the newest step of the series that is done counts.
CREATE TABLE phase_change (
    seq       INTEGER PRIMARY KEY REFERENCES step (seq),
    phase     TEXT    NOT NULL CHECK (phase IN ('end-diastole', 'end-systole')),
    is_marked INTEGER NOT NULL CHECK (is_marked IN (0, 1)) -- 0 where the step removed the mark
) STRICT;
CREATE TRIGGER phase_changes_are_kept BEFORE DELETE ON phase_change BEGIN
    SELECT raise(ABORT, 'steps of the journal are never deleted');
END;
