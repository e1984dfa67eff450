-- Prompts of the Click tool, and versions of its model.

-- The prompts that a step answered; they are undone and redone with it.
CREATE TABLE step_prompt (
    seq      INTEGER PRIMARY KEY REFERENCES step (seq),
    slice_id INTEGER NOT NULL REFERENCES slice (id),
    label    INTEGER NOT NULL CHECK (label BETWEEN 1 AND 255),
    begins   INTEGER NOT NULL CHECK (begins IN (0, 1)), -- they begin an object, or belong to that of the step before
    count    INTEGER NOT NULL CHECK (count > 0), -- of the prompts
    prompts  TEXT    NOT NULL, -- JSON with a version, see `labrum_core::prompts::stored`
    model    TEXT    NOT NULL  -- that answered: name and version
) STRICT;
CREATE INDEX step_prompt_of_slice ON step_prompt (slice_id, seq);
CREATE TRIGGER step_prompts_are_kept BEFORE DELETE ON step_prompt BEGIN
    SELECT raise(ABORT, 'steps of the journal are never deleted');
END;

-- The objects of the slice that a person segmented with prompts, JSON as above; NULL where there are none.
ALTER TABLE lesson ADD COLUMN prompts TEXT;

-- Which models the version belongs to: those that propose masks, or those of the Click tool.
ALTER TABLE version ADD COLUMN kind TEXT NOT NULL DEFAULT 'masks' CHECK (kind IN ('masks', 'clicks'));

-- The version that the Click tool uses now: one row; NULL for the shipped model.
CREATE TABLE active_click_version (
    id         INTEGER PRIMARY KEY CHECK (id = 1),
    version_id INTEGER REFERENCES version (id)
) STRICT;
INSERT INTO active_click_version (id, version_id) VALUES (1, NULL);
