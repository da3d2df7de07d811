//! Templates whose conditions can turn out in more ways than are judged: so many of them that what few conditions do together is seen.

use super::conditions::{MOST_CHOICES, MOST_LOOKED, MOST_VARIANTS, Open, Signature};
use super::{Choice, Set};
use std::collections::BTreeSet;

/// Ways that are made at random, to choose from.
const MOST_MADE: usize = 400;
/// Deciding conditions of which every three are looked at; beyond, every two.
const MOST_IN_THREES: usize = 80;

/// One way that conditions can turn out.
#[derive(Clone)]
struct Way {
    /// By open parameter: which of its values.
    places: Vec<usize>,
    choice: Choice,
    /// How the deciding conditions turn out; `None` where it is open.
    holds: Vec<Option<bool>>,
}

/// How each condition turns out.
fn holding(signature: &Signature, conditions: &[&(usize, String)]) -> Vec<Option<bool>> {
    conditions
        .iter()
        .map(|condition| {
            signature
                .iter()
                .find(|(place, _)| place == *condition)
                .and_then(|(_, holds)| *holds)
        })
        .collect()
}

/// A sequence that looks random and is the same each time: xorshift (Marsaglia, "Xorshift RNGs", 2003).
struct Sequence(u64);

impl Sequence {
    fn below(&mut self, end: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % (end.max(1) as u64)) as usize
    }
}

/// Which three conditions turn out in which of eight ways, a bit each.
fn threes(holds: &[Option<bool>]) -> Vec<u64> {
    let count = holds.len();
    let all = count * count.saturating_sub(1) * count.saturating_sub(2) / 6;
    let mut bits = vec![0_u64; (all * 8).div_ceil(64)];
    let mut at = 0;
    for a in 0..count {
        for b in a + 1..count {
            for c in b + 1..count {
                if let (Some(x), Some(y), Some(z)) = (holds[a], holds[b], holds[c]) {
                    let bit = at * 8 + usize::from(x) * 4 + usize::from(y) * 2 + usize::from(z);
                    bits[bit / 64] |= 1 << (bit % 64);
                }
                at += 1;
            }
        }
    }
    bits
}

impl Set {
    /// So many ways that every two deciding conditions turn out in every way that they can together, and every three in every way that
    /// is found among many; those first that change least. Gives the ways, what they show in words, and whether the search for some was
    /// given up.
    pub(super) fn in_threes(
        &self,
        open: &[Open],
        deciding: &BTreeSet<(usize, String)>,
    ) -> (Vec<(String, Choice)>, &'static str, bool) {
        let conditions: Vec<&(usize, String)> = deciding.iter().collect();
        let (pairs, undecided) = self.in_pairs(open, deciding);
        let mut shown = "every two conditions turn out in every way that they can together";
        let chosen = if !(3..=MOST_IN_THREES).contains(&conditions.len()) || pairs.is_empty() {
            pairs
        } else {
            shown = "every two conditions turn out in every way that they can together, and every three in every way that was found";
            self.chosen(open, deciding, &conditions, pairs)
        };
        let ways = chosen
            .into_iter()
            .map(|way| (self.words(open, &way.places, &way.choice), way.choice))
            .collect();
        (ways, shown, undecided)
    }

    /// The fewest of many ways, by trying the best first, that show every three conditions as all of them do.
    fn chosen(
        &self,
        open: &[Open],
        deciding: &BTreeSet<(usize, String)>,
        conditions: &[&(usize, String)],
        pairs: Vec<Way>,
    ) -> Vec<Way> {
        let mut seen: BTreeSet<Vec<Option<bool>>> =
            pairs.iter().map(|way| way.holds.clone()).collect();
        let first = pairs.len();
        let mut pool = pairs;
        let mut sequence = Sequence(0x9e37_79b9_7f4a_7c15);
        for _ in 0..MOST_MADE {
            // Of two ways, so that what only holds together is met.
            let (one, other) = (sequence.below(first), sequence.below(first));
            let places: Vec<usize> = (0..open.len())
                .map(|at| match sequence.below(4) {
                    0 => pool[one].places[at],
                    1 => pool[other].places[at],
                    _ => sequence.below(open[at].1.len()),
                })
                .collect();
            let choice = Self::choice(open, &places);
            let holds = holding(&self.signature(&choice, deciding), conditions);
            if seen.insert(holds.clone()) {
                pool.push(Way {
                    places,
                    choice,
                    holds,
                });
            }
        }
        let shown: Vec<Vec<u64>> = pool.iter().map(|way| threes(&way.holds)).collect();
        let mut left = vec![0_u64; shown[0].len()];
        for bits in &shown {
            left.iter_mut().zip(bits).for_each(|(all, own)| *all |= own);
        }
        // The defaults are judged whatever they show, and so is what leaves a condition open.
        let mut order: Vec<usize> = (0..first)
            .filter(|at| *at == 0 || pool[*at].holds.contains(&None))
            .collect();
        for at in &order {
            left.iter_mut()
                .zip(&shown[*at])
                .for_each(|(all, own)| *all &= !own);
        }
        while order.len() < MOST_VARIANTS {
            let best = (0..pool.len())
                .map(|at| {
                    let new: u32 = shown[at]
                        .iter()
                        .zip(&left)
                        .map(|(own, left)| (own & left).count_ones())
                        .sum();
                    (new, std::cmp::Reverse(at))
                })
                .max();
            let Some((_, std::cmp::Reverse(at))) = best.filter(|(new, _)| *new > 0) else {
                break;
            };
            left.iter_mut()
                .zip(&shown[at])
                .for_each(|(all, own)| *all &= !own);
            order.push(at);
        }
        order.sort_by_key(|at| {
            let changed = pool[*at].places.iter().filter(|place| **place > 0).count();
            (changed, *at)
        });
        order.into_iter().map(|at| pool[at].clone()).collect()
    }

