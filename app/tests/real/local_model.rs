//! A real model behind the gateway, in both dialects that its server speaks; and what happens where nobody answers.

use anchorwatch_testbed::{Answer, Llama, Receiver, Reply};
use serde_json::{Value, json};

use crate::gateway::Gateway;

/// A test without a model is none.
fn llama() -> Option<Llama> {
    Llama::start().map_err(|why| crate::skipped(&why)).ok()
}

/// A diagnosis in a shape.
fn asked(more: &Value) -> Value {
    let schema = schema();
    let mut asked = json!({
        "model": "anchorwatch/diagnose", "temperature": 0, "seed": 7, "max_tokens": 100,
        "messages": [
            {"role": "system", "content": "You judge alerts, in JSON."},
            {"role": "user", "content": "The pod web-0 was killed because it was out of memory."},
        ],
        "response_format": {"type": "json_schema", "json_schema": {"name": "diagnosis", "strict": true, "schema": schema}},
    });
    for (name, value) in more.as_object().unwrap() {
        asked[name] = value.clone();
    }
    asked
}

fn schema() -> Value {
    json!({
        "type": "object", "additionalProperties": false, "required": ["level", "is_urgent"],
        "properties": {"level": {"enum": ["high", "low"]}, "is_urgent": {"type": "boolean"}},
    })
}

#[track_caller]
fn is_a_diagnosis(text: &str) {
    let diagnosis: Value = serde_json::from_str(text).unwrap();
    assert!(["high", "low"].map(Some).contains(&diagnosis["level"].as_str()), "{text}");
    assert!(diagnosis["is_urgent"].is_boolean() && diagnosis.as_object().unwrap().len() == 2, "{text}");
}

/// What was said by whom.
#[track_caller]
fn said_by(answer: &Answer) -> (String, &str) {
    assert_eq!(answer.status, 200, "{}", answer.text);
    let provider = answer.header("x-anchorwatch-provider").unwrap();
    if answer.header("content-type") != Some("text/event-stream") {
        let body = answer.json();
        assert_eq!(body["model"], Llama::MODEL);
        assert!(body["usage"]["prompt_tokens"].as_u64() > Some(10), "{body}");
        return (body["choices"][0]["message"]["content"].as_str().unwrap().to_owned(), provider);
    }
    let pieces = answer.text.lines().filter_map(|line| serde_json::from_str(line.strip_prefix("data: ")?).ok());
    let pieces: Vec<Value> = pieces.collect();
    assert!(pieces.last().unwrap()["usage"]["completion_tokens"].as_u64() > Some(5), "{}", answer.text);
    assert!(answer.text.ends_with("data: [DONE]\n\n"), "{}", answer.text);
    (pieces.iter().filter_map(|piece| piece["choices"][0]["delta"]["content"].as_str()).collect(), provider)
}

#[test]
fn a_real_model_gives_a_diagnosis_its_shape_in_both_dialects() {
    let Some(llama) = llama() else { return };
    let url = llama.url();
    for dialect in ["nemotron", "openai"] {
        let provider = format!("{{name: own, dialect: {dialect}, url: '{url}', model: {}}}", Llama::MODEL);
        let gateway = Gateway::start(&format!("providers: [{provider}]\nprivate: [own]"), &[]);
        let whole = gateway.ask(&asked(&json!({})));
        let streamed = gateway.ask(&asked(&json!({"stream": true, "stream_options": {"include_usage": true}})));
        is_a_diagnosis(&said_by(&whole).0);
        assert_eq!(said_by(&whole), said_by(&streamed), "nothing in it is by chance");
        let probed = gateway.run(&["route", "probe", "--token-file", "operator"]);
        assert_eq!(probed.code, Some(0), "{probed:?}");
    }
}

#[test]
fn where_one_is_silent_the_next_one_answers_and_where_all_are_gone_nobody_does() {
    let Some(llama) = llama() else { return };
    let silent = Receiver::start(Reply::Hang).unwrap();
    let (first, second, model) = (silent.url(), llama.url().to_owned(), Llama::MODEL);
    let route = format!(
        "providers:\n- {{name: silent, dialect: nemotron, url: '{first}', model: nano}}\n\
         - {{name: second, dialect: openai, url: '{second}', model: {model}}}\nprivate: [silent, second]"
    );
    // The least that a provider is asked for.
    let gateway = Gateway::start(&route, &[("NEMOTRON_DIAGNOSE_TIMEOUT_SECONDS", "2")]);
    for more in [json!({}), json!({"stream": true, "stream_options": {"include_usage": true}})] {
        let answer = gateway.ask(&asked(&more));
        let (text, provider) = said_by(&answer);
        is_a_diagnosis(&text);
        assert_eq!(provider, "second");
    }
    gateway.write("question", "The pod web-0 was killed because it was out of memory. How urgent is that?");
    gateway.write("schema.json", &schema().to_string());
    let told = gateway.run(&["ask", "question", "--schema", "schema.json", "--token-file", "token"]);
    assert_eq!((told.code, told.err.contains("answered by second (m)")), (Some(0), true), "{told:?}");
    is_a_diagnosis(&told.out);
    let well = |gateway: &Gateway| {
        let probed = gateway.run(&["route", "probe", "--json", "--token-file", "operator"]);
        assert_eq!(probed.code, Some(1), "{probed:?}");
        let probed: Value = serde_json::from_str(&probed.out).unwrap();
        let providers = probed["providers"].as_array().unwrap().iter();
        providers.map(|each| each["health"].as_str().unwrap().starts_with("well")).collect::<Vec<bool>>()
    };
    assert_eq!(well(&gateway), [false, true]);

    drop(llama);
    for more in [json!({}), json!({"stream": true})] {
        let rejected = gateway.ask(&asked(&more));
        assert_eq!(
            (rejected.status, &rejected.json()["error"]["code"]),
            (503, &json!("rejected")),
            "{}",
            rejected.text
        );
        let why = rejected.json()["error"]["providers"].clone();
        assert_eq!((&why[0]["provider"], &why[1]["code"]), (&json!("silent"), &json!("connection_refused")), "{why}");
    }
    let told = gateway.run(&["ask", "question", "--token-file", "token"]);
    assert!(told.code != Some(0) && told.err.contains("second"), "{told:?}");
    assert_eq!(well(&gateway), [false, false]);

    let audit = gateway.audit();
    let attempts = |provider: &str| {
        audit.iter().filter(|row| row["begin"]["provider"] == provider).cloned().collect::<Vec<Value>>()
    };
    let [own, silents] = ["second", "silent"].map(attempts);
    let answered: Vec<&Value> = own.iter().filter(|row| row["end"]["outcome"] == "answered").collect();
    assert_eq!(answered.len(), 3, "{audit:?}");
    for row in answered {
        assert_eq!(format!("http://{}", row["end"]["peer"].as_str().unwrap()), second, "{row}");
        assert_eq!((&row["begin"]["private"], &row["begin"]["locality"]), (&json!(true), &json!("inside")), "{row}");
    }
    // What was asked in vain was asked there, too.
    for row in &silents {
        let end = &row["end"];
        assert_eq!(format!("http://{}", end["peer"].as_str().unwrap()), first, "{row}");
        assert_eq!((&end["outcome"], &end["code"]), (&json!("failed"), &json!("provider_timeout")), "{row}");
    }
    assert!(!silents.is_empty());
    assert_eq!(audit.iter().filter(|row| row["reject"].is_object()).count(), 3, "{audit:?}");
}
