//! One Parquet file after the other, in the folders of a table.

use super::{Error, Written};
use parquet::basic::{Compression, LogicalType, Repetition, Type as Physical};
use parquet::data_type::{BoolType, ByteArray, ByteArrayType, Int64Type};
use parquet::errors::ParquetError;
use parquet::file::properties::WriterProperties;
use parquet::file::writer::SerializedFileWriter;
use parquet::schema::types::Type;
use std::fmt::Write as _;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Rows of one row group.
const GROUP: usize = 20_000;

/// A column of a table.
#[derive(Debug, Clone)]
pub(super) struct Column {
    name: String,
    physical: Physical,
}

impl Column {
    pub(super) fn text(name: &str) -> Self {
        Self::of(name, Physical::BYTE_ARRAY)
    }

    pub(super) fn number(name: &str) -> Self {
        Self::of(name, Physical::INT64)
    }

    pub(super) fn boolean(name: &str) -> Self {
        Self::of(name, Physical::BOOLEAN)
    }

    fn of(name: &str, physical: Physical) -> Self {
        Self {
            name: name.to_owned(),
            physical,
        }
    }
}

/// A cell; nothing where it was not observed. A boolean is 0 or 1.
#[derive(Debug, Clone)]
pub(super) enum Cell {
    Text(Option<String>),
    Number(Option<i64>),
}

impl From<&str> for Cell {
    fn from(text: &str) -> Self {
        Self::Text(Some(text.to_owned()))
    }
}

/// The table that is being written.
struct Open {
    /// Folder of the table and run.
    root: PathBuf,
    columns: Vec<Column>,
    schema: Arc<Type>,
    scope: Option<(String, String)>,
    rows: Vec<Vec<Cell>>,
    file: Option<(PathBuf, SerializedFileWriter<File>)>,
}

/// Writes tables into a folder.
pub(super) struct Sheet {
    folder: PathBuf,
    run: String,
    open: Option<Open>,
    made: Vec<PathBuf>,
    pub(super) written: Written,
}

/// A name as Hive writes it in a folder: what could lead elsewhere, or ends the name, as percent and two digits.
fn escaped(name: &str) -> String {
    let mut text = String::new();
    for byte in name.bytes() {
        if byte.is_ascii_alphanumeric() || b"-_".contains(&byte) {
            text.push(char::from(byte));
        } else {
            let _ = write!(text, "%{byte:02X}");
        }
    }
    if text.is_empty() {
        text.push_str("__HIVE_DEFAULT_PARTITION__");
    }
    text
}

fn failed(path: &Path, reason: &impl ToString) -> Error {
    Error::Write {
        path: path.display().to_string(),
        reason: reason.to_string(),
    }
}

impl Sheet {
    pub(super) fn new(folder: &Path, run: &str) -> Self {
        Self {
            folder: folder.to_owned(),
            run: run.to_owned(),
            open: None,
            made: Vec::new(),
            written: Written::default(),
        }
    }

    /// Begins a table.
    pub(super) fn begin(&mut self, table: &str, columns: &[Column]) -> Result<(), Error> {
        let place = self
            .folder
            .join(escaped(table))
            .join(format!("run_id={}", escaped(&self.run)));
        if place.symlink_metadata().is_ok() {
            return Err(Error::Exists(place.display().to_string()));
        }
        let fields = columns
            .iter()
            .map(|column| {
                let logical =
                    (column.physical == Physical::BYTE_ARRAY).then_some(LogicalType::String);
                Type::primitive_type_builder(&column.name, column.physical)
                    .with_repetition(Repetition::OPTIONAL)
                    .with_logical_type(logical)
                    .build()
                    .map(Arc::new)
            })
            .collect::<Result<Vec<_>, ParquetError>>()
            .map_err(|error| failed(&place, &error))?;
        let schema = Type::group_type_builder(table)
            .with_fields(fields)
            .build()
            .map_err(|error| failed(&place, &error))?;
        self.open = Some(Open {
            root: place,
            columns: columns.to_vec(),
            schema: Arc::new(schema),
            scope: None,
            rows: Vec::new(),
            file: None,
        });
        Ok(())
    }

    /// One row; those of one account and Region come after each other.
    pub(super) fn row(
        &mut self,
        scope: Option<(&str, &str)>,
        cells: Vec<Cell>,
    ) -> Result<(), Error> {
        let scope = scope.map(|(account, region)| (account.to_owned(), region.to_owned()));
        let changed = self
            .open
            .as_ref()
            .is_some_and(|open| open.file.is_some() && open.scope != scope);
        if changed {
            self.close()?;
        }
        if self.open.as_ref().is_some_and(|open| open.file.is_none()) {
            self.create(scope)?;
        }
        let Some(open) = &mut self.open else {
            return Ok(());
        };
        open.rows.push(cells);
        self.written.rows += 1;
        if open.rows.len() >= GROUP {
            open.flush()?;
        }
        Ok(())
    }

