//! An event that is glanced at says what it says when it is parsed, whatever stands in it, wherever it stands.

use buttress_wire::{Decoder, Dialect, Event};
use proptest::{prelude::*, sample::Index};
use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};

use crate::{
    amazon,
    glance::{escaped, text},
};

/// JSON with its keys in order.
#[derive(Clone, Debug)]
enum Tree {
    Leaf(String),
    List(Vec<Tree>),
    Object(Vec<(String, Tree)>),
}

impl Tree {
    fn parse(json: &str) -> Self {
        serde_json::from_str(json).unwrap()
    }

    fn write(&self, space: &str) -> String {
        let separator = format!(",{space}");
        match self {
            Tree::Leaf(leaf) => leaf.clone(),
            Tree::List(list) => {
                let list: Vec<_> = list.iter().map(|tree| tree.write(space)).collect();
                format!("[{}]", list.join(&separator))
            }
            Tree::Object(fields) => {
                let field =
                    |(key, tree): &(String, Tree)| format!("\"{key}\"{space}:{space}{}", tree.write(space));
                let fields: Vec<_> = fields.iter().map(field).collect();
                format!("{{{}}}", fields.join(&separator))
            }
        }
    }

    fn children(&mut self) -> Vec<&mut Tree> {
        match self {
            Tree::Leaf(_) => vec![],
            Tree::List(list) => list.iter_mut().collect(),
            Tree::Object(fields) => fields.iter_mut().map(|(_, tree)| tree).collect(),
        }
    }

    /// Does something to a node, chosen by a walk down.
    fn change(&mut self, way: &[Index], change: &Change) {
        if let Some((next, way)) = way.split_first() {
            let mut children = self.children();
            if !children.is_empty() {
                children.swap_remove(next.index(children.len())).change(way, change);
                return;
            }
        }
        match (self, change) {
            (Tree::Object(fields), Change::Insert(at, key, tree)) => {
                fields.retain(|(known, _)| known != key);
                fields.insert(at.index(fields.len() + 1), (key.clone(), tree.clone()));
            }
            (Tree::Object(fields), Change::Remove(at)) if !fields.is_empty() => {
                fields.remove(at.index(fields.len()));
            }
            (Tree::Object(fields), Change::Turn(by)) if !fields.is_empty() => {
                let by = by.index(fields.len());
                fields.rotate_left(by);
            }
            (Tree::List(list), Change::Insert(at, _, tree)) => {
                list.insert(at.index(list.len() + 1), tree.clone());
            }
            (node @ Tree::Leaf(_), Change::Insert(_, _, tree)) => *node = tree.clone(),
            _ => {}
        }
    }
}

impl<'de> Deserialize<'de> for Tree {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Read;

        impl<'de> Visitor<'de> for Read {
            type Value = Tree;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("JSON")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Tree, A::Error> {
                let mut fields = Vec::new();
                while let Some(field) = map.next_entry()? {
                    fields.push(field);
                }
                Ok(Tree::Object(fields))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Tree, A::Error> {
                let mut list = Vec::new();
                while let Some(tree) = seq.next_element()? {
                    list.push(tree);
                }
                Ok(Tree::List(list))
            }

            fn visit_str<E>(self, text: &str) -> Result<Tree, E> {
                Ok(Tree::Leaf(serde_json::Value::from(text).to_string()))
            }

            fn visit_u64<E>(self, number: u64) -> Result<Tree, E> {
                Ok(Tree::Leaf(number.to_string()))
            }

            fn visit_f64<E>(self, number: f64) -> Result<Tree, E> {
                Ok(Tree::Leaf(number.to_string()))
            }

            fn visit_bool<E>(self, is: bool) -> Result<Tree, E> {
                Ok(Tree::Leaf(is.to_string()))
            }

            fn visit_unit<E>(self) -> Result<Tree, E> {
                Ok(Tree::Leaf("null".to_owned()))
            }
        }

        deserializer.deserialize_any(Read)
    }
}

#[derive(Clone, Debug)]
enum Change {
    Insert(Index, String, Tree),
    Remove(Index),
    Turn(Index),
}

