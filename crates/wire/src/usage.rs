//! Token counts, whatever the provider calls them.

use buttress_call::Usage;
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::json::{count, field};

/// The `usage` of the OpenAI dialect. `input_tokens` and `output_tokens` are what its newer endpoints call them.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(crate) struct OpenAi<'a> {
    #[serde(borrow)]
    prompt_tokens: Option<&'a RawValue>,
    input_tokens: Option<&'a RawValue>,
    completion_tokens: Option<&'a RawValue>,
    output_tokens: Option<&'a RawValue>,
    total_tokens: Option<&'a RawValue>,
    prompt_tokens_details: Option<&'a RawValue>,
    input_tokens_details: Option<&'a RawValue>,
    completion_tokens_details: Option<&'a RawValue>,
    output_tokens_details: Option<&'a RawValue>,
    /// DeepSeek.
    prompt_cache_hit_tokens: Option<&'a RawValue>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
#[expect(clippy::struct_field_names, reason = "the names are the wire's")]
struct OpenAiDetails<'a> {
    #[serde(borrow)]
    cached_tokens: Option<&'a RawValue>,
    cache_write_tokens: Option<&'a RawValue>,
    reasoning_tokens: Option<&'a RawValue>,
}

/// Reads a `usage` of the OpenAI dialect; `None` if it holds no count at all.
pub(crate) fn openai(raw: Option<&RawValue>) -> Option<Usage> {
    field::<OpenAi<'_>>(raw)?.sum()
}

impl OpenAi<'_> {
    /// The counts together; `None` if there are none.
    pub(crate) fn sum(&self) -> Option<Usage> {
        let input = count(self.prompt_tokens).or(count(self.input_tokens));
        let output = count(self.completion_tokens).or(count(self.output_tokens));
        let total = count(self.total_tokens);
        input.or(output).or(total)?;
        let input = input.unwrap_or_else(|| total.unwrap_or(0).saturating_sub(output.unwrap_or(0)));
        // Some servers leave reasoning out of the completion and count it in the total only.
        let output = output.unwrap_or(0).max(total.unwrap_or(0).saturating_sub(input));
        let prompt = details(self.prompt_tokens_details, self.input_tokens_details);
        let completion = details(self.completion_tokens_details, self.output_tokens_details);

        let mut sum = Usage::new(input, output);
        let cached = count(prompt.cached_tokens).or(count(self.prompt_cache_hit_tokens));
        sum.cached_input = cached.unwrap_or(0).min(input);
        sum.cache_write = count(prompt.cache_write_tokens).unwrap_or(0).min(input);
        sum.reasoning = count(completion.reasoning_tokens).unwrap_or(0).min(output);
        Some(sum)
    }
}

fn details<'a>(old: Option<&'a RawValue>, new: Option<&'a RawValue>) -> OpenAiDetails<'a> {
    field(old).or_else(|| field(new)).unwrap_or_default()
}

/// The `usage` of Anthropic, as far as it is known.
///
/// Counts are cumulative and come in parts, the input first: a later count overwrites, an absent one leaves.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Anthropic {
    input: Option<u64>,
    cache_write: Option<u64>,
    cache_read: Option<u64>,
    output: Option<u64>,
    reasoning: Option<u64>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct AnthropicUsage<'a> {
    #[serde(borrow)]
    input_tokens: Option<&'a RawValue>,
    cache_creation_input_tokens: Option<&'a RawValue>,
    cache_read_input_tokens: Option<&'a RawValue>,
    output_tokens: Option<&'a RawValue>,
    output_tokens_details: Option<&'a RawValue>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct AnthropicDetails<'a> {
    #[serde(borrow)]
    thinking_tokens: Option<&'a RawValue>,
}

impl Anthropic {
    /// Takes in a `usage` object and says what is known now; `None` if it held no count.
    pub(crate) fn merge(&mut self, raw: Option<&RawValue>) -> Option<Usage> {
        let usage: AnthropicUsage<'_> = field(raw)?;
        let details: AnthropicDetails<'_> = field(usage.output_tokens_details).unwrap_or_default();
        let mut any = false;
        let mut overwrite = |known: &mut Option<u64>, said: Option<u64>| {
            any |= said.is_some();
            // A cumulative count does not fall to zero: some servers put zeros where they have nothing to add.
            *known = said.filter(|count| *count > 0).or(*known).or(said);
        };
        overwrite(&mut self.input, count(usage.input_tokens));
        overwrite(&mut self.cache_write, count(usage.cache_creation_input_tokens));
        overwrite(&mut self.cache_read, count(usage.cache_read_input_tokens));
        overwrite(&mut self.output, count(usage.output_tokens));
        overwrite(&mut self.reasoning, count(details.thinking_tokens));
        any.then(|| self.sum())
    }

