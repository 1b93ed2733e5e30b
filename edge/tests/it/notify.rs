//! Telegram, Slack and webhooks, as they answer on a good and on a bad day.

use std::time::Duration;

use anchorwatch_edge::notify::telegram::{Allowed, Press, TelegramError};
use anchorwatch_edge::notify::{
    Button, Channel, Link, Message, SendError, Slack, Telegram, TelegramChat, Webhook, WebhookSecret,
};
use anchorwatch_edge::outbound::Outbound;
use anchorwatch_testbed::{Receiver, Reply};
use base64::Engine as _;
use hmac::{Hmac, KeyInit as _, Mac as _};
use secrecy::SecretString;
use serde_json::json;

const TOKEN: &str = "4242:a-token-of-tests";
const CHAT: i64 = -100;

fn message() -> Message {
    Message {
        notification_id: "0190-id".to_owned(),
        title: "2 drifts & more".to_owned(),
        lines: vec!["HIGH Deployment shop/<web>".to_owned()],
        footer: "#K3F9QA".to_owned(),
        link: Some(Link { label: "Open".to_owned(), url: "https://watch.example.com/?a=1&b=2".to_owned() }),
        buttons: vec![vec![Button { label: "Acknowledge".to_owned(), data: "ack:0190-id".to_owned() }]],
        payload: json!({ "kind": "drift", "high": 2 }),
    }
}

fn ok(result: &serde_json::Value) -> Reply {
    Reply::json(200, &json!({ "ok": true, "result": result }))
}

fn no(code: u16, description: &str, parameters: &serde_json::Value) -> Reply {
    let body = json!({ "ok": false, "error_code": code, "description": description, "parameters": parameters });
    Reply::json(code, &body)
}

fn telegram() -> (Receiver, Telegram) {
    let receiver = Receiver::start(ok(&json!({ "message_id": 7, "unknown": { "to": "us" } }))).unwrap();
    let bot = Telegram::new(Outbound::anywhere(), &format!("{}/", receiver.url()), SecretString::from(TOKEN));
    (receiver, bot)
}

fn chat(bot: &Telegram) -> TelegramChat {
    TelegramChat::new("telegram", bot.clone(), CHAT)
}

#[tokio::test]
async fn telegram_gets_html_with_buttons() {
    let (receiver, bot) = telegram();
    assert_eq!(chat(&bot).send(&message()).await.unwrap().as_deref(), Some("-100/7"));
    let sent = &receiver.received("/bot4242:a-token-of-tests/sendMessage")[0].json();
    assert_eq!(sent["chat_id"], CHAT);
    assert_eq!(sent["parse_mode"], "HTML");
    assert_eq!(sent["text"], "<b>2 drifts &amp; more</b>\nHIGH Deployment shop/&lt;web&gt;\n\n#K3F9QA");
    let buttons = &sent["reply_markup"]["inline_keyboard"][0];
    assert_eq!(buttons[0], json!({ "text": "Acknowledge", "callback_data": "ack:0190-id" }));
    assert_eq!(buttons[1], json!({ "text": "Open", "url": "https://watch.example.com/?a=1&b=2" }));
}

#[tokio::test]
async fn a_link_that_telegram_refuses_is_no_button() {
    let (receiver, bot) = telegram();
    let link = Some(Link { label: "Open".to_owned(), url: "http://localhost:8080/".to_owned() });
    chat(&bot).send(&Message { link, buttons: Vec::new(), ..message() }).await.unwrap();
    assert_eq!(receiver.received("/sendMessage")[0].json()["reply_markup"], json!({ "inline_keyboard": [] }));
}

#[tokio::test]
async fn what_telegram_cannot_parse_is_sent_as_plain_text() {
    let (receiver, bot) = telegram();
    receiver.next("/sendMessage", no(400, "Bad Request: can't parse entities: unsupported tag", &json!({})));
    chat(&bot).send(&message()).await.unwrap();
    let sent = receiver.received("/sendMessage")[1].json();
    assert_eq!((sent.get("parse_mode"), &sent["chat_id"]), (None, &CHAT.into()));
    assert!(sent["text"].as_str().unwrap().starts_with("2 drifts & more\nHIGH Deployment shop/<web>"));
}

#[tokio::test]
async fn telegrams_wish_to_be_left_alone_is_told() {
    let (receiver, bot) = telegram();
    let parameters = json!({ "retry_after": 35 });
    receiver.next("/sendMessage", no(429, "Too Many Requests: retry after 35", &parameters));
    let error = chat(&bot).send(&message()).await.unwrap_err();
    assert_eq!((error.closed_for(), error.may_have_arrived()), (Some(Duration::from_secs(35)), false));
    receiver.next("/getUpdates", no(429, "Too Many Requests", &json!({ "retry_after": 9_999_999 })));
    let error = bot.updates(0, Duration::ZERO).await.unwrap_err();
    assert_eq!(error.closed_for(), Some(Duration::from_hours(1)), "nobody is believed to want more");
    // A proxy before it, which does not speak as Telegram does.
    let busy = Reply::Say { status: 429, headers: vec!["Retry-After: 3".to_owned()], body: "<html>".to_owned() };
    receiver.next("/sendMessage", busy);
    assert_eq!(chat(&bot).send(&message()).await.unwrap_err().closed_for(), Some(Duration::from_secs(3)));
}

