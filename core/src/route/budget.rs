//! How much of a prompt a provider can read, and answer, in the time that it has: by the speed that was measured of it.
//!
//! What is asked stays whole. What it rests on is left out piece by piece, the least telling first, and the answer says how
//! many pieces that were. Of whom no speed is known everything is asked.

use std::borrow::Cow;
use std::time::Duration;

use super::provider::{Ask, Message, Role, Speed};

/// Tokens of an answer that says no limit of its own.
const ANSWER: u32 = 800;
/// So much of the time is counted on; the rest is for what is not measured.
const COUNTED: f64 = 0.8;

/// A piece of what a question rests on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Evidence {
    /// How much it tells: 1 tells the most.
    pub rank: u32,
    /// What it says.
    pub text: String,
}

/// What is sent of a question.
#[derive(Debug, Clone, PartialEq)]
pub struct Fitted<'a> {
    /// The question, with its evidence in its last message; the same where it has none.
    pub ask: Cow<'a, Ask>,
    /// Pieces of evidence that were left out.
    pub left_out: usize,
}

/// Tokens of a prompt that a provider can read so that it still answers in time. `None` where nobody has measured it.
pub fn readable(time: Duration, speed: Speed, max_tokens: Option<u32>) -> Option<u64> {
    let (reads, writes) = (speed.prompt_tokens_per_second?, speed.tokens_per_second?);
    if reads <= 0.0 || writes <= 0.0 {
        return None;
    }
    let answer = f64::from(max_tokens.unwrap_or(ANSWER).min(ANSWER));
    let left = time.as_secs_f64().mul_add(COUNTED, -answer / writes).max(0.0);
    Some(whole(left * reads))
}

/// Puts the evidence into the question, as much of it as fits into so many tokens: the most telling first, in the order in which it
/// came.
pub fn fit(ask: &Ask, tokens: Option<u64>) -> Fitted<'_> {
    let evidence = &ask.evidence;
    if evidence.is_empty() {
        return Fitted { ask: Cow::Borrowed(ask), left_out: 0 };
    }
    let mut left =
        tokens.map(|tokens| tokens.saturating_sub(ask.messages.iter().map(|m| estimated_tokens(&m.text)).sum()));
    let mut by_rank: Vec<usize> = (0..evidence.len()).collect();
    by_rank.sort_by_key(|at| evidence[*at].rank);
    let mut kept: Vec<usize> = by_rank
        .into_iter()
        .take_while(|at| {
            let Some(left) = &mut left else { return true };
            let needed = estimated_tokens(&evidence[*at].text);
            let fits = needed <= *left;
            *left = left.saturating_sub(needed);
            fits
        })
        .collect();
    kept.sort_unstable();
    let left_out = evidence.len() - kept.len();
    let texts: Vec<&str> = kept.iter().map(|at| evidence[*at].text.as_str()).collect();
    let mut fitted = Ask { evidence: Vec::new(), ..ask.clone() };
    append(&mut fitted, &texts);
    Fitted { ask: Cow::Owned(fitted), left_out }
}

/// Writes texts below the last message of whoever asks.
fn append(ask: &mut Ask, texts: &[&str]) {
    if texts.is_empty() {
        return;
    }
    match ask.messages.iter_mut().rfind(|message| message.role == Role::User) {
        Some(message) => {
            let all: Vec<&str> = std::iter::once(message.text.as_str()).chain(texts.iter().copied()).collect();
            let whole = all.join("\n\n");
            whole.trim_start().clone_into(&mut message.text);
        }
        None => ask.messages.push(Message::new(Role::User, texts.join("\n\n"))),
    }
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "it is not negative, and saturates")]
fn whole(number: f64) -> u64 {
    number as u64
}

/// Four bytes a token, as in English; more for scripts whose letters are longer, which take more.
fn estimated_tokens(text: &str) -> u64 {
    text.len().div_ceil(4) as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn speed(reads: f64, writes: f64) -> Speed {
        Speed { prompt_tokens_per_second: Some(reads), tokens_per_second: Some(writes) }
    }

    fn ask(evidence: &[(u32, &str)]) -> Ask {
        let evidence = evidence.iter().map(|(rank, text)| Evidence { rank: *rank, text: (*text).to_owned() });
        let messages = vec![Message::new(Role::System, "be short"), Message::new(Role::User, "why?")];
        Ask { messages, evidence: evidence.collect(), ..Ask::default() }
    }

    #[test]
    fn the_least_telling_is_left_out_first_and_the_order_stays() {
        let asked = ask(&[(3, "an old event....."), (1, "OOMKilled exit 137"), (2, "limit 64Mi, was 1Gi")]);
        let sent = |tokens| {
            let Fitted { ask, left_out } = fit(&asked, tokens);
            assert!(ask.evidence.is_empty());
            (ask.messages[1].text.clone(), left_out)
        };
        let whole = "why?\n\nan old event.....\n\nOOMKilled exit 137\n\nlimit 64Mi, was 1Gi";
        assert_eq!(sent(None), (whole.to_owned(), 0));
        assert_eq!(sent(Some(1000)), (whole.to_owned(), 0));
        assert_eq!(sent(Some(14)), ("why?\n\nOOMKilled exit 137\n\nlimit 64Mi, was 1Gi".to_owned(), 1));
        // A less telling piece does not take the place of a more telling one that is too long.
        assert_eq!(sent(Some(9)), ("why?\n\nOOMKilled exit 137".to_owned(), 2));
        assert_eq!(sent(Some(0)), ("why?".to_owned(), 3));
    }

    #[test]
    fn without_evidence_nothing_is_cut() {
        let asked = ask(&[]);
        assert_eq!(fit(&asked, Some(0)), Fitted { ask: Cow::Borrowed(&asked), left_out: 0 });
        let nobody = Ask { messages: Vec::new(), ..ask(&[(1, "a log")]) };
        assert_eq!(fit(&nobody, None).ask.messages, [Message::new(Role::User, "a log")]);
    }

    #[test]
    fn time_and_speed_say_how_much_is_read() {
        let seconds = Duration::from_secs;
        // 24 s count; 800 tokens at 100 a second take 8 of them.
        assert_eq!(readable(seconds(30), speed(500.0, 100.0), None), Some(8000));
        assert_eq!(readable(seconds(30), speed(500.0, 100.0), Some(100)), Some(11_500));
        assert_eq!(readable(seconds(30), speed(500.0, 100.0), Some(100_000)), Some(8000));
        assert_eq!(readable(seconds(5), speed(500.0, 10.0), None), Some(0));
        assert_eq!(readable(seconds(5), Speed::default(), None), None);
        assert_eq!(readable(seconds(5), speed(0.0, 10.0), None), None);
    }
}