/// Every word that means something to some reader.
const KEYS: &[&str] = &[
    "error",
    "choices",
    "finish_reason",
    "usage",
    "index",
    "delta",
    "content",
    "x_groq",
    "object",
    "type",
    "message",
    "candidates",
    "finishReason",
    "usageMetadata",
    "promptFeedback",
    "blockReason",
    "parts",
    "text",
    "args",
    "promptTokenCount",
    "totalTokenCount",
    "candidatesTokenCount",
    "done",
    "eval_count",
    "prompt_eval_count",
    "response",
    "token",
    "generated_text",
    "details",
    "generated_tokens",
    "special",
    "stop_reason",
    "stopReason",
    "input_tokens",
    "prompt_tokens",
    "completion_tokens",
    "output_tokens",
    "code",
    "bytes",
    "p",
    "a",
];

fn tree() -> impl Strategy<Value = Tree> {
    let leaf = prop_oneof![
        proptest::sample::select(vec![
            "null",
            "true",
            "false",
            "0",
            "1",
            "7",
            "-1",
            "2.5",
            "\"\"",
            "\"a\"",
            "\"stop\"",
            "\"STOP\"",
            "\"error\"",
            "\"\\\"error\\\":{\"",
            "\"}\"",
            "\"]\"",
            "\"message_stop\"",
            "\"response.completed\"",
            "\"\\u00e9\\\\\"",
        ])
        .prop_map(str::to_owned),
        proptest::sample::select(KEYS).prop_map(|key| format!("\"{key}\"")),
    ]
    .prop_map(Tree::Leaf);
    leaf.prop_recursive(3, 12, 4, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..3).prop_map(Tree::List),
            proptest::collection::btree_map(proptest::sample::select(KEYS), inner, 0..4).prop_map(|fields| {
                Tree::Object(fields.into_iter().map(|(key, tree)| (key.to_owned(), tree)).collect())
            }),
        ]
    })
}