#[tokio::test]
async fn a_group_that_became_a_supergroup_is_written_to_where_it_is() {
    let (receiver, bot) = telegram();
    let parameters = json!({ "migrate_to_chat_id": -1001 });
    receiver.next("/sendMessage", no(400, "Bad Request: group chat was upgraded", &parameters));
    let chat = chat(&bot);
    assert_eq!(chat.send(&message()).await.unwrap().as_deref(), Some("-1001/7"));
    chat.send(&message()).await.unwrap();
    let chats: Vec<_> =
        receiver.received("/sendMessage").iter().map(|sent| sent.json()["chat_id"].as_i64().unwrap()).collect();
    assert_eq!(chats, [CHAT, -1001, -1001]);
    assert_eq!(bot.moved(), [(CHAT, -1001)]);
    let allowed = Allowed { people: vec![1], chats: vec![CHAT] };
    assert!(bot.allows(&allowed, &press(1, -1001)));
}

#[tokio::test]
async fn an_answer_that_is_lost_may_have_been_a_success() {
    let (receiver, bot) = telegram();
    for (reply, may_have_arrived) in [
        (Reply::Cut, true),
        (no(502, "Bad Gateway", &json!({})), true),
        (Reply::Say { status: 502, headers: vec![], body: "<html>".to_owned() }, true),
        (Reply::Say { status: 200, headers: vec![], body: "<html>".to_owned() }, true),
        (no(403, "Forbidden: bot was kicked from the group chat", &json!({})), false),
        (no(401, "Unauthorized", &json!({})), false),
    ] {
        receiver.next("/sendMessage", reply.clone());
        let error = chat(&bot).send(&message()).await.unwrap_err();
        assert_eq!(error.may_have_arrived(), may_have_arrived, "{reply:?}: {error}");
    }
}

#[tokio::test]
async fn the_token_is_in_no_error_and_no_debug_output() {
    let (receiver, bot) = telegram();
    let mut said = format!("{bot:?} {:?}", chat(&bot));
    for reply in [Reply::Cut, no(404, &format!("Not Found: /bot{TOKEN}/x"), &json!({})), no(500, TOKEN, &json!({}))] {
        receiver.next("/sendMessage", reply);
        let error = chat(&bot).send(&message()).await.unwrap_err();
        said = format!("{said} {error} {error:?}");
    }
    let nobody = Telegram::new(Outbound::anywhere(), "http://127.0.0.1:1", SecretString::from(TOKEN));
    let error = nobody.updates(0, Duration::ZERO).await.unwrap_err();
    said = format!("{said} {error} {error:?}");
    assert!(!said.contains("a-token-of-tests"), "{said}");
}

fn press(person: i64, chat: i64) -> Press {
    Press {
        query_id: "q1".to_owned(),
        data: "ack:1".to_owned(),
        person_id: person,
        person_name: "ann".to_owned(),
        chat_id: chat,
        message_id: 7,
    }
}

#[tokio::test]
async fn presses_are_polled_and_one_that_cannot_be_read_holds_nothing_up() {
    let (receiver, bot) = telegram();
    let query = json!({ "id": "q1", "from": { "id": 1, "first_name": "Ann", "username": "ann" }, "data": "ack:1",
        "message": { "message_id": 7, "chat": { "id": CHAT }, "anything": [{ "new": true }] } });
    let updates = json!([
        { "update_id": 10, "callback_query": { "id": "q0", "from": { "id": 1 }, "inline_message_id": "x" } },
        { "update_id": 11, "something_new": {} },
        { "update_id": 12, "callback_query": query },
    ]);
    receiver.next("/getUpdates", ok(&updates));
    let polled = bot.updates(10, Duration::from_secs(1)).await.unwrap();
    assert_eq!((polled.presses, polled.offset), (vec![press(1, CHAT)], 13));
    let asked = receiver.received("/getUpdates")[0].json();
    assert_eq!(asked, json!({ "offset": 10, "timeout": 1, "allowed_updates": ["callback_query"] }));
    receiver.next("/getUpdates", ok(&json!([])));
    assert_eq!(bot.updates(13, Duration::ZERO).await.unwrap().offset, 13);
    receiver.next("/getUpdates", no(409, "Conflict: terminated by other getUpdates request", &json!({})));
    assert!(matches!(bot.updates(13, Duration::ZERO).await, Err(TelegramError::Conflict)));
}

