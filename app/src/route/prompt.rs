//! What is sent of a request: without secrets, and with a word on what stands in their place.

use anchorwatch_core::route::provider::{Ask, Message, Role};
use anchorwatch_core::route::redaction::Conversation;
use serde_json::Value as Json;

use super::answer::Wanted;

/// Puts placeholders in the place of what must not leave. What is known of any part of it counts for all of it.
pub(super) fn redact(conversation: &mut Conversation, wanted: &mut Wanted) {
    let mut texts = texts(wanted);
    for text in &texts {
        conversation.learn(text);
    }
    for text in &mut texts {
        **text = conversation.redact(text);
    }
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

/// What a prompt is known by: all its texts, each with who says it.
pub(super) fn bytes(wanted: &Wanted) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut add = |who: &str, text: &str| {
        bytes.extend_from_slice(who.as_bytes());
        bytes.push(0);
        bytes.extend_from_slice(text.as_bytes());
        bytes.push(0);
    };
    match wanted {
        Wanted::Embeddings(texts) => texts.iter().for_each(|text| add("text", text)),
        Wanted::Answer(ask) => {
            ask.messages.iter().for_each(|message| add(message.role.name(), &message.text));
            ask.evidence.iter().for_each(|evidence| add("evidence", &evidence.text));
        }
    }
    bytes
}