/// Fields that say something.
const TELLING: &[(&str, &str)] = &[
    ("error", r#"{"code":503}"#),
    ("finish_reason", r#""stop""#),
    ("usage", r#"{"prompt_tokens":3,"completion_tokens":4}"#),
    ("x_groq", r#"{"error":"no"}"#),
    ("type", r#""error""#),
    ("finishReason", r#""SAFETY""#),
    ("promptFeedback", r#"{"blockReason":"OTHER"}"#),
    ("usageMetadata", r#"{"promptTokenCount":3,"totalTokenCount":9}"#),
    ("index", "1"),
    ("done", "true"),
    ("eval_count", "7"),
    ("prompt_eval_count", "7"),
    ("generated_text", r#""a""#),
    ("details", r#"{"generated_tokens":7}"#),
    ("message", r#"{"usage":{"input_tokens":3}}"#),
];

fn change() -> impl Strategy<Value = Change> {
    prop_oneof![
        4 => (any::<Index>(), proptest::sample::select(KEYS), tree())
            .prop_map(|(at, key, tree)| Change::Insert(at, key.to_owned(), tree)),
        4 => (any::<Index>(), proptest::sample::select(TELLING))
            .prop_map(|(at, (key, json))| Change::Insert(at, key.to_owned(), Tree::parse(json))),
        1 => any::<Index>().prop_map(Change::Remove),
        1 => any::<Index>().prop_map(Change::Turn),
    ]
}

/// A dialect, an ordinary event, and how it is framed.
type Ordinary = (Dialect, &'static str, fn(&str) -> Vec<u8>);

fn data(json: &str) -> Vec<u8> {
    format!("data: {json}\n\n").into_bytes()
}

const ORDINARY: &[Ordinary] = &[
    (
        Dialect::OpenAi,
        r#"{"id":"c","object":"chat.completion.chunk","choices":[{"index":0,"delta":{"content":"a"},"finish_reason":null}],"usage":null}"#,
        data,
    ),
    (Dialect::OpenAi, r#"{"choices":[{"delta":{"content":"a"}}]}"#, data),
    (
        Dialect::Anthropic,
        r#"{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"a"}}"#,
        data,
    ),
    (Dialect::Responses, r#"{"type":"response.output_text.delta","sequence_number":4,"delta":"a"}"#, data),
    (
        Dialect::Gemini,
        r#"{"candidates":[{"content":{"parts":[{"text":"a"}],"role":"model"},"index":0}],"usageMetadata":{"promptTokenCount":4,"candidatesTokenCount":1,"totalTokenCount":5,"promptTokensDetails":[{"modality":"TEXT","tokenCount":4}]},"modelVersion":"m","responseId":"r"}"#,
        data,
    ),
    (
        Dialect::Gemini,
        r#"{"candidates":[{"content":{"parts":[{"functionCall":{"name":"f","args":{"x":1}}}]}}]}"#,
        data,
    ),
    (
        Dialect::Cohere,
        r#"{"type":"content-delta","index":0,"delta":{"message":{"content":{"text":"a"}}}}"#,
        data,
    ),
    (
        Dialect::Ollama,
        r#"{"model":"m","message":{"role":"assistant","content":"a","tool_calls":[{"function":{"arguments":{"x":1}}}]},"done":false}"#,
        |json| format!("{json}\n").into_bytes(),
    ),
    (
        Dialect::Tgi,
        r#"{"index":1,"token":{"id":4,"text":"a","logprob":-0.5,"special":false},"generated_text":null,"details":null}"#,
        data,
    ),
    (Dialect::Bedrock, r#"{"contentBlockIndex":0,"delta":{"text":"a"},"p":"abc"}"#, |json| {
        let headers = [(":message-type", "event"), (":event-type", "contentBlockDelta")];
        amazon::message(&headers, json.as_bytes())
    }),
    (
        Dialect::BedrockInvoke,
        r#"{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"a"}}"#,
        |json| {
            let headers = [(":message-type", "event"), (":event-type", "chunk")];
            amazon::message(&headers, amazon::packed(json.as_bytes()).as_bytes())
        },
    ),
];

fn one(decoder: &mut Decoder, bytes: &[u8]) -> Event {
    decoder.next(&mut &bytes[..]).unwrap()
}

/// What an event is to one who parses it, and to one who has seen content; and whether the stream is whole if the first
/// choice ends then.
fn both((dialect, ordinary, frame): Ordinary, json: &str) -> ((Event, bool), (Event, bool)) {
    let mut new = Decoder::new(dialect);
    if dialect == Dialect::BedrockInvoke {
        // The first chunk tells what the model speaks.
        assert!(!one(&mut new, &frame(r#"{"type":"ping"}"#)).content);
    }
    let parsed = one(&mut new, &frame(json));
    let mut later = Decoder::new(dialect);
    assert!(one(&mut later, &frame(ordinary)).content);
    let glanced = one(&mut later, &frame(json));
    let last = match dialect {
        Dialect::OpenAi => r#"{"choices":[{"finish_reason":"stop"}]}"#,
        _ => r#"{"candidates":[{"finishReason":"STOP"}]}"#,
    };
    let complete = |mut decoder: Decoder| {
        one(&mut decoder, &frame(last));
        decoder.complete()
    };
    ((parsed, complete(new)), (glanced, complete(later)))
}

#[test]
fn an_ordinary_event_is_content_to_both() {
    for ordinary in ORDINARY {
        let (parsed, glanced) = both(*ordinary, ordinary.1);
        assert_eq!(parsed, glanced, "{}", ordinary.1);
        assert!(glanced.0.content);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_000))]

    #[test]
    fn whatever_is_changed_in_it(
        which in 0..ORDINARY.len(),
        changes in proptest::collection::vec((proptest::collection::vec(any::<Index>(), 0..6), change()), 1..4),
        space in proptest::sample::select(vec!["", "", " "]),
    ) {
        let ordinary = ORDINARY[which];
        let mut tree = Tree::parse(ordinary.1);
        for (way, change) in &changes {
            tree.change(way, change);
        }
        let json = tree.write(space);
        let (parsed, mut glanced) = both(ordinary, &json);
        // Content is exact up to the first; after that it is told by the form.
        prop_assert!(glanced.0.content || !parsed.0.content, "{json}");
        glanced.0.content = parsed.0.content;
        prop_assert_eq!(parsed, glanced, "{}", json);
    }

    #[test]
    fn whatever_the_text_is(text in text(), ascii in any::<bool>()) {
        let json = serde_json::to_string(&text).unwrap();
        let json = if ascii { escaped(&json) } else { json };
        for ordinary in ORDINARY {
            let (parsed, glanced) = both(*ordinary, &ordinary.1.replace("\"a\"", &json));
            prop_assert_eq!(&parsed, &glanced, "{}", json);
            prop_assert!(glanced.0.content && !glanced.0.end && !glanced.0.finished, "{}", json);
        }
    }
}
