//! Conditions: which of them are open, and each way they can turn out.

use super::resolve::{Scope, Shells, call};
use super::texts::condition_key;
use super::{Choice, Set};
use crate::model::{UNKNOWN_ACCOUNT, UNKNOWN_REGION};
use crate::sources::tree::{Content, Member, Tree};
use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

/// Ways that open conditions can turn out, of one set of files.
pub(super) const MOST_VARIANTS: usize = 300;
/// Choices that are looked at for them.
pub(super) const MOST_CHOICES: usize = 4096;
/// The same, for all pairs of conditions together.
pub(super) const MOST_LOOKED: usize = 100_000;
/// An open parameter, by stack and name, and the values that tell apart.
pub(super) type Open = ((usize, String), Vec<Option<String>>);

impl Set {
    /// Parameters that conditions rest on and nobody gave, each with the values that tell apart.
    fn open(&self) -> Vec<Open> {
        let mut all = Vec::new();
        for (index, stack) in self.stacks.iter().enumerate() {
            let mut compared: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
            for condition in stack.tree.get("Conditions").map_or(&[][..], Tree::members) {
                constants(&condition.value, &mut compared);
            }
            for (name, constants) in compared {
                let nothing = Choice::new();
                let shells = Shells::new();
                let scope = Scope {
                    set: self,
                    stack: index,
                    choice: &nothing,
                    shells: &shells,
                    depth: 0,
                };
                if let Some(pseudo) = name.strip_prefix("AWS::") {
                    let open = match pseudo {
                        "Region" => stack.region == UNKNOWN_REGION,
                        "AccountId" => stack.account_id == UNKNOWN_ACCOUNT,
                        // A template does not say how its stack is called.
                        "StackName" | "StackId" => true,
                        _ => false,
                    };
                    if open {
                        all.push((
                            (index, name),
                            std::iter::once(None)
                                .chain(constants.into_iter().map(Some))
                                .collect(),
                        ));
                    }
                    continue;
                }
                let Some((_, declared)) = stack.parameters().find(|(known, _)| *known == name)
                else {
                    continue;
                };
                let passed = stack.parent.is_some()
                    && scope.parameter(&name).text().known().is_some()
                    && declared.get("Default").is_none();
                if stack.given.contains_key(&name) || passed {
                    continue;
                }
                let default = declared
                    .get("Default")
                    .and_then(Tree::text)
                    .map(std::borrow::Cow::into_owned);
                let allowed: Vec<String> = declared
                    .get("AllowedValues")
                    .map_or(&[][..], Tree::items)
                    .iter()
                    .filter_map(|one| one.text().map(|text| text.into_owned()))
                    .collect();
                let mut values: Vec<Option<String>> = default.into_iter().map(Some).collect();
                let more = if allowed.is_empty() {
                    constants.into_iter().collect()
                } else {
                    allowed.clone()
                };
                for value in more {
                    if !values.contains(&Some(value.clone())) {
                        values.push(Some(value));
                    }
                }
                if allowed.is_empty() {
                    values.push(None);
                }
                all.push(((index, name), values));
            }
        }
        all
    }

    /// A choice with what every condition comes to under it, those first that others name: each is looked at once.
    fn enriched(&self, choice: &Choice) -> Choice {
        let shells = Shells::new();
        let mut known = choice.clone();
        for (index, stack) in self.stacks.iter().enumerate() {
            let all = stack.tree.get("Conditions").map_or(&[][..], Tree::members);
            let mut open: Vec<(&str, bool)> = all
                .iter()
                .rev()
                .map(|member| (member.key.as_str(), false))
                .collect();
            let mut seen = BTreeSet::new();
            while let Some((name, named_done)) = open.pop() {
                let Some(member) = all.iter().find(|member| member.key == name) else {
                    continue;
                };
                if !named_done {
                    if !seen.insert(name) {
                        continue;
                    }
                    open.push((name, true));
                    let mut named = BTreeSet::new();
                    named_in(&member.value, &mut named);
                    open.extend(
                        all.iter()
                            .filter(|other| named.contains(&other.key))
                            .map(|other| (other.key.as_str(), false)),
                    );
                    continue;
                }
                let scope = Scope {
                    set: self,
                    stack: index,
                    choice: &known,
                    shells: &shells,
                    depth: 0,
                };
                if let Some(holds) = scope.condition(name) {
                    known.insert((index, condition_key(name)), Some(holds.to_string()));
                }
            }
        }
        known
    }

