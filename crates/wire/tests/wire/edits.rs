//! Changing requests.

use buttress_wire::{Dialect, Edit, edit};
use bytes::Bytes;

fn edited(body: &'static str, change: Edit<'_>) -> (String, bool) {
    let edited = edit(Dialect::OpenAi, &Bytes::from_static(body.as_bytes()), &change).unwrap();
    (String::from_utf8(edited.body.to_vec()).unwrap(), edited.usage_asked)
}

const ASK: Edit<'_> = Edit::new().with_usage_asked();

#[test]
fn a_stream_is_asked_for_its_usage() {
    for (body, expected) in [
        (r#"{"stream":true}"#, r#"{"stream":true,"stream_options":{"include_usage":true}}"#),
        ("{ \"stream\" : true\n}", "{ \"stream\" : true,\"stream_options\":{\"include_usage\":true}\n}"),
        ("{\"stream\":true }\n", "{\"stream\":true,\"stream_options\":{\"include_usage\":true} }\n"),
        (
            r#"{"stream":true,"stream_options":{ }}"#,
            r#"{"stream":true,"stream_options":{"include_usage":true }}"#,
        ),
        (
            r#"{"stream":true,"stream_options":null}"#,
            r#"{"stream":true,"stream_options":{"include_usage":true}}"#,
        ),
        (
            r#"{"stream_options":{},"stream":true}"#,
            r#"{"stream_options":{"include_usage":true},"stream":true}"#,
        ),
        (
            r#"{"stream_options":{"include_usage":false, "include_obfuscation":false},"stream":true}"#,
            r#"{"stream_options":{"include_usage":true, "include_obfuscation":false},"stream":true}"#,
        ),
        (
            r#"{"stream_options":{"include_obfuscation":false},"stream":true}"#,
            r#"{"stream_options":{"include_obfuscation":false,"include_usage":true},"stream":true}"#,
        ),
    ] {
        assert_eq!(edited(body, ASK), (expected.to_owned(), true));
    }
}

#[test]
fn usage_is_not_asked_for_where_that_means_nothing() {
    for body in [
        r#"{"stream":false}"#,
        r#"{"input":"embed this"}"#,
        r#"{"stream":"true"}"#,
        r#"{"stream":true,"stream_options":{"include_usage":true}}"#,
        // The provider will say what is wrong with it.
        r#"{"stream":true,"stream_options":"yes"}"#,
    ] {
        assert_eq!(edited(body, ASK), (body.to_owned(), false));
    }
    let body = Bytes::from_static(br#"{"stream":true}"#);
    for dialect in Dialect::ALL {
        let edited = edit(dialect, &body, &ASK).unwrap();
        assert_eq!(edited.usage_asked, dialect == Dialect::OpenAi, "the others tell it unasked: {dialect:?}");
        assert_eq!(edited.body == body, !edited.usage_asked);
    }
}

#[test]
fn a_model_is_replaced_in_place() {
    let change = |model| Edit::new().with_model(model);
    let body = r#"{"messages":[{"content":"\u00e9 \"model\": no"}], "model" : "a", "seed":1.50}"#;
    let expected = r#"{"messages":[{"content":"\u00e9 \"model\": no"}], "model" : "b\"c", "seed":1.50}"#;
    assert_eq!(edited(body, change("b\"c")).0, expected);
    assert_eq!(edited("{}", change("b")).0, r#"{"model":"b"}"#);
    assert_eq!(edited("  { }", change("b")).0, r#"  {"model":"b" }"#);
    assert_eq!(edited(r#"{"n":1}"#, change("b")).0, r#"{"n":1,"model":"b"}"#);
    assert_eq!(edited(r#"{"model":"x","model":7}"#, change("b")).0, r#"{"model":"b","model":"b"}"#);
}

#[test]
fn both_changes_fit_together() {
    let change = Edit::new().with_model("b").with_usage_asked();
    let (body, asked) = edited(r#"{"stream":true}"#, change);
    assert_eq!(body, r#"{"stream":true,"model":"b","stream_options":{"include_usage":true}}"#);
    assert!(asked);
}

#[test]
fn nothing_to_change_is_the_same_bytes() {
    let body = Bytes::from_static(br#"{"model":"a","stream":true,"stream_options":{"include_usage":true}}"#);
    let edited = edit(Dialect::OpenAi, &body, &ASK.with_model("a")).unwrap();
    assert_eq!(edited.body.as_ptr(), body.as_ptr(), "no copy");
}

#[test]
fn what_is_no_object_is_an_error_that_does_not_quote_it() {
    for (body, expected) in [
        ("", "the request body is not a JSON object (line 1, column 1)"),
        ("[\"my secret\"]", "the request body is not a JSON object (line 1, column 1)"),
        ("{\"secret\":1,", "the request body is cut short (line 1, column 12)"),
        ("{\"secret\":\n secret}", "the request body is not JSON (line 2, column 2)"),
    ] {
        let error = edit(Dialect::OpenAi, &Bytes::from_static(body.as_bytes()), &ASK).unwrap_err();
        assert_eq!(error.to_string(), expected);
    }
    let no_text = edit(Dialect::OpenAi, &Bytes::from_static(b"{\n\"a\":\"\xFF\"}"), &ASK).unwrap_err();
    assert_eq!(no_text.to_string(), "the request body is not JSON (line 2, column 6)");
}

#[test]
fn asking_for_the_usage_of_a_chat_costs_the_new_body_alone() {
    let body = Bytes::from_static(
        br#"{"model":"m","stream":true,"messages":[{"role":"system","content":"S"},{"role":"user","content":"Q\n"}]}"#,
    );
    let counted = allocation_counter::measure(|| {
        assert!(edit(Dialect::OpenAi, &body, &ASK).unwrap().usage_asked);
    });
    assert_eq!(counted.count_total, 1);
}
