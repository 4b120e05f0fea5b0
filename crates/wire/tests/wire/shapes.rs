//! Reading requests.

use std::collections::HashSet;

use buttress_call::Shape;
use buttress_wire::{Dialect, shape};

fn openai(body: &str) -> Shape {
    shape(Dialect::OpenAi, body.as_bytes()).unwrap()
}

fn anthropic(body: &str) -> Shape {
    shape(Dialect::Anthropic, body.as_bytes()).unwrap()
}

#[test]
fn a_chat_request_tells_what_it_asks_for() {
    let shape = openai(
        r#"{"model":"gpt-5-mini","stream":true,"max_tokens":5,"max_completion_tokens":100,
            "messages":[{"role":"system","content":"Be brief."},{"role":"user","content":"Hi"}]}"#,
    );
    assert_eq!(shape.model.as_deref(), Some("gpt-5-mini"));
    assert!(shape.stream);
    assert_eq!(shape.max_output, Some(100));
    assert_eq!(shape.text_bytes, 11);
    assert!(shape.prefix.is_some());
}

#[test]
fn several_choices_multiply_the_output_cap() {
    assert_eq!(openai(r#"{"max_tokens":100,"n":3}"#).max_output, Some(300));
    assert_eq!(openai(r#"{"max_tokens":100,"n":0}"#).max_output, Some(100));
    assert_eq!(openai(r#"{"n":3}"#).max_output, None);
}

#[test]
fn media_is_left_out_of_the_text() {
    let image = "A".repeat(10_000);
    let body = format!(
        r#"{{"messages":[{{"role":"user","content":[{{"type":"text","text":"What is it?"}},
            {{"type":"image_url","image_url":{{"url":"data:image/png;base64,{image}"}}}},
            {{"type":"input_audio","input_audio":{{"data":"{image}","format":"wav"}}}},
            {{"type":"file","file":{{"file_data":"{image}"}}}}]}}]}}"#
    );
    assert_eq!(openai(&body).text_bytes, 11);

    let body = format!(
        r#"{{"messages":[{{"role":"user","content":[
            {{"type":"image","source":{{"type":"base64","media_type":"image/png","data":"{image}"}}}},
            {{"type":"document","source":{{"media_type":"text/plain","data":"0123456789","type":"text"}}}},
            {{"type":"text","text":"Compare."}}]}}]}}"#
    );
    assert_eq!(anthropic(&body).text_bytes, 18);
}

#[test]
fn tools_and_their_calls_count() {
    let shape = openai(
        r#"{"messages":[{"role":"assistant","content":null,"tool_calls":[{"id":"call_1","type":"function",
            "function":{"name":"f","arguments":"{\"a\":1}"}}]},{"role":"tool","tool_call_id":"call_1","content":"42"}],
            "tools":[{"a":"b"}]}"#,
    );
    assert_eq!(shape.text_bytes, 1 + 7 + 2 + 11);
    let shape = anthropic(
        r#"{"messages":[{"role":"assistant","content":[{"type":"tool_use","id":"t","name":"f","input":{"a":1}}]},
            {"role":"user","content":[{"type":"tool_result","tool_use_id":"t","content":[{"type":"text","text":"42"}]}]}]}"#,
    );
    assert_eq!(shape.text_bytes, 1 + 7 + 2);
}

