//! All requests at once: a search for one that a formula of statements is true of.
//!
//! Actions, principals, resources and every condition key are cut into atoms, so that all texts of an atom
//! mean the same to every statement; then the product of atoms is walked depth first, statements that
//! are settled deciding early. What is found is checked by the plain evaluator before it is believed.

use super::atom::{self, Actions, Choice};
use super::automaton::{Budget, Spending, Spent};
use super::condition::holds;
use super::document::{Document, Statement};
use super::evaluate::resource_matches;
use super::formula::{Bits, Formula};
use super::found::Found;
use super::request::{Others, Principal, Request};
use super::truth::{Fact, Tri};
use crate::model::Gap;
use std::collections::{BTreeMap, BTreeSet, HashSet};

/// What a key may be, where the question leaves it open.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Mode {
    /// Whatever serves.
    Free,
    /// This.
    Is(Fact),
    /// Whatever follows from principal and resource, or is usual.
    Derived,
}

/// Who may ask.
#[derive(Debug, Clone)]
pub enum Who {
    /// This principal.
    One(Principal),
    /// Anyone.
    Anyone,
}

/// Among which requests to look.
#[derive(Clone)]
pub struct Scope<'q> {
    /// Who asks.
    pub who: Who,
    /// Actions, perhaps with wildcards; none is any.
    pub actions: Vec<String>,
    /// Resources, perhaps with wildcards; none is any that an action takes.
    pub resources: Vec<String>,
    /// Account that owns the resource, where the ARN does not say.
    pub resource_account: Option<String>,
    /// Facts of the request.
    pub context: BTreeMap<String, Fact>,
    /// Other keys.
    pub mode: &'q dyn Fn(&str) -> Mode,
    /// Are variables filled in even where a policy has no Version?
    pub variables_without_version: bool,
}

/// A statement that takes part.
#[derive(Clone, Copy)]
pub(super) struct Part<'p> {
    pub document: &'p Document,
    pub statement: &'p Statement,
}

/// More cells than this, and the answer is unknown.
const CELLS: usize = 300_000;
/// More ways to fill the variables than this, and the answer is unknown.
const FILLINGS: usize = 256;

struct Cell {
    choice: Choice,
    may: Bits,
    may_not: Bits,
}

struct Dimension {
    cells: Vec<Cell>,
    /// Statements that speak of this dimension.
    speaks: Bits,
}

pub(super) struct Search<'s> {
    pub parts: Vec<Part<'s>>,
    pub goal: &'s Formula,
    pub scope: &'s Scope<'s>,
    budget: Budget,
    cells: usize,
    reasons: BTreeSet<Gap>,
}

/// Looks for a request of the scope that the goal is true of.
pub(super) fn search(parts: Vec<Part<'_>>, goal: &Formula, scope: &Scope<'_>) -> Found {
    within(Budget::new(), parts, goal, scope).0
}

/// The same about one principal, whose questions share a budget.
pub(super) fn search_of(
    spending: &Spending,
    parts: Vec<Part<'_>>,
    goal: &Formula,
    scope: &Scope<'_>,
) -> Found {
    let budget = Budget::of(spending);
    let before = budget.left();
    let (found, budget) = within(budget, parts, goal, scope);
    budget.note(before, spending);
    found
}

fn within(
    budget: Budget,
    parts: Vec<Part<'_>>,
    goal: &Formula,
    scope: &Scope<'_>,
) -> (Found, Budget) {
    let mut search = Search {
        parts,
        goal,
        scope,
        budget,
        cells: 0,
        reasons: BTreeSet::new(),
    };
    let found = match search.run() {
        Ok(Some(request)) => Found::Yes(Box::new(request)),
        Ok(None) if search.reasons.is_empty() => Found::No,
        Ok(None) => Found::Unknown(std::mem::take(&mut search.reasons).into_iter().collect()),
        Err(Spent) => {
            search.reasons.insert(Gap::not_understood(
                "",
                "the policies hold more combinations than are tried",
            ));
            Found::Unknown(std::mem::take(&mut search.reasons).into_iter().collect())
        }
    };
    (found, search.budget)
}