    /// What every condition comes to under a choice, with its stack and name.
    fn conditions(&self, choice: &Choice) -> Vec<((usize, String), Option<bool>)> {
        let known = self.enriched(choice);
        let mut all = Vec::new();
        for (index, stack) in self.stacks.iter().enumerate() {
            for member in stack.tree.get("Conditions").map_or(&[][..], Tree::members) {
                let holds = known
                    .get(&(index, condition_key(&member.key)))
                    .and_then(|holds| holds.as_deref().map(|text| text == "true"));
                all.push(((index, member.key.clone()), holds));
            }
        }
        all
    }

    /// A choice with each condition that it leaves open taken both ways.
    pub(super) fn settled(&self, choice: &Choice, left: &mut usize) -> Vec<Choice> {
        let open = self
            .conditions(choice)
            .into_iter()
            .find(|(_, holds)| holds.is_none())
            .map(|(place, _)| place);
        let Some((stack, name)) = open.filter(|_| *left > 0) else {
            return vec![choice.clone()];
        };
        *left -= 1;
        [true, false]
            .into_iter()
            .flat_map(|holds| {
                let mut taken = choice.clone();
                taken.insert((stack, condition_key(&name)), Some(holds.to_string()));
                self.settled(&taken, left)
            })
            .collect()
    }

    /// Conditions that decide over something a table holds, by stack and name.
    ///
    /// What nobody judges may turn out as it likes: the CDK's metadata, alarms, outputs.
    fn deciding(&self) -> BTreeSet<(usize, String)> {
        let kinds: BTreeSet<&str> = crate::services::spelled_kinds().collect();
        let mut deciding = BTreeSet::new();
        for (index, stack) in self.stacks.iter().enumerate() {
            let mut named = BTreeSet::new();
            for (_, _, node) in stack.resources() {
                let kind = node.get("Type").and_then(Tree::text).unwrap_or_default();
                let opens =
                    kind.starts_with("AWS::CloudFormation::") || kind.starts_with("Custom::");
                if !opens && !kinds.contains(&*kind) {
                    continue;
                }
                named.extend(
                    node.get("Condition")
                        .and_then(Tree::text)
                        .map(Cow::into_owned),
                );
                if let Some(properties) = node.get("Properties") {
                    chosen_by(properties, &mut named);
                }
            }
            deciding.extend(named.into_iter().map(|name| (index, name)));
        }
        deciding
    }

    /// Parameters that a condition rests on, over those that it names.
    pub(super) fn rests_on(
        &self,
        stack: usize,
        condition: &str,
        into: &mut BTreeSet<(usize, String)>,
    ) {
        let conditions = self.stacks[stack].tree.get("Conditions");
        let (mut open, mut seen) = (vec![condition.to_owned()], BTreeSet::new());
        while let Some(name) = open.pop() {
            let found = conditions.and_then(|all| all.get(&name));
            let Some(tree) = found.filter(|_| seen.insert(name.clone())) else {
                continue;
            };
            let mut compared = BTreeMap::new();
            constants(tree, &mut compared);
            into.extend(compared.into_keys().map(|name| (stack, name)));
            let mut named = BTreeSet::new();
            named_in(tree, &mut named);
            open.extend(named);
        }
    }

