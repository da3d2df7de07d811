//! Formats, one file each: `render(&Outcome, &mut dyn Write)`. None filters; none decides the exit code.

pub mod json;
pub mod safe;
pub mod table;
