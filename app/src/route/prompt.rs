//! What is sent of a request: without secrets, and with a word on what stands in their place.

use anchorwatch_core::route::provider::{Ask, Message, Role};
use anchorwatch_core::route::redaction::Conversation;
use serde_json::Value as Json;

use super::answer::Wanted;

/// Puts placeholders in the place of what must not leave. What is known of any part of it counts for all of it.
pub(super) fn redact(conversation: &mut Conversation, wanted: &mut Wanted) {
    conversation.redact_together(&mut texts(wanted));
    if let Wanted::Answer(ask) = wanted
        && !conversation.counts().is_empty()
    {
        explain(ask);
    }
}

/// Every text in it, but for what is no text: images and the like.
fn texts(wanted: &mut Wanted) -> Vec<&mut String> {
    let ask = match wanted {
        Wanted::Embeddings(texts) => return texts.iter_mut().collect(),
        Wanted::Answer(ask) => ask,
    };
    let mut texts = Vec::new();
    for Message { text, tool_calls, .. } in &mut ask.messages {
        texts.push(text);
        for call in tool_calls {
            if let Some(Json::String(arguments)) = call.pointer_mut("/function/arguments") {
                texts.push(arguments);
            }
        }
    }
    texts.extend(ask.evidence.iter_mut().map(|evidence| &mut evidence.text));
    texts
}

/// Tells the model what placeholders are.
fn explain(ask: &mut Ask) {
    let legend = Conversation::legend();
    match ask.messages.iter_mut().find(|message| message.role == Role::System) {
        Some(system) => system.text = format!("{}\n\n{legend}", system.text),
        None => ask.messages.insert(0, Message::new(Role::System, legend)),
    }
}

/// Every text of a request, each with who says it, in the order in which [`texts`] has them.
pub(super) fn said(wanted: &Wanted) -> Vec<(&'static str, &str)> {
    let ask = match wanted {
        Wanted::Embeddings(texts) => return texts.iter().map(|text| ("text", text.as_str())).collect(),
        Wanted::Answer(ask) => ask,
    };
    let mut said = Vec::new();
    for Message { role, text, tool_calls, .. } in &ask.messages {
        said.push((role.name(), text.as_str()));
        said.extend(tool_calls.iter().filter_map(arguments).map(|arguments| ("call", arguments)));
    }
    said.extend(ask.evidence.iter().map(|evidence| ("evidence", evidence.text.as_str())));
    said
}

/// What a tool is called with.
pub(super) fn arguments(call: &Json) -> Option<&str> {
    call.pointer("/function/arguments")?.as_str()
}

/// What a prompt is known by: all its texts, each with who says it.
pub(super) fn bytes(wanted: &Wanted) -> Vec<u8> {
    said(wanted).into_iter().flat_map(|(who, text)| [who, "\0", text, "\0"]).collect::<Vec<_>>().concat().into_bytes()
}

#[cfg(test)]
mod tests {
    use anchorwatch_core::route::budget::Evidence;
    use serde_json::json;

    use super::*;

    fn wanted(arguments: &str) -> Wanted {
        let call = json!({ "id": "c", "function": { "name": "logs", "arguments": arguments } });
        let calls = Message { tool_calls: vec![call, json!(5)], ..Message::new(Role::Assistant, "") };
        let messages = vec![Message::new(Role::System, "be short"), calls, Message::new(Role::Tool, "no logs")];
        let evidence = vec![Evidence { rank: 1, text: "exit 137".to_owned() }];
        Wanted::Answer(Box::new(Ask { messages, evidence, ..Ask::default() }))
    }

    #[test]
    fn what_is_redacted_is_what_the_audit_and_the_memory_of_what_is_private_know() {
        for mut wanted in [wanted("{}"), Wanted::Embeddings(vec!["one".to_owned(), "two".to_owned()])] {
            let known: Vec<String> = said(&wanted).into_iter().map(|(_, text)| text.to_owned()).collect();
            assert_eq!(texts(&mut wanted).into_iter().map(|text| text.clone()).collect::<Vec<_>>(), known);
        }
    }

    #[test]
    fn a_prompt_is_known_by_all_its_texts_and_who_says_them() {
        let whole = "system\0be short\0assistant\0\0call\0{\"a\":1}\0tool\0no logs\0evidence\0exit 137\0";
        assert_eq!(String::from_utf8(bytes(&wanted("{\"a\":1}"))).unwrap(), whole);
    }
}