    /// What a choice that was made with the places of values says, for a person.
    pub(super) fn words(&self, open: &[Open], places: &[usize], choice: &Choice) -> String {
        let chosen = open
            .iter()
            .zip(places)
            .filter(|(_, place)| **place > 0)
            .map(|(((stack, name), values), place)| {
                let value = values[*place]
                    .as_ref()
                    .map_or_else(|| "something else".to_owned(), |value| format!("`{value}`"));
                format!("{}{name} is {value}", self.stacks[*stack].prefix)
            });
        let taken = choice.iter().filter_map(|((stack, name), value)| {
            let name = name.strip_prefix("Conditions::")?;
            Some(format!(
                "the condition {}{name} is {}",
                self.stacks[*stack].prefix,
                value.as_deref().unwrap_or_default()
            ))
        });
        chosen.chain(taken).collect::<Vec<_>>().join(", ")
    }

    /// The choices that turn deciding conditions out differently, defaults first, then those that change least. Where there are
    /// more than are judged one by one, those of [`Set::in_threes`].
    pub(super) fn choices(&mut self) -> Vec<(String, Choice)> {
        let deciding = self.deciding();
        let mut parameters = BTreeSet::new();
        for (stack, name) in &deciding {
            self.rests_on(*stack, name, &mut parameters);
        }
        let open: Vec<Open> = self
            .open()
            .into_iter()
            .filter(|(place, _)| {
                parameters.contains(place) || self.stacks[place.0].parent.is_some()
            })
            .collect();
        let enriched = |set: &Self, found: Vec<(String, Choice)>| -> Vec<(String, Choice)> {
            found
                .into_iter()
                .map(|(when, choice)| (when, set.enriched(&choice)))
                .collect()
        };
        let (found, whole) = self.all_ways(&open, &deciding);
        if whole {
            return enriched(self, found);
        }
        let (found, shown, undecided) = self.in_threes(&open, &deciding);
        if undecided {
            self.open.push(
                "whether some of its conditions can hold together could not be determined"
                    .to_owned(),
            );
        }
        self.notes.push(format!(
            "its conditions can turn out in more than {MOST_VARIANTS} ways; {} of them were judged, in which {shown} (give --parameters to judge the one that is meant)",
            found.len()
        ));
        enriched(self, found)
    }

    pub(super) fn choice(open: &[Open], places: &[usize]) -> Choice {
        open.iter()
            .zip(places)
            .map(|((key, values), place)| (key.clone(), values[*place].clone()))
            .collect()
    }

    /// How the deciding conditions turn out under a choice.
    pub(super) fn signature(
        &self,
        choice: &Choice,
        deciding: &BTreeSet<(usize, String)>,
    ) -> Signature {
        self.conditions(choice)
            .into_iter()
            .filter(|(place, _)| deciding.contains(place))
            .collect()
    }

    /// Every way, and whether these are all.
    fn all_ways(
        &self,
        open: &[Open],
        deciding: &BTreeSet<(usize, String)>,
    ) -> (Vec<(String, Choice)>, bool) {
        let mut found: Vec<(String, Choice)> = Vec::new();
        let mut seen = BTreeSet::new();
        let mut level: Vec<Vec<usize>> = vec![vec![0; open.len()]];
        let mut looked = 0_usize;
        let mut whole = true;
        while !level.is_empty() {
            let mut next = BTreeSet::new();
            for places in level {
                looked += 1;
                if looked > MOST_CHOICES || found.len() >= MOST_VARIANTS {
                    return (found, false);
                }
                let choice = Self::choice(open, &places);
                let mut left = MOST_VARIANTS;
                for choice in self.settled(&choice, &mut left) {
                    if !seen.insert(self.signature(&choice, deciding)) {
                        continue;
                    }
                    if found.len() >= MOST_VARIANTS {
                        return (found, false);
                    }
                    found.push((self.words(open, &places, &choice), choice));
                }
                whole &= left > 0;
                // One more change, to the right of the last one, so that each choice is made once.
                let last = places.iter().rposition(|place| *place > 0);
                for (at, (_, values)) in open
                    .iter()
                    .enumerate()
                    .skip(last.map_or(0, |last| last + 1))
                {
                    for value in 1..values.len() {
                        let mut changed = places.clone();
                        changed[at] = value;
                        next.insert(changed);
                    }
                }
            }
            level = next.into_iter().collect();
        }
        (found, whole)
    }
}