    fn sum(&self) -> Usage {
        let cached = self.cache_read.unwrap_or(0);
        let written = self.cache_write.unwrap_or(0);
        // No overflow: each count is at most 2^53.
        let mut sum = Usage::new(self.input.unwrap_or(0) + cached + written, self.output.unwrap_or(0));
        sum.cached_input = cached;
        sum.cache_write = written;
        sum.reasoning = self.reasoning.unwrap_or(0).min(sum.output);
        sum
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn raw(json: &str) -> Option<&RawValue> {
        serde_json::from_str(json).ok()
    }

    fn usage(input: u64, output: u64, cached_input: u64, cache_write: u64, reasoning: u64) -> Usage {
        let mut usage = Usage::new(input, output);
        (usage.cached_input, usage.cache_write, usage.reasoning) = (cached_input, cache_write, reasoning);
        usage
    }

    #[test]
    fn openai_counts_cached_tokens_inside_the_prompt() {
        let json = r#"{"prompt_tokens":100,"completion_tokens":20,"total_tokens":120,
            "prompt_tokens_details":{"cached_tokens":64,"cache_write_tokens":10,"audio_tokens":0},
            "completion_tokens_details":{"reasoning_tokens":12}}"#;
        assert_eq!(openai(raw(json)), Some(usage(100, 20, 64, 10, 12)));
    }

    #[test]
    fn deepseek_names_its_cache_differently() {
        let json = r#"{"prompt_tokens":100,"completion_tokens":20,"prompt_cache_hit_tokens":30}"#;
        assert_eq!(openai(raw(json)), Some(usage(100, 20, 30, 0, 0)));
    }

    #[test]
    fn embeddings_have_no_completion() {
        assert_eq!(openai(raw(r#"{"prompt_tokens":8,"total_tokens":8}"#)), Some(Usage::new(8, 0)));
    }

    #[test]
    fn what_only_the_total_counts_is_output() {
        let json = r#"{"prompt_tokens":10,"completion_tokens":5,"total_tokens":115,
            "completion_tokens_details":{"reasoning_tokens":100}}"#;
        assert_eq!(openai(raw(json)), Some(usage(10, 105, 0, 0, 100)));
    }

    #[test]
    fn garbage_counts_are_as_if_absent() {
        assert_eq!(openai(raw(r#"{"prompt_tokens":-5,"completion_tokens":7}"#)), Some(Usage::new(0, 7)));
        assert_eq!(openai(raw(r#"{"prompt_tokens":1e300,"total_tokens":"many"}"#)), None);
        for json in ["{}", "null", "7", "[1,2,3]", r#""usage""#] {
            assert_eq!(openai(raw(json)), None, "{json}");
        }
        let json =
            r#"{"prompt_tokens":10,"completion_tokens":1,"prompt_tokens_details":{"cached_tokens":99}}"#;
        assert_eq!(openai(raw(json)), Some(usage(10, 1, 10, 0, 0)), "a part is no larger than the whole");
    }

    #[test]
    fn anthropic_input_is_the_sum_of_three_and_later_counts_overwrite() {
        let mut known = Anthropic::default();
        let start = r#"{"input_tokens":10,"cache_creation_input_tokens":100,"cache_read_input_tokens":1000,
            "output_tokens":1}"#;
        assert_eq!(known.merge(raw(start)), Some(usage(1110, 1, 1000, 100, 0)));
        let later = r#"{"output_tokens":25,"output_tokens_details":{"thinking_tokens":9}}"#;
        assert_eq!(known.merge(raw(later)), Some(usage(1110, 25, 1000, 100, 9)));
        let zeros = r#"{"input_tokens":0,"cache_read_input_tokens":null,"output_tokens":40}"#;
        assert_eq!(known.merge(raw(zeros)), Some(usage(1110, 40, 1000, 100, 9)));
        assert_eq!(known.merge(raw("{}")), None);
    }
}