#[test]
fn tools_are_seen_by_every_name_that_they_have() {
    let both = |body: &str| {
        let (openai, anthropic) = (openai(body), anthropic(body));
        assert_eq!(openai, anthropic, "{body}");
        openai
    };
    for (list, around) in [
        (r#"[{"type":"function","function":{"name":"f"}}]"#, r#"{"tools":LIST}"#),
        (r#"[{"name":"f","input_schema":{}}]"#, r#"{"tools":LIST,"tool_choice":{"type":"none"}}"#),
        (r#"[{"name":"f"}]"#, r#"{"functions":LIST,"function_call":"none"}"#),
        (r#"[{"functionDeclarations":[{"name":"f"}]}]"#, r#"{"contents":[],"tools":LIST}"#),
        (r#"[{"type":"web_search"}]"#, r#"{"input":"","tools":LIST}"#),
        (r#"[{"toolSpec":{"name":"f"}}]"#, r#"{"toolConfig":{"toolChoice":{"auto":{}},"tools":LIST}}"#),
    ] {
        let shape = both(&around.replace("LIST", list));
        assert!(shape.tools, "{around}");
        assert_eq!(shape.text_bytes, list.len() as u64, "{around}");
    }
    for body in [
        "{}",
        r#"{"tools":[]}"#,
        r#"{"tools":[ ],"functions":null}"#,
        r#"{"tools":"f"}"#,
        r#"{"tools":{"a":1}}"#,
        r#"{"toolConfig":{}}"#,
        r#"{"toolConfig":{"tools":[]}}"#,
        r#"{"toolConfig":[1]}"#,
        r#"{"tool_choice":"auto"}"#,
        r#"{"messages":[{"role":"user","content":"tools"}]}"#,
    ] {
        assert!(!both(body).tools, "{body}");
    }
}

#[test]
fn text_is_counted_as_it_is_and_not_as_it_is_escaped() {
    let plain = openai(r#"{"messages":[{"content":"日本"}]}"#);
    let escaped = openai(r#"{"messages":[{"content":"\u65e5\u672c"}]}"#);
    assert_eq!(plain.text_bytes, 6);
    assert_eq!(plain, escaped);
}

#[test]
fn prompts_and_inputs_of_other_endpoints_count() {
    assert_eq!(openai(r#"{"prompt":"Once"}"#).text_bytes, 4);
    assert_eq!(openai(r#"{"input":["ab","cd"]}"#).text_bytes, 4);
    assert_eq!(openai(r#"{"input":"embed"}"#).prefix, None);
}

#[test]
fn the_prefix_is_that_of_the_system_prompt_and_the_first_message() {
    let turn = |messages: &str| anthropic(&format!(r#"{{"system":"S","messages":[{messages}]}}"#)).prefix;
    let first = r#"{"role":"user","content":"Q"}"#;
    let grown = format!(r#"{first},{{"role":"assistant","content":"A"}},{{"role":"user","content":"More"}}"#);
    let marked =
        r#"{"role":"user","content":[{"type":"text","text":"Q","cache_control":{"type":"ephemeral"}}]}"#;
    let other = r#"{"role":"user","content":"R"}"#;
    assert_eq!(turn(first), turn(&grown), "it stays while the conversation grows");
    assert_eq!(turn(first), turn(marked), "and when a cache mark moves");
    assert_ne!(turn(first), turn(other));

    let chat = |messages: &str| openai(&format!(r#"{{"messages":[{messages}]}}"#)).prefix;
    let system = r#"{"role":"system","content":"S"}"#;
    assert_eq!(chat(&format!("{system},{first}")), chat(&format!("{system},{grown}")));
    assert_ne!(chat(&format!("{system},{first}")), chat(&format!("{system},{other}")));
    assert_eq!(chat(&format!("{system},{first}")), turn(first), "whoever serves it");
}

#[test]
fn the_hash_is_the_same_everywhere() {
    let prefix = |text: &str| {
        openai(&format!(r#"{{"messages":[{{"role":"user","content":"{text}"}}]}}"#)).prefix.unwrap()
    };
    assert_eq!(prefix("a"), 0x2e45_7280_c7f7_9467);
    assert_eq!(prefix("What is a flying buttress?"), 0x5439_1f16_1357_ec68);
}

#[test]
fn every_byte_of_the_prefix_counts_in_its_hash() {
    let text = "What is a flying buttress, and what does it carry?";
    let mut seen = HashSet::new();
    let mut hash = |text: &str| {
        let prefix = openai(&format!(r#"{{"messages":[{{"content":"{text}"}}]}}"#)).prefix.unwrap();
        assert!(seen.insert(prefix), "{text}");
    };
    for end in 0..=text.len() {
        hash(&text[..end]);
        hash(&format!("{}-{}", &text[..end], &text[end..]));
    }
}

#[test]
fn where_the_system_prompt_stands_does_not_matter() {
    let messages = r#""messages":[{"role":"user","content":"Q"}]"#;
    let before = anthropic(&format!(r#"{{"system":"S",{messages}}}"#));
    assert_eq!(before, anthropic(&format!(r#"{{{messages},"system":"S"}}"#)));
    assert_ne!(before.prefix, anthropic(&format!("{{{messages}}}")).prefix);
}

#[test]
fn every_dialect_has_its_own_names_for_the_same() {
    for (dialect, body) in [
        (
            Dialect::Responses,
            r#"{"model":"m","stream":true,"instructions":"S","input":"Question","max_output_tokens":9}"#,
        ),
        (
            Dialect::Responses,
            r#"{"model":"m","stream":true,"instructions":"S","max_output_tokens":9,
                "input":[{"role":"user","content":[{"type":"input_text","text":"Question"},
                {"type":"input_image","image_url":"data:image/png;base64,AAAA"}]}]}"#,
        ),
        (
            Dialect::Gemini,
            r#"{"systemInstruction":{"parts":[{"text":"S"}]},"generationConfig":{"maxOutputTokens":3,"candidateCount":3},
                "contents":[{"role":"user","parts":[{"text":"Question"},{"inlineData":{"mimeType":"image/png","data":"AAAA"}}]}]}"#,
        ),
        (
            Dialect::Gemini,
            r#"{"system_instruction":{"parts":{"text":"S"}},"generation_config":{"max_output_tokens":9},
                "contents":[{"parts":[{"text":"Question"}]}]}"#,
        ),
        (
            Dialect::Bedrock,
            r#"{"system":[{"text":"S"}],"inferenceConfig":{"maxTokens":9},
                "messages":[{"role":"user","content":[{"text":"Question"},{"image":{"format":"png","source":{"bytes":"AAAA"}}}]}]}"#,
        ),
        (
            Dialect::BedrockInvoke,
            r#"{"anthropic_version":"bedrock-2023-05-31","max_tokens":9,"system":"S",
                "messages":[{"role":"user","content":"Question"}]}"#,
        ),
        (
            Dialect::Cohere,
            r#"{"model":"m","stream":true,"max_tokens":9,
                "messages":[{"role":"system","content":"S"},{"role":"user","content":"Question"}]}"#,
        ),
        (
            Dialect::Ollama,
            r#"{"model":"m","options":{"num_predict":9},
                "messages":[{"role":"system","content":"S"},{"role":"user","content":"Question","images":["AAAA"]}]}"#,
        ),
        (Dialect::Ollama, r#"{"model":"m","system":"S","prompt":"Question","options":{"num_predict":9}}"#),
        (Dialect::Tgi, r#"{"inputs":"Question:","parameters":{"max_new_tokens":9}}"#),
    ] {
        let shape = shape(dialect, body.as_bytes()).unwrap();
        assert_eq!((shape.text_bytes, shape.max_output), (9, Some(9)), "{body}");
        let in_body =
            !matches!(dialect, Dialect::Gemini | Dialect::Bedrock | Dialect::BedrockInvoke | Dialect::Tgi);
        assert_eq!(shape.model.is_some(), in_body, "{body}");
        assert_eq!(shape.stream, in_body, "{body}");
        assert_eq!(shape.prefix.is_some(), dialect != Dialect::Tgi, "{body}");
    }
}

#[test]
fn ollama_streams_unless_it_is_told_not_to() {
    let stream = |body: &str| shape(Dialect::Ollama, body.as_bytes()).unwrap().stream;
    assert!(stream("{}") && stream(r#"{"stream":true}"#) && stream(r#"{"stream":null}"#));
    assert!(!stream(r#"{"stream":false}"#));
}

#[test]
fn calls_of_tools_count_in_every_dialect() {
    for (dialect, turns) in [
        (
            Dialect::Responses,
            r#""input":[{"type":"function_call","call_id":"c","name":"f","arguments":"{\"a\":1}"},
                {"type":"function_call_output","call_id":"c","output":"42"}]"#,
        ),
        (
            Dialect::Gemini,
            r#""contents":[{"parts":[{"functionCall":{"name":"f","args":{"a":1}}}]},
                {"parts":[{"functionResponse":{"response":42}}]}]"#,
        ),
        (
            Dialect::Bedrock,
            r#""messages":[{"content":[{"toolUse":{"toolUseId":"t","name":"f","input":{"a":1}}}]},
                {"content":[{"toolResult":{"toolUseId":"t","content":[{"json":42}]}}]}]"#,
        ),
        (
            Dialect::Ollama,
            r#""messages":[{"tool_calls":[{"function":{"name":"f","arguments":{"a":1}}}]},{"role":"tool","content":"42"}]"#,
        ),
    ] {
        let shape = shape(dialect, format!("{{{turns}}}").as_bytes()).unwrap();
        assert_eq!(shape.text_bytes, 1 + 7 + 2, "{turns}");
    }
}

#[test]
fn wrong_types_are_as_if_absent() {
    let shape =
        openai(r#"{"model":["a"],"stream":"yes","max_tokens":-1,"n":"two","messages":{"a":1},"tools":null}"#);
    assert_eq!(shape.text_bytes, 0);
    assert_eq!((shape.model, shape.stream, shape.max_output, shape.prefix), (None, false, None, None));
}

#[test]
fn deep_nesting_neither_fails_nor_overflows() {
    for open in ["[", r#"{"content":"#, r#"{"source":{"content":"#, r#"{"input":"#] {
        let deep = open.repeat(200_000 / open.len());
        let braces = deep.chars().rev().filter_map(|c| match c {
            '[' => Some(']'),
            '{' => Some('}'),
            _ => None,
        });
        let body = format!(r#"{{"messages":[{deep}0{}]}}"#, braces.collect::<String>());
        assert!(openai(&body).text_bytes > 0, "{open}");
    }
}

#[test]
fn what_is_no_object_is_an_error() {
    for body in ["", "[]", "null", "{", r#"{"model":}"#] {
        assert!(shape(Dialect::OpenAi, body.as_bytes()).is_err(), "{body}");
    }
}