#[tokio::test]
async fn who_may_press_is_one_of_the_people_in_one_of_the_chats() {
    let (_, bot) = telegram();
    let allowed = Allowed { people: vec![1], chats: vec![CHAT] };
    for (person, chat, may) in [(1, CHAT, true), (2, CHAT, false), (1, -200, false), (1, 1, false)] {
        assert_eq!(bot.allows(&allowed, &press(person, chat)), may, "{person} in {chat}");
    }
    assert!(!bot.allows(&Allowed::default(), &press(1, CHAT)));
}

#[tokio::test]
async fn late_answers_and_repeated_edits_are_no_errors() {
    let (receiver, bot) = telegram();
    let late = "Bad Request: query is too old and response timeout expired or query ID is invalid";
    receiver.next("/answerCallbackQuery", no(400, late, &json!({})));
    bot.answer("q1", &"x".repeat(300)).await.unwrap();
    assert_eq!(receiver.received("/answerCallbackQuery")[0].json()["text"].as_str().unwrap().chars().count(), 200);
    receiver.next("/editMessageText", no(400, "Bad Request: message is not modified", &json!({})));
    let button = |data: &str| Button { label: data.to_owned(), data: data.to_owned() };
    let buttons = vec![vec![button("1"), button("7")], vec![button("back")]];
    bot.edit(CHAT, 7, &Message { buttons, ..message() }).await.unwrap();
    bot.edit(CHAT, 7, &Message { buttons: Vec::new(), ..message() }).await.unwrap();
    let keyboards: Vec<Vec<usize>> = receiver
        .received("/editMessageText")
        .iter()
        .map(|edit| edit.json()["reply_markup"]["inline_keyboard"].as_array().unwrap().iter().map(length).collect())
        .collect();
    assert_eq!(keyboards, [vec![2, 2], vec![1]], "the link stands at the end, and is left where no button is");
    receiver.next("/editMessageText", no(400, "Bad Request: message to edit not found", &json!({})));
    assert!(bot.edit(CHAT, 7, &message()).await.is_err());
}

fn length(row: &serde_json::Value) -> usize {
    row.as_array().unwrap().len()
}

#[tokio::test]
async fn slack_gets_text_and_its_url_is_a_secret() {
    let receiver = Receiver::start(Reply::Say { status: 200, headers: vec![], body: "ok".to_owned() }).unwrap();
    let url = SecretString::from(format!("{}/services/T0/B0/hidden", receiver.url()));
    let slack = Slack::new("slack", Outbound::anywhere(), url);
    slack.send(&message()).await.unwrap();
    assert_eq!(
        receiver.received("hidden")[0].json()["text"],
        "*2 drifts &amp; more*\nHIGH Deployment shop/&lt;web&gt;\n#K3F9QA\n<https://watch.example.com/?a=1&amp;b=2|Open>"
    );
    let busy = Reply::Say { status: 429, headers: vec!["Retry-After: 3".to_owned()], body: String::new() };
    receiver.next("hidden", busy);
    let error = slack.send(&message()).await.unwrap_err();
    assert_eq!(error.closed_for(), Some(Duration::from_secs(3)));
    receiver.next("hidden", Reply::Say { status: 404, headers: vec![], body: "no_service".to_owned() });
    let error = slack.send(&message()).await.unwrap_err();
    assert!(matches!(error, SendError::Refused { status: 404, .. }));
    assert!(!format!("{slack:?} {error:?}").contains("hidden"));
}

#[tokio::test]
async fn a_webhook_is_signed_and_keeps_its_id() {
    let receiver = Receiver::start(Reply::Say { status: 204, headers: vec![], body: String::new() }).unwrap();
    let url = SecretString::from(format!("{}/hook", receiver.url()));
    let webhook = Webhook::new("own", Outbound::anywhere(), url, WebhookSecret::of("a secret of tests\n"));
    receiver.next("/hook", Reply::Cut);
    assert!(webhook.send(&message()).await.unwrap_err().may_have_arrived());
    webhook.send(&message()).await.unwrap();
    let [first, second] = &receiver.received("/hook")[..] else { unreachable!() };
    assert_eq!(first.header("webhook-id"), second.header("webhook-id"));
    let signed = format!(
        "{}.{}.{}",
        second.header("webhook-id").unwrap(),
        second.header("webhook-timestamp").unwrap(),
        second.body
    );
    let mut mac = Hmac::<sha2::Sha256>::new_from_slice(b"a secret of tests").unwrap();
    mac.update(signed.as_bytes());
    let expected = base64::engine::general_purpose::STANDARD.encode(mac.finalize().into_bytes());
    assert_eq!(second.header("webhook-signature").unwrap(), format!("v1,{expected}"));
    let body = second.json();
    assert_eq!((&body["type"], &body["data"]["high"]), (&"anchorwatch.drift".into(), &2.into()));
}
