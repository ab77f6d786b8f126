//! The two streams: results to standard output, the rest to standard error; and how numbers look in JSON.

use std::fmt;
use std::fs;
use std::io::{self, ErrorKind, Write};
use std::path::Path;

use serde_json::Value;
use swath::Scalar;

use crate::failure::Failure;

/// Writes a result.
pub(crate) fn print(text: &str) -> Result<(), Failure> {
    let mut out = io::stdout().lock();
    out.write_all(text.as_bytes()).and_then(|()| out.flush()).map_err(|error| match error.kind() {
        ErrorKind::BrokenPipe => Failure::Hushed,
        _ => Failure::io("cannot write to standard output", &error),
    })
}

/// Writes a line for the person who waits. Where that is not possible there is nobody to tell.
pub(crate) fn note(line: impl fmt::Display) {
    let _ = writeln!(io::stderr(), "{line}");
}

/// Writes a small file.
pub(crate) fn write_file(path: &Path, text: impl AsRef<[u8]>) -> Result<(), Failure> {
    fs::write(path, text).map_err(|error| Failure::io(format_args!("cannot write {}", path.display()), &error))
}

/// A number where JSON has it; NaN and the infinities as text, as GDAL writes them.
pub(crate) fn json_scalar(value: Scalar) -> Value {
    match value {
        Scalar::Bool(value) => value.into(),
        Scalar::Int(value) => {
            serde_json::Number::from_i128(value).map_or_else(|| value.to_string().into(), Value::Number)
        }
        Scalar::Float(value) => {
            serde_json::Number::from_f64(value).map_or_else(|| value.to_string().to_lowercase().into(), Value::Number)
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_json_has_no_number_for_is_text() {
        assert_eq!(json_scalar(Scalar::Float(f64::NAN)), json!("nan"));
        assert_eq!(json_scalar(Scalar::Float(f64::NEG_INFINITY)), json!("-inf"));
        assert_eq!(json_scalar(Scalar::Int(i128::from(u64::MAX))), json!(u64::MAX));
        assert_eq!(json_scalar(Scalar::Int(-9999)), json!(-9999));
    }
}