/// How conditions turn out, by stack and name; `None` where it is open.
pub(super) type Signature = Vec<((usize, String), Option<bool>)>;

/// Conditions by which an `Fn::If` in a value chooses.
fn chosen_by(tree: &Tree, into: &mut BTreeSet<String>) {
    if let Some(("Fn::If", argument)) = call(tree)
        && let Some(name) = argument.items().first().and_then(Tree::text)
    {
        into.insert(name.into_owned());
    }
    let members = tree.members().iter().map(|member| &member.value);
    members
        .chain(tree.items())
        .for_each(|inner| chosen_by(inner, into));
}

/// Conditions that a condition names.
fn named_in(tree: &Tree, into: &mut BTreeSet<String>) {
    if let [only] = tree.members()
        && only.key == "Condition"
        && let Some(name) = only.value.text()
    {
        into.insert(name.into_owned());
    }
    let members = tree.members().iter().map(|member| &member.value);
    members
        .chain(tree.items())
        .for_each(|inner| named_in(inner, into));
}

/// A condition that an `Fn::If` names and nobody defines.
pub(super) fn undefined(tree: &Tree, known: &BTreeSet<&str>) -> Option<(usize, String)> {
    if let Some(("Fn::If", argument)) = call(tree)
        && let Some(name) = argument.items().first().and_then(Tree::text)
        && !known.contains(name.as_ref())
    {
        return Some((tree.line, name.into_owned()));
    }
    tree.members()
        .iter()
        .map(|member| &member.value)
        .chain(tree.items())
        .find_map(|inner| undefined(inner, known))
}

/// Does a condition lead back to itself? Those that do not are kept in `sound`, so that each is followed once.
pub(super) fn goes_round<'t>(
    tree: &'t Tree,
    conditions: &'t [Member],
    path: &mut Vec<&'t str>,
    sound: &mut BTreeSet<&'t str>,
) -> bool {
    if let [only] = tree.members()
        && only.key == "Condition"
        && let Content::Text(name) = &only.value.value
    {
        let name = name.as_str();
        if sound.contains(name) {
            return false;
        }
        let again = path.contains(&name);
        path.push(name);
        if again || path.len() > 200 {
            return true;
        }
        let round = conditions
            .iter()
            .find(|member| member.key == name)
            .is_some_and(|member| goes_round(&member.value, conditions, path, sound));
        if !round {
            path.pop();
            sound.insert(name);
        }
        return round;
    }
    tree.members()
        .iter()
        .map(|member| &member.value)
        .chain(tree.items())
        .any(|inner| goes_round(inner, conditions, path, sound))
}

/// The parameters that a condition compares, each with the constants it is compared with.
fn constants(tree: &Tree, into: &mut BTreeMap<String, BTreeSet<String>>) {
    if let [only] = tree.members()
        && only.key == "Fn::Equals"
        && let [left, right] = only.value.items()
    {
        let reference = |tree: &Tree| {
            call(tree)
                .filter(|(name, _)| *name == "Ref")
                .and_then(|(_, argument)| argument.text().map(|text| text.into_owned()))
        };
        for (one, other) in [(left, right), (right, left)] {
            if let Some(name) = reference(one) {
                let known = into.entry(name).or_default();
                known.extend(other.text().map(|text| text.into_owned()));
            }
        }
    }
    for member in tree.members() {
        constants(&member.value, into);
    }
    for item in tree.items() {
        constants(item, into);
    }
    if let Some(("Fn::Sub", argument)) = call(tree)
        && let Some(text) = argument
            .text()
            .or_else(|| argument.items().first().and_then(Tree::text))
    {
        for name in text
            .split("${")
            .skip(1)
            .filter_map(|rest| rest.split('}').next())
        {
            into.entry(name.trim().to_owned()).or_default();
        }
    }
    // Parameters that stand deeper, as in a Join, are open too.
    if let Some(("Ref", argument)) = call(tree)
        && let Some(name) = argument.text()
    {
        into.entry(name.into_owned()).or_default();
    }
}
