//! What a NIM with a Nemotron wants otherwise than other servers of OpenAI's dialect.

use serde_json::{Value as Json, json};

use super::openai;
use crate::route::provider::{Ask, Message, ReasoningToggle, Role};

/// How this Nemotron is spoken to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Ways {
    /// How it is told whether to think.
    pub reasoning_toggle: ReasoningToggle,
    /// The schema goes to `nvext.guided_json`, for a NIM 1.x that does not know `response_format`. Newer ones ignore that in silence.
    pub guided_json: bool,
}

/// What is posted to `/chat/completions`.
pub fn body(model: &str, ask: &Ask, ways: Ways) -> Json {
    let mut ask = ask.clone();
    match ways.reasoning_toggle {
        ReasoningToggle::None | ReasoningToggle::TemplateKwargs => {}
        ReasoningToggle::SystemPhrase => system_phrase(&mut ask),
        ReasoningToggle::Slash => slash(&mut ask),
    }
    let mut body = openai::body(model, &ask, openai::Ways::default());
    if ways.reasoning_toggle == ReasoningToggle::TemplateKwargs {
        body["chat_template_kwargs"] = json!({ "enable_thinking": ask.think });
    }
    if ways.reasoning_toggle == ReasoningToggle::SystemPhrase && ask.think {
        body["top_p"] = 0.95.into();
    }
    if let Some(schema) = ask.schema.filter(|_| ways.guided_json) {
        body["nvext"] = json!({ "guided_json": schema.json });
        if let Some(body) = body.as_object_mut() {
            body.shift_remove("response_format");
        }
    }
    body
}

/// The phrase has to be the whole system message: what else it would say is put before the first question.
fn system_phrase(ask: &mut Ask) {
    let rules: Vec<String> =
        ask.messages.extract_if(.., |message| message.role == Role::System).map(|message| message.text).collect();
    if !rules.is_empty() {
        let rules = rules.join("\n\n");
        match ask.messages.iter_mut().find(|message| message.role == Role::User) {
            Some(question) => question.text = format!("{rules}\n\n{}", question.text),
            None => ask.messages.insert(0, Message::new(Role::User, rules)),
        }
    }
    let phrase = if ask.think { "detailed thinking on" } else { "detailed thinking off" };
    ask.messages.insert(0, Message::new(Role::System, phrase));
    ask.temperature = ask.temperature.or(Some(if ask.think { 0.6 } else { 0.0 }));
}

fn slash(ask: &mut Ask) {
    let word = if ask.think { "/think" } else { "/no_think" };
    match ask.messages.iter_mut().find(|message| message.role == Role::System) {
        Some(system) => system.text = format!("{}\n{word}", system.text),
        None => ask.messages.insert(0, Message::new(Role::System, word)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::route::provider::Schema;
    use crate::route::shape::Shape;

    fn ask(think: bool) -> Ask {
        let messages = vec![Message::new(Role::System, "Be short."), Message::new(Role::User, "Why?")];
        Ask { messages, think, ..Ask::default() }
    }

    fn asked(toggle: ReasoningToggle, think: bool) -> Json {
        body("nano", &ask(think), Ways { reasoning_toggle: toggle, guided_json: false })
    }

    #[test]
    fn each_toggle_is_set_in_its_own_way() {
        let messages = |body: &Json| {
            body["messages"].as_array().unwrap().iter().map(|message| message["content"].clone()).collect::<Vec<_>>()
        };
        for (toggle, think, said) in [
            (ReasoningToggle::None, false, vec!["Be short.", "Why?"]),
            (ReasoningToggle::SystemPhrase, false, vec!["detailed thinking off", "Be short.\n\nWhy?"]),
            (ReasoningToggle::SystemPhrase, true, vec!["detailed thinking on", "Be short.\n\nWhy?"]),
            (ReasoningToggle::Slash, false, vec!["Be short.\n/no_think", "Why?"]),
            (ReasoningToggle::Slash, true, vec!["Be short.\n/think", "Why?"]),
            (ReasoningToggle::TemplateKwargs, false, vec!["Be short.", "Why?"]),
        ] {
            assert_eq!(messages(&asked(toggle, think)), said, "{toggle:?}");
        }
        assert_eq!(
            asked(ReasoningToggle::TemplateKwargs, false)["chat_template_kwargs"],
            json!({ "enable_thinking": false })
        );
        assert_eq!(asked(ReasoningToggle::SystemPhrase, false)["temperature"], 0.0);
        assert_eq!(asked(ReasoningToggle::SystemPhrase, true)["top_p"], 0.95);
        let alone = Ask { messages: vec![Message::new(Role::System, "Be short.")], ..Ask::default() };
        let ways = Ways { reasoning_toggle: ReasoningToggle::SystemPhrase, guided_json: false };
        assert_eq!(messages(&body("nano", &alone, ways)), ["detailed thinking off", "Be short."]);
    }

    #[test]
    fn a_schema_goes_where_the_nim_reads_it() {
        let schema = Schema { name: "diagnosis".to_owned(), json: json!({ "type": "string" }) };
        let ask = Ask { schema: Some(Shape::new(schema).unwrap()), ..ask(false) };
        let new = body("nano", &ask, Ways::default());
        assert_eq!(new["response_format"]["json_schema"]["name"], "diagnosis");
        assert!(new.get("nvext").is_none());
        let old = body("nano", &ask, Ways { guided_json: true, ..Ways::default() });
        assert_eq!(old["nvext"], json!({ "guided_json": { "type": "string" } }));
        assert!(old.get("response_format").is_none());
    }
}
