//! The faces of a scan: how wide, in which colours, and whether programs can read them.

use serde_json::{Value, json};
use unicode_width::UnicodeWidthStr as _;

use crate::world::{World, config_map, head_one, live_config_map, managed};

const FORMATS: [&str; 6] = ["table", "wide", "json", "yaml", "diff", "sarif"];

/// Long names, paths, values, managers; several lines; missing and added things.
fn long() -> World {
    let words = "alpha beta gamma ".repeat(12);
    let git = format!(
        "{}{}{}",
        config_map(
            "a",
            &format!(
                "long: {words}\n  short: a\n  lines: \"one\\ntwo\\nthree\"\n  a-key-with-a-rather-long-name-that-says-a-lot: some-value-of-some-length"
            )
        ),
        config_map("one-name-that-is-about-as-long-as-a-name-may-become-in-practice-00001", "k: v"),
        config_map("gone", "k: v"),
    );
    let mut live = live_config_map(
        "a",
        &json!({"long": format!("{words} delta"), "short": "b", "lines": "one\n2\nthree", "extra": "by hand",
            "a-key-with-a-rather-long-name-that-says-a-lot": "another-value-of-some-length"}),
    );
    live["metadata"]["managedFields"] =
        json!([managed("kubectl-with-a-long-name-of-a-plugin-that-edits", &json!({"f:data": {}}))]);
    let other = live_config_map(
        "one-name-that-is-about-as-long-as-a-name-may-become-in-practice-00001",
        &json!({"k": "w", "金鑰": "漂移 ".repeat(30)}),
    );
    let world = World::new();
    world.write("a-folder-with-a-long-name/and-one-more-inside/git.yaml", git);
    world.write("live.json", crate::world::list(&[live, other]));
    world
}

fn scan(world: &World, more: &[&str]) -> crate::world::Run {
    world.run(&[&["scan", "--source", "a-folder-with-a-long-name", "--live", "live.json", "-n", "shop"], more].concat())
}

#[test]
fn no_line_of_the_table_is_wider_than_the_terminal() {
    let world = long();
    for lang in ["en", "zh-TW"] {
        let run = scan(&world, &["--lang", lang]);
        run.ends(1, &[]);
        too_wide(&run.out);
        let demo = world.run(&["demo", "--lang", lang]);
        too_wide(&demo.out);
    }
}

/// Fails for a line of more than 80 columns that could have been broken at a blank.
#[track_caller]
fn too_wide(text: &str) {
    for line in text.lines().filter(|line| line.width() > 80) {
        let words: Vec<&str> = line.split_whitespace().collect();
        let indent = line.len() - line.trim_start().len();
        // One word, or a label and one word.
        let unbreakable = words.len() <= 2 && words.iter().any(|word| indent + 8 + word.width() > 80);
        assert!(unbreakable, "{} columns:\n{line}\nin:\n{text}", line.width());
    }
}

#[test]
fn colours_are_only_for_terminals() {
    let world = long();
    for format in FORMATS {
        let run = scan(&world, &["-o", format]);
        assert!(!run.out.contains('\u{1b}'), "{format} into a pipe");
        for (name, value) in [("NO_COLOR", "1"), ("TERM", "dumb")] {
            let mut command = world.command(&["demo", "-o", format]);
            command.env(name, value);
            assert!(!world.run_with(command).out.contains('\u{1b}'), "{format} with {name}");
        }
    }
    let mut command = world.command(&["demo"]);
    command.env("CLICOLOR_FORCE", "1");
    let coloured = world.run_with(command).out;
    assert!(coloured.contains('\u{1b}'), "where colours are forced there are some");
    assert_eq!(plain(&coloured), without_time(&world.run(&["demo"]).out), "and they change nothing else");
}

/// Without colours and elapsed time.
fn plain(text: &str) -> String {
    let mut parts = text.split('\u{1b}');
    let first = parts.next().unwrap_or_default().to_owned();
    let rest: String = parts.map(|part| part.split_once('m').unwrap().1).collect();
    without_time(&(first + &rest))
}

fn without_time(text: &str) -> String {
    text.lines().filter(|line| !line.starts_with(" Live")).map(|line| line.to_owned() + "\n").collect()
}