    fn create(&mut self, scope: Option<(String, String)>) -> Result<(), Error> {
        let Some(open) = &mut self.open else {
            return Ok(());
        };
        let root = open.root.clone();
        if !self.made.contains(&root) {
            self.made.push(root.clone());
            self.written.tables += 1;
        }
        let mut folder = root;
        if let Some((account, region)) = &scope {
            folder.push(format!("account_id={}", escaped(account)));
            folder.push(format!("region={}", escaped(region)));
        }
        let mut builder = fs::DirBuilder::new();
        builder.recursive(true);
        #[cfg(unix)]
        std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
        builder
            .create(&folder)
            .map_err(|error| failed(&folder, &error))?;
        let path = folder.join("part-0.parquet");
        let mut options = fs::OpenOptions::new();
        options.write(true).create_new(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let file = options.open(&path).map_err(|error| failed(&path, &error))?;
        let properties = WriterProperties::builder()
            .set_compression(Compression::SNAPPY)
            .set_created_by(format!("outcrop {}", env!("CARGO_PKG_VERSION")))
            .build();
        let writer =
            SerializedFileWriter::new(file, Arc::clone(&open.schema), Arc::new(properties))
                .map_err(|error| failed(&path, &error))?;
        open.scope = scope;
        open.file = Some((path, writer));
        self.written.files += 1;
        Ok(())
    }

    fn close(&mut self) -> Result<(), Error> {
        let Some(open) = &mut self.open else {
            return Ok(());
        };
        open.flush()?;
        if let Some((path, writer)) = open.file.take() {
            writer.close().map_err(|error| failed(&path, &error))?;
        }
        Ok(())
    }

    /// Ends a table. One without rows leaves nothing.
    pub(super) fn end(&mut self) -> Result<(), Error> {
        self.close()?;
        self.open = None;
        Ok(())
    }

    /// Takes away what was written.
    pub(super) fn remove(&mut self) {
        self.open = None;
        for folder in &self.made {
            let _ = fs::remove_dir_all(folder);
        }
    }
}

impl Open {
    /// Writes what there is as one row group.
    fn flush(&mut self) -> Result<(), Error> {
        let rows = std::mem::take(&mut self.rows);
        let Some((path, writer)) = self.file.as_mut().filter(|_| !rows.is_empty()) else {
            return Ok(());
        };
        group(writer, &self.columns, &rows).map_err(|error| failed(path, &error))
    }
}

fn group(
    writer: &mut SerializedFileWriter<File>,
    columns: &[Column],
    rows: &[Vec<Cell>],
) -> Result<(), ParquetError> {
    let mut group = writer.next_row_group()?;
    for (place, column) in columns.iter().enumerate() {
        let Some(mut out) = group.next_column()? else {
            break;
        };
        let cells = || rows.iter().filter_map(|row| row.get(place));
        let levels: Vec<i16> = cells()
            .map(|cell| match cell {
                Cell::Text(text) => i16::from(text.is_some()),
                Cell::Number(number) => i16::from(number.is_some()),
            })
            .collect();
        let numbers = || {
            cells().filter_map(|cell| match cell {
                Cell::Number(number) => *number,
                Cell::Text(_) => None,
            })
        };
        match column.physical {
            Physical::INT64 => {
                let values: Vec<i64> = numbers().collect();
                out.typed::<Int64Type>()
                    .write_batch(&values, Some(&levels), None)?;
            }
            Physical::BOOLEAN => {
                let values: Vec<bool> = numbers().map(|number| number != 0).collect();
                out.typed::<BoolType>()
                    .write_batch(&values, Some(&levels), None)?;
            }
            _ => {
                let values: Vec<ByteArray> = cells()
                    .filter_map(|cell| match cell {
                        Cell::Text(Some(text)) => Some(ByteArray::from(text.as_str())),
                        Cell::Text(None) | Cell::Number(_) => None,
                    })
                    .collect();
                out.typed::<ByteArrayType>()
                    .write_batch(&values, Some(&levels), None)?;
            }
        }
        out.close()?;
    }
    group.close()?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::escaped;

    #[test]
    fn no_name_leads_out_of_the_folder() {
        assert_eq!(escaped("eu-west-1"), "eu-west-1");
        assert_eq!(escaped("../x"), "%2E%2E%2Fx");
        assert_eq!(escaped("a=b c"), "a%3Db%20c");
        assert_eq!(escaped(""), "__HIVE_DEFAULT_PARTITION__");
    }
}
