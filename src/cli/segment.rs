//! `labrum segment`: masks for files and folders.