    /// So many ways that every two deciding conditions turn out in every way that they can together.
    fn in_pairs(&self, open: &[Open], deciding: &BTreeSet<(usize, String)>) -> (Vec<Way>, bool) {
        let conditions: Vec<&(usize, String)> = deciding.iter().collect();
        let rests: Vec<BTreeSet<(usize, String)>> = conditions
            .iter()
            .map(|(stack, name)| {
                let mut all = BTreeSet::new();
                self.rests_on(*stack, name, &mut all);
                all
            })
            .collect();
        let mut found: Vec<Way> = Vec::new();
        let mut seen = BTreeSet::new();
        let mut covered: BTreeSet<(usize, bool, usize, bool)> = BTreeSet::new();
        let mut last = vec![0; open.len()];
        let mut add = |places: &[usize],
                       choice: Choice,
                       covered: &mut BTreeSet<(usize, bool, usize, bool)>| {
            let signature = self.signature(&choice, deciding);
            let holds = holding(&signature, &conditions);
            for (a, left) in holds.iter().enumerate() {
                for (b, right) in holds.iter().enumerate().skip(a) {
                    if let (Some(left), Some(right)) = (left, right) {
                        covered.insert((a, *left, b, *right));
                    }
                }
            }
            if seen.insert(signature) {
                found.push(Way {
                    places: places.to_vec(),
                    choice,
                    holds,
                });
            }
        };
        let (mut looked, mut undecided) = (0, false);
        for choice in self.settled(&Self::choice(open, &last), &mut MOST_VARIANTS.clone()) {
            add(&last, choice, &mut covered);
        }
        for a in 0..conditions.len() {
            for b in a..conditions.len() {
                for (left, right) in [(true, true), (true, false), (false, true), (false, false)] {
                    if a == b && left != right || covered.contains(&(a, left, b, right)) {
                        continue;
                    }
                    let own: Vec<usize> = (0..open.len())
                        .filter(|at| {
                            rests[a].contains(&open[*at].0) || rests[b].contains(&open[*at].0)
                        })
                        .collect();
                    // From the way that was found last, so that one way covers many pairs.
                    let mut places = last.clone();
                    let wanted = |places: &[usize]| {
                        let signature = self.signature(&Self::choice(open, places), deciding);
                        let is = |at: usize, value: bool| {
                            signature.iter().any(|(place, holds)| {
                                place == conditions[at] && *holds == Some(value)
                            })
                        };
                        is(a, left) && is(b, right)
                    };
                    // All alike first: a condition over many parameters mostly asks the same of each.
                    let alike = (0..own
                        .iter()
                        .map(|at| open[*at].1.len())
                        .max()
                        .unwrap_or_default())
                        .map(|value| {
                            let mut places = places.clone();
                            for at in &own {
                                places[*at] = value.min(open[*at].1.len() - 1);
                            }
                            places
                        })
                        .find(|places| wanted(places));
                    if let Some(alike) = alike {
                        add(&alike, Self::choice(open, &alike), &mut covered);
                        last = alike;
                        continue;
                    }
                    let mut number = 0_usize;
                    loop {
                        let mut rest = number;
                        for at in &own {
                            let count = open[*at].1.len();
                            places[*at] = rest % count;
                            rest /= count;
                        }
                        looked += 1;
                        // All were tried: they cannot hold so together.
                        if rest > 0 {
                            break;
                        }
                        if number >= MOST_CHOICES || looked > MOST_LOOKED {
                            undecided = true;
                            break;
                        }
                        if wanted(&places) {
                            add(&places, Self::choice(open, &places), &mut covered);
                            last = places;
                            break;
                        }
                        number += 1;
                    }
                }
            }
        }
        (found, undecided)
    }
}
