//! Texts that tell patterns apart: the product of all patterns' automata, walked from the empty text.
//!
//! Every combination of patterns that some text of the universe matches, and no other, gets one
//! text, the shortest of its kind unless a seed shows it already.

use crate::model::{Pattern, Token};
use std::cell::{Cell, RefCell};
use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::rc::Rc;

/// What a question may cost; beyond it the answer is unknown.
#[derive(Debug)]
pub(super) struct Budget {
    left: u64,
}

/// The budget is spent.
#[derive(Debug)]
pub(super) struct Spent;

/// What one question may cost: less than half a second of one core, optimised.
const QUESTION: u64 = 70_000_000;
/// What all questions about one principal may cost together: less than a fifth of a second. A policy of a few hundred bytes can
/// be as hard as that for each of them.
const PRINCIPAL: u64 = 30_000_000;

/// What the questions about one principal have cost so far; copies count together.
#[derive(Debug, Clone, Default)]
pub struct Spending(Rc<Cell<u64>>);

impl PartialEq for Spending {
    /// It says nothing of what the policies allow.
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl Eq for Spending {}

impl Budget {
    /// What a question may cost that is about nobody in particular.
    pub fn new() -> Self {
        Self { left: QUESTION }
    }

    /// What is left for one more question about a principal.
    pub fn of(spending: &Spending) -> Self {
        Self {
            left: PRINCIPAL.saturating_sub(spending.0.get()),
        }
    }

    /// Notes what the question cost.
    pub fn note(&self, before: u64, spending: &Spending) {
        let cost = before.saturating_sub(self.left);
        spending.0.set(spending.0.get().saturating_add(cost));
    }

    /// What is left.
    pub fn left(&self) -> u64 {
        self.left
    }

