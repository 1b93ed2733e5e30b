//! The comparison alone: on one thread, without a server, without a cache.

use std::hint::black_box;
use std::time::{Duration, Instant};

use anchorwatch_core::drift::compare::{Pair, compare};
use anchorwatch_core::object::GroupKind;
use anchorwatch_core::object::live::LiveObject;
use anchorwatch_core::object::secret::SecretKey;
use anchorwatch_core::schema::{Schema, TypeId, catalogue};
use anchorwatch_core::source::{self, Desired};

use crate::measure::median;
use crate::objects::{APP, Flavour, OBJECTS_PER_APP, app_live, app_yaml};

/// Objects a second.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Rates {
    pub(crate) objects: usize,
    /// Average of the live objects, bytes.
    pub(crate) live_bytes: usize,
    /// Reading the live object.
    pub(crate) parse: f64,
    /// Comparing what is read already.
    pub(crate) compare: f64,
    /// Both.
    pub(crate) both: f64,
    /// Reading Git's YAML.
    pub(crate) yaml: f64,
}

struct Sample<'a> {
    git: Desired<'a>,
    live: String,
    api_version: &'static str,
    kind: GroupKind,
    root: TypeId,
}

/// Compares `apps` apps, each object with one leaf that differs, as often as `rounds` says; gives medians.
pub(crate) fn run(apps: usize, rounds: usize) -> Rates {
    let key = SecretKey::new([7; 32]);
    let (schema, _) = catalogue::load(None);
    let yaml: Vec<String> = (0..apps).map(|app| app_yaml(app, Flavour::Drifted)).collect();
    let samples = samples(&yaml, &schema, &key);
    let parsed: Vec<LiveObject<'_>> = samples.iter().map(|sample| parse(sample, &key)).collect();
    check(&samples, &parsed, &schema);

    let mut times: [Vec<Duration>; 4] = Default::default();
    for _ in 0..rounds {
        times[0].push(time(|| samples.iter().for_each(|sample| drop(black_box(parse(sample, &key))))));
        times[1].push(time(|| {
            samples
                .iter()
                .zip(&parsed)
                .for_each(|(sample, live)| drop(black_box(compare(pair(sample, live, &schema)))));
        }));
        times[2].push(time(|| {
            for sample in &samples {
                let live = parse(sample, &key);
                drop(black_box(compare(pair(sample, &live, &schema))));
            }
        }));
        times[3].push(time(|| yaml.iter().for_each(|text| drop(black_box(source::read(0, text.as_bytes(), &key))))));
    }
    let [parse, compare, both, yaml] = times.map(|times| per_second(samples.len(), median(times)));
    let live_bytes = samples.iter().map(|sample| sample.live.len()).sum::<usize>() / samples.len();
    Rates { objects: samples.len(), live_bytes, parse, compare, both, yaml }
}

fn samples<'a>(yaml: &'a [String], schema: &Schema, key: &SecretKey) -> Vec<Sample<'a>> {
    let mut samples = Vec::with_capacity(yaml.len() * OBJECTS_PER_APP);
    for (app, text) in yaml.iter().enumerate() {
        let contents = source::read(app, text.as_bytes(), key);
        assert_eq!(contents.problems, [], "the bench's own YAML is valid");
        for ((git, live), template) in contents.objects.into_iter().zip(app_live(app)).zip(&APP) {
            let kind = GroupKind::of(template.api_version, template.kind);
            let root = schema.root(template.api_version, &kind);
            samples.push(Sample { git, live, api_version: template.api_version, kind, root });
        }
    }
    samples
}

fn parse<'s>(sample: &'s Sample<'_>, key: &SecretKey) -> LiveObject<'s> {
    LiveObject::parse(&sample.live, sample.api_version, &sample.kind.kind, key).expect("a recorded object is JSON")
}

fn pair<'s>(sample: &'s Sample<'_>, live: &'s LiveObject<'_>, schema: &'s Schema) -> Pair<'s> {
    Pair { schema, kind: &sample.kind, root: sample.root, git: &sample.git.root, live: &live.root }
}

/// A bench of nothing is fast: every object has to have its one difference.
fn check(samples: &[Sample<'_>], parsed: &[LiveObject<'_>], schema: &Schema) {
    for (sample, live) in samples.iter().zip(parsed) {
        let found = compare(pair(sample, live, schema));
        // What the server allocates is told too, for its owner to settle.
        let found: Vec<String> = found.iter().filter(|d| d.excuse.is_none()).map(|d| d.path.stable()).collect();
        assert_eq!(found.len(), 1, "{} differs in {found:?}", sample.git.identity());
    }
}

fn time(work: impl FnOnce()) -> Duration {
    let started = Instant::now();
    work();
    started.elapsed()
}

#[expect(clippy::cast_precision_loss, reason = "a number of objects is small")]
fn per_second(objects: usize, time: Duration) -> f64 {
    objects as f64 / time.as_secs_f64()
}