impl Search<'_> {
    fn len(&self) -> usize {
        self.parts.len()
    }

    fn variables(&self, part: &Part<'_>) -> bool {
        part.document.variables || self.scope.variables_without_version && part.document.unversioned
    }

    fn run(&mut self) -> Result<Option<Request>, Spent> {
        let every = Bits::of(self.len(), 0..self.len());
        for actions in atom::actions(&self.parts, self.scope, &mut self.budget)? {
            // Where statements on these actions cannot make the goal true, nothing else can.
            if !self.goal.value(&actions.alive, &every).0 {
                continue;
            }
            if let Some(mut request) = self.fillings(&actions)? {
                request.action = actions.for_resource(&request.resource).to_owned();
                return Ok(Some(request));
            }
        }
        Ok(None)
    }

    /// Fills the variables whose keys the scope leaves open with values that can matter, and searches for each filling.
    fn fillings(&mut self, actions: &Actions) -> Result<Option<Request>, Spent> {
        let base = self.base(actions.first());
        let alive = &actions.alive;
        let mut open: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        if alive.members().any(|at| self.variables(&self.parts[at])) {
            let statements: Vec<&Statement> =
                alive.members().map(|at| self.parts[at].statement).collect();
            open = atom::values::variable_values(&statements)
                .into_iter()
                .filter(|(key, _)| self.mode(&base, key) == Mode::Free)
                .collect();
        }
        let mut ways = vec![BTreeMap::new()];
        for (key, mut values) in open {
            for at in alive.members() {
                for condition in self.parts[at]
                    .statement
                    .conditions
                    .iter()
                    .filter(|condition| condition.key == key)
                {
                    values.extend(
                        condition
                            .values
                            .iter()
                            .filter(|value| !value.contains("${"))
                            .map(|value| value.replace(['*', '?'], "x")),
                    );
                }
            }
            values.insert(super::PROBE.to_owned());
            let mut facts: Vec<Fact> = values.into_iter().map(Fact::one).collect();
            facts.push(Fact::Absent);
            if ways.len() * facts.len() > FILLINGS {
                return Err(Spent);
            }
            ways = ways
                .iter()
                .flat_map(|way: &BTreeMap<String, Fact>| {
                    facts.iter().map(|fact| {
                        let mut way = way.clone();
                        way.insert(key.clone(), fact.clone());
                        way
                    })
                })
                .collect();
        }
        for way in ways {
            let mut base = base.clone();
            base.context.extend(way);
            let dimensions = self.dimensions(&base, actions)?;
            let found = self.walk(&base, alive, &dimensions)?;
            if found.is_some() {
                return Ok(found);
            }
        }
        Ok(None)
    }

    fn base(&self, action: &str) -> Request {
        let principal = match &self.scope.who {
            Who::One(principal) => principal.clone(),
            Who::Anyone => Principal::anonymous(),
        };
        Request {
            principal,
            action: action.to_owned(),
            resource: "*".to_owned(),
            resource_account: self.scope.resource_account.clone(),
            context: self.scope.context.clone(),
            others: if matches!(self.scope.who, Who::One(_)) {
                Others::Usual
            } else {
                Others::Absent
            },
        }
    }

    fn mode(&self, base: &Request, key: &str) -> Mode {
        match base.context.get(key) {
            Some(fact) => Mode::Is(fact.clone()),
            None => (self.scope.mode)(key),
        }
    }

    /// Cuts everything that the statements alive speak of into cells.
    fn dimensions(&mut self, base: &Request, actions: &Actions) -> Result<Vec<Dimension>, Spent> {
        let statements: Vec<(usize, &Statement, bool)> = actions
            .alive
            .members()
            .map(|at| {
                (
                    at,
                    self.parts[at].statement,
                    self.variables(&self.parts[at]),
                )
            })
            .collect();
        let mut dimensions = Vec::new();
        let keys: BTreeSet<&str> = statements
            .iter()
            .flat_map(|(_, statement, _)| &statement.conditions)
            .map(|condition| condition.key.as_str())
            .collect();
        let free: BTreeSet<&str> = keys
            .iter()
            .copied()
            .filter(|key| self.mode(base, key) == Mode::Free)
            .collect();

        // Who asks, with what follows from that.
        let of_principal = |key: &str| atom::follows_from_principal(key);
        let principals: Vec<Choice> = match &self.scope.who {
            Who::One(principal) => vec![Choice {
                principal: Some(principal.clone()),
                ..Choice::default()
            }],
            Who::Anyone => atom::principals(&statements, base, &free, &mut self.budget)?,
        };
        dimensions.push(self.dimension(
            base,
            &statements,
            principals,
            |statement| statement.principals.is_some(),
            of_principal,
        )?);

        // On what, with what follows from that.
        let region_follows = self.mode(base, "aws:requestedregion") == Mode::Derived;
        let of_resource = |key: &str| {
            key == "aws:resourceaccount" || region_follows && key == "aws:requestedregion"
        };
        let choices = atom::resources::resources(
            &statements,
            base,
            actions,
            self.scope,
            &free,
            region_follows,
            &mut self.budget,
        )?;
        dimensions.push(self.dimension(
            base,
            &statements,
            choices,
            |statement| statement.resources.is_some(),
            of_resource,
        )?);

        for key in keys
            .iter()
            .copied()
            .filter(|key| !of_principal(key) && !of_resource(key))
        {
            let choices = match self.mode(base, key) {
                Mode::Free => atom::values::values(key, &statements, base, &mut self.budget)?,
                Mode::Is(fact) => vec![fact],
                Mode::Derived => vec![base.fact(key)],
            };
            let choices = choices
                .into_iter()
                .map(|fact| Choice {
                    facts: vec![(key.to_owned(), fact)],
                    ..Choice::default()
                })
                .collect();
            dimensions.push(self.dimension(
                base,
                &statements,
                choices,
                |_| false,
                |own| own == key,
            )?);
        }
        // What most statements speak of settles most: it comes first.
        dimensions.sort_by_key(|dimension| std::cmp::Reverse(dimension.speaks.members().count()));
        Ok(dimensions)
    }

    /// What each statement makes of each choice; choices of which all make the same are one.
    fn dimension(
        &mut self,
        base: &Request,
        statements: &[(usize, &Statement, bool)],
        choices: Vec<Choice>,
        speaks_itself: impl Fn(&Statement) -> bool,
        own_key: impl Fn(&str) -> bool,
    ) -> Result<Dimension, Spent> {
        let len = self.len();
        let speaks = |statement: &Statement| {
            speaks_itself(statement)
                || statement
                    .conditions
                    .iter()
                    .any(|condition| own_key(&condition.key))
        };
        let speaking: Vec<&(usize, &Statement, bool)> = statements
            .iter()
            .filter(|(_, statement, _)| speaks(statement))
            .collect();
        let mut cells: Vec<Cell> = Vec::new();
        let mut seen: HashSet<(Bits, Bits)> = HashSet::new();
        if speaking.is_empty() {
            // Any choice will do: the first, which reads best.
            let choice = choices.into_iter().next();
            let cells = choice
                .map(|choice| Cell {
                    choice,
                    may: Bits::of(len, 0..len),
                    may_not: Bits::none(len),
                })
                .into_iter()
                .collect();
            return Ok(Dimension {
                cells,
                speaks: Bits::none(len),
            });
        }
        for choice in choices {
            let request = choice.over(base);
            let (mut may, mut may_not) = (Bits::of(len, 0..len), Bits::none(len));
            let mut cleared = Bits::none(len);
            for (at, statement, variables) in &speaking {
                self.budget.spend(200)?;
                let truth = self.truth(&request, &choice, statement, *variables, &own_key);
                match truth {
                    Tri::True => {}
                    Tri::False => {
                        cleared.set(*at);
                        may_not.set(*at);
                    }
                    Tri::Unknown(_) => may_not.set(*at),
                }
            }
            may = may.without(&cleared);
            if seen.insert((may.clone(), may_not.clone())) {
                cells.push(Cell {
                    choice,
                    may,
                    may_not,
                });
            }
        }
        Ok(Dimension {
            cells,
            speaks: Bits::of(len, speaking.iter().map(|(at, ..)| *at)),
        })
    }

    fn truth(
        &self,
        request: &Request,
        choice: &Choice,
        statement: &Statement,
        variables: bool,
        own_key: &impl Fn(&str) -> bool,
    ) -> Tri {
        let fact = |key: &str| request.fact(key);
        let facts: Option<&dyn Fn(&str) -> Fact> = if variables { Some(&fact) } else { None };
        let mut truth = Tri::True;
        if choice.principal.is_some() {
            truth = truth.and(statement.names_principal(&request.principal));
        }
        if let (Some(resource), Some(patterns)) = (&choice.resource, &statement.resources) {
            truth = truth.and(resource_matches(patterns, resource, facts));
        }
        for condition in statement
            .conditions
            .iter()
            .filter(|condition| own_key(&condition.key))
        {
            if truth == Tri::False {
                break;
            }
            truth = truth.and(holds(condition, &request.fact(&condition.key), facts));
        }
        truth
    }

    /// Depth first through the product of the dimensions; a set of statements that led nowhere is not tried twice.
    fn walk(
        &mut self,
        base: &Request,
        alive: &Bits,
        dimensions: &[Dimension],
    ) -> Result<Option<Request>, Spent> {
        let len = self.len();
        let mut pending = vec![Bits::none(len); dimensions.len() + 1];
        for at in (0..dimensions.len()).rev() {
            pending[at] = pending[at + 1].or(&dimensions[at].speaks);
        }
        let dead = Bits::of(len, 0..len).without(alive);
        let mut failed: HashSet<(usize, Bits, Bits)> = HashSet::new();
        let mut chosen: Vec<usize> = Vec::new();
        let found = self.descend(
            dimensions,
            &pending,
            alive.clone(),
            dead,
            &mut chosen,
            &mut failed,
            base,
        )?;
        Ok(found)
    }

    #[expect(clippy::too_many_arguments, reason = "the state of one recursion")]
    fn descend(
        &mut self,
        dimensions: &[Dimension],
        pending: &[Bits],
        may: Bits,
        may_not: Bits,
        chosen: &mut Vec<usize>,
        failed: &mut HashSet<(usize, Bits, Bits)>,
        base: &Request,
    ) -> Result<Option<Request>, Spent> {
        let depth = chosen.len();
        self.cells += 1;
        if self.cells > CELLS {
            return Err(Spent);
        }
        self.budget.spend(self.len())?;
        let (can, cannot) = self.goal.value(&may, &may_not.or(&pending[depth]));
        if !can {
            return Ok(None);
        }
        // What is settled needs no more choices; the first of each reads best.
        if !cannot || depth == dimensions.len() {
            let mut choices: Vec<&Choice> = Vec::new();
            for (at, dimension) in dimensions.iter().enumerate() {
                match dimension.cells.get(chosen.get(at).copied().unwrap_or(0)) {
                    Some(cell) => choices.push(&cell.choice),
                    None => return Ok(None),
                }
            }
            let request = choices
                .iter()
                .fold(base.clone(), |request, choice| choice.over(&request));
            return Ok(self.confirm(request));
        }
        let key = (depth, may.clone(), may_not.clone());
        if failed.contains(&key) {
            return Ok(None);
        }
        for at in 0..dimensions[depth].cells.len() {
            let cell = &dimensions[depth].cells[at];
            chosen.push(at);
            let found = self.descend(
                dimensions,
                pending,
                may.and(&cell.may),
                may_not.or(&cell.may_not),
                chosen,
                failed,
                base,
            )?;
            chosen.pop();
            if found.is_some() {
                return Ok(found);
            }
        }
        failed.insert(key);
        Ok(None)
    }

    /// The plain evaluator has the last word; where it cannot tell, the reasons are kept.
    fn confirm(&mut self, request: Request) -> Option<Request> {
        if !may_be_sent(&request) {
            return None;
        }
        let len = self.len();
        let (mut may, mut may_not) = (Bits::none(len), Bits::none(len));
        let mut why = Vec::new();
        for (at, part) in self.parts.iter().enumerate() {
            match part.statement.applies(&request, self.variables(part)) {
                Tri::True => may.set(at),
                Tri::False => may_not.set(at),
                Tri::Unknown(reasons) => {
                    may.set(at);
                    may_not.set(at);
                    why.extend(reasons);
                }
            }
        }
        match self.goal.value(&may, &may_not) {
            (true, false) => return Some(request),
            (true, true) => {
                self.goal.reasons(&mut why);
                self.reasons.extend(why);
            }
            // A cell whose text was chosen for one key and breaks another that hangs on it.
            (false, _) => {
                let why = format!(
                    "no request was found that the evaluator confirms, on {}",
                    request.action
                );
                self.reasons.insert(Gap::not_understood("", why));
            }
        }
        None
    }
}

/// Can a request carry these keys together? Through an endpoint `aws:SourceIp` is absent, and outside of one `aws:SourceVpc` and
/// `aws:SourceVpce` are (IAM User Guide, "AWS global condition context keys", "Properties of the network").
fn may_be_sent(request: &Request) -> bool {
    let carries = |key: &str| matches!(request.context.get(key), Some(Fact::Values(_)));
    !(carries("aws:sourceip") && (carries("aws:sourcevpc") || carries("aws:sourcevpce")))
}