    pub fn spend(&mut self, work: usize) -> Result<(), Spent> {
        self.left = self.left.checked_sub(work as u64 + 1).ok_or(Spent)?;
        Ok(())
    }
}

/// Literals up to this number take part in the walk, so that no witness is mistaken for one of them.
const WALKED_LITERALS: usize = 64;

/// What was asked: universe, split and seeds.
type Asked = (Vec<Pattern>, Vec<Pattern>, Vec<String>);
/// The texts, and what they cost.
type Answer = (Rc<[String]>, u64);

/// Answers that are kept at most; accounts that are set up alike ask alike.
const KEPT: usize = 2048;

thread_local! {
    static ANSWERS: RefCell<HashMap<Asked, Answer>> = RefCell::default();
}

/// One text for each combination of `split` that a text of `universe` can match. What was asked before costs as much as it did
/// then, so that no answer depends on what else was asked.
pub(super) fn atoms(
    universe: &[Pattern],
    split: &[Pattern],
    seeds: impl IntoIterator<Item = String>,
    budget: &mut Budget,
) -> Result<Vec<String>, Spent> {
    let asked: Asked = (
        universe.to_vec(),
        split.to_vec(),
        seeds.into_iter().collect(),
    );
    let known = ANSWERS.with_borrow(|answers| answers.get(&asked).cloned());
    if let Some((texts, cost)) = known
        && let Some(left) = budget.left.checked_sub(cost)
    {
        budget.left = left;
        return Ok(texts.to_vec());
    }
    let before = budget.left;
    let texts = told_apart(universe, split, asked.2.iter().cloned(), budget)?;
    let kept = (Rc::from(texts.as_slice()), before - budget.left);
    ANSWERS.with_borrow_mut(|answers| {
        if answers.len() >= KEPT {
            answers.clear();
        }
        answers.insert(asked, kept);
    });
    Ok(texts)
}

fn told_apart(
    universe: &[Pattern],
    split: &[Pattern],
    seeds: impl IntoIterator<Item = String>,
    budget: &mut Budget,
) -> Result<Vec<String>, Spent> {
    let split: BTreeSet<&Pattern> = split
        .iter()
        .filter(|pattern| !matches!(pattern.tokens(), [Token::Many(crate::model::Class::Any)]))
        .collect();
    let (literals, wild): (Vec<&Pattern>, Vec<&Pattern>) = split.iter().partition(|pattern| {
        pattern
            .tokens()
            .iter()
            .all(|token| matches!(token, Token::Char(_)))
    });
    let within = |text: &str| universe.iter().any(|pattern| pattern.matches(text));
    let mut found: BTreeMap<Vec<bool>, String> = BTreeMap::new();
    let mut order: Vec<String> = Vec::new();
    let texts: Vec<String> = literals
        .iter()
        .filter_map(|pattern| pattern.only())
        .collect();
    let known: BTreeSet<&str> = texts.iter().map(String::as_str).collect();
    for seed in seeds {
        if within(&seed) && !known.contains(seed.as_str()) {
            budget.spend((seed.len() + 8) * (wild.len() + 1))?;
            let vector = wild.iter().map(|pattern| pattern.matches(&seed)).collect();
            found.entry(vector).or_insert_with(|| {
                order.push(seed.clone());
                seed
            });
        }
    }
    // A literal is matched by itself alone, so it needs no walk.
    for text in &texts {
        budget.spend((text.len() + 8) * (universe.len() + 1))?;
        if within(text) {
            order.push(text.clone());
        }
    }
    if wild.is_empty() && !found.is_empty() {
        return Ok(order);
    }
    let walked: Vec<&Pattern> = if literals.len() <= WALKED_LITERALS {
        literals
    } else {
        Vec::new()
    };
    let apart = walked.is_empty() && !texts.is_empty();
    let mut walk = Walk::new(universe, &wild, &walked, &texts);
    let mut hidden: BTreeSet<Vec<bool>> = BTreeSet::new();
    walk.run(apart, budget, |vector, text| {
        if vector[wild.len()..].iter().any(|hit| *hit) {
            return;
        }
        let vector = vector[..wild.len()].to_vec();
        if apart && known.contains(text().as_str()) {
            hidden.insert(vector);
            return;
        }
        if let Entry::Vacant(place) = found.entry(vector) {
            let text = text();
            order.push(text.clone());
            place.insert(text);
        }
    })?;
    // A combination that was seen on a literal only may have other texts: it is not known that there are none.
    if hidden.iter().any(|vector| !found.contains_key(vector)) {
        return Err(Spent);
    }
    Ok(order)
}

type Bits = Vec<u64>;

struct Walk {
    tokens: Vec<Option<Token>>,
    /// Where each pattern accepts; those of the universe first.
    accepts: Vec<usize>,
    universe: usize,
    words: usize,
    start: Bits,
    other: char,
}

impl Walk {
    fn new(
        universe: &[Pattern],
        wild: &[&Pattern],
        literals: &[&Pattern],
        texts: &[String],
    ) -> Self {
        let (mut tokens, mut accepts, mut starts) = (Vec::new(), Vec::new(), Vec::new());
        for pattern in universe
            .iter()
            .chain(wild.iter().copied())
            .chain(literals.iter().copied())
        {
            starts.push(tokens.len());
            tokens.extend(pattern.tokens().iter().copied().map(Some));
            accepts.push(tokens.len());
            tokens.push(None);
        }
        let words = tokens.len().div_ceil(64);
        let mut used: BTreeSet<char> = tokens
            .iter()
            .flatten()
            .filter_map(|token| {
                if let Token::Char(c) | Token::NoCase(c) = token {
                    Some(*c)
                } else {
                    None
                }
            })
            .collect();
        used.extend(texts.iter().flat_map(|text| text.chars()));
        // A character that no pattern and no literal holds stands for all of those.
        let other = "xyzwvutsrqponmlkjihgfedcba0123456789"
            .chars()
            .chain('\u{e000}'..)
            .find(|c| !used.contains(c) && !used.contains(&c.to_ascii_uppercase()));
        let mut walk = Self {
            tokens,
            accepts,
            universe: universe.len(),
            words,
            start: vec![0; words],
            other: other.unwrap_or('\u{e000}'),
        };
        let mut start = vec![0; words];
        for at in starts {
            walk.enter(&mut start, at);
        }
        walk.start = start;
        walk
    }

    /// Sets a position, and those that an empty run of wildcards leads to.
    fn enter(&self, state: &mut Bits, mut at: usize) {
        loop {
            state[at / 64] |= 1 << (at % 64);
            if matches!(self.tokens[at], Some(Token::Many(_))) {
                at += 1;
            } else {
                return;
            }
        }
    }

