//! A law: where a stream is cut into chunks changes nothing of what it says.

use anchorwatch_core::route::dialect::AnswerReader;
use anchorwatch_core::route::framing::{Frames, Framing};
use proptest::prelude::*;
use proptest::sample::Index;

use super::answers::{asked, pieces};

fn config() -> ProptestConfig {
    ProptestConfig { failure_persistence: None, ..ProptestConfig::default() }
}

/// What a stream may be made of: what is regular, what is odd, and halves of it.
fn parts() -> impl Strategy<Value = Vec<u8>> {
    let part = prop_oneof![
        Just(&b"data: {\"model\":\"m\",\"choices\":[{\"delta\":{\"content\":\"\xe6\xbc\x82 <think>\"}}]}\n\n"[..]),
        Just(&b"data: {\"choices\":[{\"delta\":{\"content\":\"<think>hm</think> yes\"}}]}\r\n\r\n"[..]),
        Just(&b"data: {\"choices\":[{\"delta\":{},\"finish_reason\":\"stop\"}]}\r\r"[..]),
        Just(&b"data: {\"choices\":[{\"delta\":{\"reasoning\":\"hm\",\"tool_calls\":[{\"index\":0}]}}]}\n\n"[..]),
        Just(&b"data: {\"error\":{\"message\":\"no\"}}\n\n"[..]),
        Just(&b"data: [DONE]\n\n"[..]),
        Just(&b": ping\n\n"[..]),
        Just(&b"event: x\ndata: {\"choices\":\ndata: []}\n\n"[..]),
        Just(&b"{\"model\":\"m\",\"message\":{\"content\":\"yes\",\"thinking\":\"hm\"},\"done\":false}\n"[..]),
        Just(&b"{\"message\":{\"content\":\"\"},\"done\":true,\"done_reason\":\"stop\",\"eval_count\":3}\r\n"[..]),
        Just(&b"{\"error\":\"no\"}\n"[..]),
        Just(&b"\xef\xbb\xbf"[..]),
        Just(&b"\xff\n"[..]),
        Just(&b"\r"[..]),
        Just(&b"\n"[..]),
        Just(&b"data"[..]),
    ];
    prop::collection::vec(part, 0..12).prop_map(|parts| parts.concat())
}

/// The chunks of a stream that is cut at these places; some are empty.
fn cut<'a>(stream: &'a [u8], places: &[Index]) -> Vec<&'a [u8]> {
    let mut places: Vec<usize> = places.iter().map(|place| place.index(stream.len() + 1)).collect();
    places.sort_unstable();
    let mut chunks = Vec::new();
    let mut from = 0;
    for place in places {
        chunks.push(&stream[from..place]);
        from = place;
    }
    chunks.push(&stream[from..]);
    chunks
}

fn messages(framing: Framing, chunks: &[&[u8]]) -> (Vec<String>, bool) {
    let mut frames = Frames::new(framing, 300);
    let mut found = Vec::new();
    let mut take = |message: &str| found.push(message.to_owned());
    let failed = chunks.iter().any(|chunk| frames.push(chunk, &mut take).is_err()) || frames.finish(&mut take).is_err();
    (found, failed)
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn any_cutting_gives_the_same_messages(stream in parts(), places in prop::collection::vec(any::<Index>(), 0..40)) {
        for framing in [Framing::Lines, Framing::Events] {
            prop_assert_eq!(messages(framing, &cut(&stream, &places)), messages(framing, &[&stream]));
        }
    }

    #[test]
    fn any_cutting_gives_the_same_pieces(stream in parts(), places in prop::collection::vec(any::<Index>(), 0..40)) {
        let chunks = cut(&stream, &places);
        let openai = || AnswerReader::openai(false);
        prop_assert_eq!(pieces(openai(), &chunks, None), pieces(openai(), &[&stream], None));
        let ollama = || AnswerReader::ollama(asked());
        prop_assert_eq!(pieces(ollama(), &chunks, None), pieces(ollama(), &[&stream], None));
    }

    #[test]
    fn any_bytes_give_an_end_and_nothing_after_it(stream in prop::collection::vec(any::<u8>(), 0..300)) {
        for reader in [AnswerReader::openai(false), AnswerReader::ollama(asked())] {
            let read = pieces(reader, &[&stream], None);
            prop_assert!(read.last().is_some_and(Result::is_err), "{:?}", read);
            prop_assert_eq!(read.iter().filter(|piece| piece.is_err()).count(), 1);
        }
    }
}