#[test]
fn chinese_columns_line_up() {
    let world = long();
    let run = scan(&world, &["--lang", "zh-TW"]);
    let column = |text: &str, word: &str| {
        let line = text.lines().find(|line| line.contains(word)).unwrap();
        line.split(word).next().unwrap().width()
    };
    let english = scan(&world, &["--lang", "en"]);
    for word in ["ConfigMap/a", "short"] {
        assert_eq!(column(&run.out, word), column(&english.out, word), "{word}\n{}", run.out);
    }
    run.shows(&["中", "Git", "何人"]);
    let git = run.out.lines().find(|line| line.starts_with(" Git")).unwrap();
    let live = run.out.lines().find(|line| line.starts_with(" 叢集")).unwrap();
    let after = |line: &str, word: &str| line.split(word).next().unwrap().width();
    assert_eq!(after(git, "a-folder"), after(live, "快照"));
}

#[test]
fn the_language_follows_the_locale() {
    let world = World::new();
    let mut command = world.command(&["demo"]);
    command.env("LANG", "zh_TW.UTF-8");
    world.run_with(command).shows(&["叢集"]);
    let mut command = world.command(&["demo", "--lang", "en"]);
    command.env("LANG", "zh_TW.UTF-8");
    world.run_with(command).shows(&["Live"]);
}

#[test]
fn json_and_yaml_say_the_same() {
    let world = World::new();
    world.run(&["demo", "--keep", "kept"]).ends(0, &[]);
    let target = [
        "scan",
        "--source",
        "kept/shop.git//deploy",
        "--live",
        "kept/snapshot.json",
        "--audit",
        "kept/audit.jsonl",
        "-n",
        "shop",
    ];
    let json = world.run(&[&target[..], &["-o", "json"]].concat()).json();
    let yaml = world.run(&[&target[..], &["-o", "yaml"]].concat()).out;
    let yaml: Value = serde_saphyr::from_str(&yaml).unwrap();
    let items = |answer: &Value| {
        let all = answer["items"].as_array().unwrap().iter().flat_map(|r| r["items"].as_array().unwrap().clone());
        all.map(|i| [&i["stable_path"], &i["git_value"], &i["actual_value"]].map(Value::to_string).join(" "))
            .collect::<Vec<_>>()
    };
    assert_eq!(items(&json), items(&yaml));
}

#[test]
fn sarif_has_what_the_standard_asks_for() {
    let world = long();
    let log = scan(&world, &["-o", "sarif"]).json();
    assert_eq!(log["version"], "2.1.0");
    let run = &log["runs"][0];
    let driver = &run["tool"]["driver"];
    assert!(driver["name"].is_string());
    let rules: Vec<&str> = driver["rules"].as_array().unwrap().iter().map(|r| r["id"].as_str().unwrap()).collect();
    let results = run["results"].as_array().unwrap();
    assert_eq!(results.len(), 8);
    for result in results {
        assert!(result["message"]["text"].is_string());
        assert!(rules.contains(&result["ruleId"].as_str().unwrap()));
        assert!(["none", "note", "warning", "error"].contains(&result["level"].as_str().unwrap()));
        let place = &result["locations"][0];
        assert!(place["logicalLocations"][0]["fullyQualifiedName"].is_string());
        if let Some(place) = place.get("physicalLocation") {
            assert!(place["region"]["startLine"].as_u64().unwrap() > 0);
            let uri = place["artifactLocation"]["uri"].as_str().unwrap();
            assert!(uri.bytes().all(|b| b.is_ascii_graphic()), "{uri:?}");
        }
    }
}

#[test]
fn the_uri_of_a_file_with_odd_characters_is_a_uri() {
    let world = World::new();
    world.write("git/a file #1 %41 漂.yaml", config_map("a", "k: v"));
    world.write("live.json", crate::world::list(&[live_config_map("a", &json!({"k": "w"}))]));
    let log = world.run(&["scan", "--source", "git", "--live", "live.json", "-o", "sarif"]).json();
    let place = &log["runs"][0]["results"][0]["locations"][0]["physicalLocation"]["artifactLocation"];
    assert_eq!(place["uri"], "git/a%20file%20%231%20%2541%20%E6%BC%82.yaml");
}