    fn positions<'s>(&self, state: &'s Bits) -> impl Iterator<Item = usize> + 's {
        state.iter().enumerate().flat_map(|(word, bits)| {
            let mut bits = *bits;
            std::iter::from_fn(move || {
                (bits != 0).then(|| {
                    let at = bits.trailing_zeros() as usize;
                    bits &= bits - 1;
                    word * 64 + at
                })
            })
        })
    }

    fn step(&self, state: &Bits, c: char) -> Bits {
        let mut next = vec![0; self.words];
        for at in self.positions(state) {
            match self.tokens[at] {
                Some(Token::Many(class)) if class.takes(c) => self.enter(&mut next, at),
                Some(Token::Many(_)) | None => {}
                Some(token) if token.takes(c) => self.enter(&mut next, at + 1),
                Some(_) => {}
            }
        }
        next
    }

    /// Characters that can matter in a state; all others act as `other`.
    fn alphabet(&self, state: &Bits) -> BTreeSet<char> {
        let mut all = BTreeSet::from([self.other]);
        for at in self.positions(state) {
            match self.tokens[at] {
                Some(Token::Char(c)) => {
                    all.insert(c);
                }
                Some(Token::NoCase(c)) => {
                    all.extend([c, c.to_ascii_uppercase()]);
                }
                Some(Token::One(class) | Token::Many(class))
                    if class != crate::model::Class::Any =>
                {
                    all.insert(':');
                    if class == crate::model::Class::NoSlash {
                        all.insert('/');
                    }
                }
                _ => {}
            }
        }
        all
    }

    /// `apart`: texts with the character that no literal holds are states of their own, so that none hides behind a literal.
    fn run(
        &mut self,
        apart: bool,
        budget: &mut Budget,
        mut seen: impl FnMut(&[bool], &dyn Fn() -> String),
    ) -> Result<(), Spent> {
        let mut states: Vec<(Bits, usize, char)> = vec![(self.start.clone(), usize::MAX, ' ')];
        let mut index: HashSet<(Bits, bool)> = HashSet::from([(self.start.clone(), false)]);
        let mut free = vec![false];
        let is_set = |state: &Bits, at: usize| state[at / 64] & (1 << (at % 64)) != 0;
        let mut alive = vec![0; self.words];
        for at in 0..=self.accepts[self.universe - 1] {
            alive[at / 64] |= 1 << (at % 64);
        }
        let mut at = 0;
        while at < states.len() {
            let state = states[at].0.clone();
            let hits: Vec<bool> = self
                .accepts
                .iter()
                .map(|accept| is_set(&state, *accept))
                .collect();
            if hits[..self.universe].iter().any(|hit| *hit) {
                let text = || {
                    let (mut text, mut from) = (Vec::new(), at);
                    while states[from].1 != usize::MAX {
                        text.push(states[from].2);
                        from = states[from].1;
                    }
                    text.iter().rev().collect::<String>()
                };
                seen(&hits[self.universe..], &text);
            }
            for c in self.alphabet(&state) {
                let next = self.step(&state, c);
                budget.spend(self.words * 4 + self.tokens.len() / 8 + 40)?;
                // Nothing of the universe begins like this any more.
                if next
                    .iter()
                    .zip(&alive)
                    .all(|(next, alive)| next & alive == 0)
                {
                    continue;
                }
                let is_free = apart && (free[at] || c == self.other);
                if index.insert((next.clone(), is_free)) {
                    states.push((next, at, c));
                    free.push(is_free);
                }
            }
            at += 1;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_combination_that_can_be_has_a_text() {
        let patterns = |texts: &[&str]| {
            texts
                .iter()
                .map(|text| Pattern::glob(text))
                .collect::<Vec<_>>()
        };
        for (split, expected) in [
            (vec![], 1),
            (vec!["a*"], 2),
            (vec!["a*", "*b"], 4),
            // Both cannot be.
            (vec!["a*", "b*"], 3),
            // The second lies within the first.
            (vec!["a*", "ab*"], 3),
            // The literal is matched by the first as well.
            (vec!["a*", "ab"], 3),
            (vec!["a", "b", "c"], 4),
            (vec!["?*", "??*"], 2),
            (vec!["*"], 1),
        ] {
            let split = patterns(&split);
            let found = atoms(&patterns(&["?*"]), &split, [], &mut Budget::new()).expect("small");
            let vectors: BTreeSet<Vec<bool>> = found
                .iter()
                .map(|text| split.iter().map(|pattern| pattern.matches(text)).collect())
                .collect();
            assert_eq!(
                (vectors.len(), found.len()),
                (expected, expected),
                "{split:?}: {found:?}"
            );
        }
    }

    #[test]
    fn nothing_hides_behind_many_literals() {
        let mut split: Vec<Pattern> = (0..200)
            .map(|n| Pattern::literal(&format!("a{n}b")))
            .chain([Pattern::literal("ab"), Pattern::literal("a")])
            .collect();
        split.extend([Pattern::glob("a*"), Pattern::glob("*b")]);
        let found = atoms(&[Pattern::glob("?*")], &split, [], &mut Budget::new()).expect("small");
        let both = |text: &String| text.starts_with('a') && text.ends_with('b');
        // Texts that only the wildcards match, each in its own way.
        let unnamed: Vec<&String> = found
            .iter()
            .filter(|text| !split[..202].iter().any(|pattern| pattern.matches(text)))
            .collect();
        assert!(
            unnamed.iter().any(|text| both(text))
                && unnamed
                    .iter()
                    .any(|text| text.starts_with('a') && !both(text)),
            "{unnamed:?}"
        );
        assert_eq!(unnamed.len(), 4);
    }

    #[test]
    fn a_product_that_explodes_is_given_up() {
        let split: Vec<Pattern> = (0..40)
            .map(|n| Pattern::glob(&format!("*{}*", char::from(b'a' + n % 26)).repeat(20)))
            .collect();
        assert!(atoms(&[Pattern::glob("*")], &split, [], &mut Budget::new()).is_err());
    }
}
