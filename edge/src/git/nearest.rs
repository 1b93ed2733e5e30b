//! Names that somebody may have meant.

/// How many are offered.
const OFFERED: usize = 5;
/// Longer names are not compared.
const LONGEST: usize = 200;

/// The names most like `wanted`, best first: few changes apart, or one a part of the other.
pub(super) fn nearest<'a>(wanted: &str, names: impl Iterator<Item = &'a str>) -> Vec<String> {
    let allowed = (wanted.len() / 3).max(1);
    let mut near: Vec<(usize, &str)> = names
        .filter(|name| name.len() <= LONGEST && wanted.len() <= LONGEST)
        .filter_map(|name| {
            let part = wanted.len() > 2 && (name.contains(wanted) || (name.len() > 2 && wanted.contains(name)));
            let changes = changes(wanted, name);
            (part || changes <= allowed).then_some((changes, name))
        })
        .collect();
    near.sort_unstable();
    near.dedup();
    near.into_iter().take(OFFERED).map(|(_, name)| name.to_owned()).collect()
}

/// Levenshtein's distance in bytes.
fn changes(left: &str, right: &str) -> usize {
    let mut row: Vec<usize> = (0..=right.len()).collect();
    for (i, a) in left.bytes().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, b) in right.bytes().enumerate() {
            let changed = diagonal + usize::from(a != b);
            diagonal = row[j + 1];
            row[j + 1] = changed.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[right.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_names_are_offered_best_first() {
        let names = ["main", "maint", "master", "feature/login", "v1.0.0", "v1.0.1", "production"];
        let cases: [(&str, &[&str]); 5] = [
            ("mian", &[]),
            ("mai", &["main", "maint"]),
            ("v1.0.2", &["v1.0.0", "v1.0.1"]),
            ("login", &["feature/login"]),
            ("", &[]),
        ];
        for (wanted, expected) in cases {
            assert_eq!(nearest(wanted, names.iter().copied()), expected, "{wanted}");
        }
    }
}
