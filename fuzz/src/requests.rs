//! Requests: their bodies and their paths.

use buttress_wire::{Dialect, Edit, Route, edit, shape};
use bytes::Bytes;

use crate::bounded;

/// A path in the first line, a body after it.
pub fn requests(request: &[u8]) {
    let end = request.iter().position(|byte| *byte == b'\n').unwrap_or(0);
    let (path, body) = request.split_at(end);
    let path = String::from_utf8_lossy(path);
    let body = Bytes::copy_from_slice(body);
    let change = Edit::new().with_model("m\u{0}\"").with_usage_asked();
    for dialect in Dialect::ALL {
        let read = shape(dialect, &body).ok();
        if let Ok(edited) = edit(dialect, &body, &change) {
            let again = edit(dialect, &edited.body, &change).expect("still an object");
            assert_eq!(again.body.as_ptr(), edited.body.as_ptr(), "nothing is left to change");
            if let (Some(read), Ok(after)) = (&read, shape(dialect, &edited.body)) {
                let (before, after) = ((read.text_bytes, read.stream), (after.text_bytes, after.stream));
                assert_eq!(before, after, "only the model and the options change");
            }
        }
        bounded(body.len(), 16 * body.len() + (32 << 10), || drop(shape(dialect, &body)));
        let Some(route) = Route::of(dialect, &path) else { continue };
        if let Some(before) = &route.model {
            let changed = route.with_model("other/model");
            let after = Route::of(dialect, &changed);
            let after = after.and_then(|route| route.model).expect("it names a model, as before");
            assert_eq!(after, "other/model", "instead of {before}");
        }
    }
}
