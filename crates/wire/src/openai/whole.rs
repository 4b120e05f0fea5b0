//! Whole answers.

use super::chunk::Chunk;
use crate::Answer;

/// Reads a whole answer: a completion, embeddings, a list of models.
pub(crate) fn answer(body: &[u8]) -> Answer {
    conclude(&Chunk::piece_by_piece(body).unwrap_or_default(), body)
}

/// The same if the body is one whole object that can be read in one pass: that it can says so.
pub(crate) fn object_answer(body: &[u8]) -> Option<Answer> {
    Chunk::in_one_pass(body).map(|chunk| conclude(&chunk, body))
}

fn conclude(chunk: &Chunk<'_>, body: &[u8]) -> Answer {
    match chunk.error(body, false) {
        Some(error) => Answer::Error(error),
        None => Answer::complete(chunk.usage(), chunk.said.stop),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::value::RawValue;

    use super::*;

    #[test]
    fn one_pass_says_what_the_patient_one_does() {
        for body in [
            r#"{"id":"1","choices":[{"index":0,"message":{"content":"Hi"},"finish_reason":"stop"}],
                "usage":{"prompt_tokens":3,"completion_tokens":4}}"#,
            r#"{"choices":[{"finish_reason":"content_filter"},{"index":1,"text":"a"}]}"#,
            r#"{"choices":[{"finish_reason":"error"}]}"#,
            r#"{"choices":[{"error":{"code":"server_error","message":"no"}}],"usage":null}"#,
            r#"{"choices":[{"index":0}],"error":{"type":"overloaded_error"}}"#,
            r#"{"choices":[],"error":null,"x_groq":{"usage":{"prompt_tokens":3,"completion_tokens":4}}}"#,
            r#"{"choices":null,"error":{}}"#,
            r#"{"object":"error","message":"no such model","code":404}"#,
            r#"{"object":"list","data":[{"embedding":[0.5]}],"usage":{"prompt_tokens":3,"total_tokens":3}}"#,
            "{}",
        ] {
            assert_eq!(object_answer(body.as_bytes()), Some(answer(body.as_bytes())), "{body}");
        }
    }

    #[test]
    fn what_is_not_as_it_should_be_is_left_to_the_patient_one() {
        for body in [
            &br#"{"choices":[["stop"]]}"#[..],
            br#"{"choices":[null]}"#,
            br#"{"choices":{"index":0}}"#,
            br#"{"choices":[],"choices":[]}"#,
            br#"{"choices":[{"index":0,"index":1}]}"#,
            br#"{"choices":[{"text":"}]}"#,
            b"{\"id\":\"\xFF\"}",
            b"[]",
            b"{}{}",
            b"",
        ] {
            assert_eq!(object_answer(body), None, "{}", String::from_utf8_lossy(body));
        }
    }

    proptest! {
        /// Also where a byte is another one, or the end is missing: in one pass nothing is read that is not there.
        #[test]
        fn one_pass_never_says_anything_else(place in any::<prop::sample::Index>(), byte in any::<u8>(), cut in any::<bool>()) {
            let body = br#"{"choices":[{"index":0,"message":{"content":"Hi"},"finish_reason":"stop","error":null}],
                "error":null,"object":"x","usage":{"prompt_tokens":3,"completion_tokens":4},"x_groq":{"usage":{}}}"#;
            let mut body = body.to_vec();
            let place = place.index(body.len());
            if cut { body.truncate(place) } else { body[place] = byte }
            if let Some(read) = object_answer(&body) {
                prop_assert!(serde_json::from_slice::<&RawValue>(&body).is_ok());
                prop_assert_eq!(read, answer(&body));
            }
        }
    }
}
