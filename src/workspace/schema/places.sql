-- Where images are, and where the work stopped.

-- The path as seen from the folder of the workspace, with `/`: images may have moved together with it. NULL where there is
-- no such way, as between two disks of Windows.
ALTER TABLE slice ADD COLUMN beside TEXT;
-- When the case was on the screen last.
ALTER TABLE scan ADD COLUMN shown_at INTEGER;