#[test]
fn the_hunks_of_a_diff_have_as_many_lines_as_they_say() {
    let world = long();
    let text = scan(&world, &["-o", "diff"]).out + &world.run(&["demo", "-o", "diff"]).out;
    let mut lines = text.lines().filter(|line| !line.starts_with("\\ ")).peekable();
    let mut hunks = 0;
    while let Some(line) = lines.next() {
        assert!(line.starts_with("--- git/"), "{line}");
        assert!(lines.next().unwrap().starts_with("+++ live/"));
        while let Some(head) = lines.next_if(|line| line.starts_with("@@ ")) {
            let mut parts = head.strip_prefix("@@ ").unwrap().split(' ');
            let count = |part: &str, sign: char| {
                part.strip_prefix(sign).unwrap().split_once(',').unwrap().1.parse::<usize>().unwrap()
            };
            let mut left = [count(parts.next().unwrap(), '-'), count(parts.next().unwrap(), '+')];
            assert_eq!(parts.next(), Some("@@"));
            while left != [0, 0] {
                let line = lines.next().unwrap();
                assert!(line.starts_with(['-', '+', ' ']), "{line}");
                left[0] -= usize::from(!line.starts_with('+'));
                left[1] -= usize::from(!line.starts_with('-'));
            }
            hunks += 1;
        }
    }
    assert!(hunks > 10);
}

#[test]
fn an_object_that_is_gone_is_seen_in_every_format() {
    let world = World::comparing(&config_map("gone", "k: v"), &[live_config_map("a", &json!({"k": "w"}))]);
    for (format, shown) in [
        ("diff", "@@ -1,1 +0,0 @@ (object)\n-shop/ConfigMap/gone\n"),
        ("sarif", "ConfigMap/gone (shop): in Git, gone from the cluster"),
    ] {
        world.scan(&["-o", format]).ends(1, &[]).shows(&[shown]).hides(&["absent"]);
    }
}

/// A script of 200 lines; one line far down differs, by one word.
fn script() -> World {
    let text = |word: &str| -> String {
        (1..=200).map(|n| if n == 150 { format!("run the {word} job\n") } else { format!("line {n}\n") }).collect()
    };
    let git = config_map("a", &format!("run.sh: {}", Value::from(text("nightly"))));
    World::comparing(&git, &[live_config_map("a", &json!({"run.sh": text("hourly 漂移")}))])
}

#[test]
fn a_change_far_down_in_a_text_is_shown() {
    let world = script();
    let run = world.scan(&[]);
    run.ends(1, &[]).shows(&["from line 148", "- run the nightly job", "+ run the hourly 漂移 job", "  line 152"]);
    run.hides(&["line 153", "line 147"]);
    too_wide(&run.out);
    let diff = world.scan(&["-o", "diff"]);
    diff.shows(&[
        "@@ -147,7 +147,7 @@ data[\"run.sh\"]\n line 147\n",
        "\n-run the nightly job\n+run the hourly 漂移 job\n",
    ]);
    diff.hides(&["line 146", "line 154"]);
    let mut command = world.command(&["scan", "--source", "git.yaml", "--live", "live.json", "-n", "shop"]);
    command.env("CLICOLOR_FORCE", "1");
    let coloured = world.run_with(command).out;
    assert!(coloured.contains("\u{1b}[4m") || coloured.contains(";4m"), "the word that differs is underlined");
    assert_eq!(plain(&coloured), without_time(&run.out));
}

#[test]
fn an_end_of_line_that_differs_is_seen() {
    let git = config_map("a", "k: \"a line that is long enough\\ntwo\"");
    let world = World::comparing(&git, &[live_config_map("a", &json!({"k": "a line that is long enough \ntwo\n"}))]);
    world.scan(&[]).ends(1, &[]).shows(&["+ a line that is long enough·", "- two  (no line end)", "+ two\n"]);
    world.scan(&["-o", "diff"]).shows(&["-two\n\\ No newline at end of file\n"]);
}

#[test]
fn texts_that_differ_everywhere_are_cut() {
    let text = |word: &str| -> String { (0..40_000).map(|n| [word, " ", &n.to_string(), "\n"].concat()).collect() };
    let git = config_map("a", &format!("k: {}", Value::from(text("old"))));
    let world = World::comparing(&git, &[live_config_map("a", &json!({"k": text("new")}))]);
    world.scan(&[]).ends(1, &[]).shows(&["more lines (-o yaml shows all)"]);
}

#[test]
fn a_reader_that_goes_away_is_no_error() {
    let big = "0123456789abcde\n".repeat(20_000);
    let world = World::comparing(&config_map("a", "k: v"), &[live_config_map("a", &json!({"k": big}))]);
    for format in FORMATS {
        let command = world.command(&["scan", "--source", "git.yaml", "--live", "live.json", "-o", format]);
        assert_eq!(head_one(command), (Some(1), String::new()), "{format}");
    }
    for arguments in [&["completion", "bash"][..], &["rbac", "--feature", "scan"], &["demo"], &["--help"], &["version"]]
    {
        assert_eq!(head_one(world.command(arguments)), (Some(0), String::new()), "{arguments:?}");
    }
}
