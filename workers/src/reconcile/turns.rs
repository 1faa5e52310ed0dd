//! Which session keys are asked about next: those of organizations that wait for a comparison, those that differ, then
//! those that were not asked about for the longest time.

use std::collections::{BTreeMap, BTreeSet};

use domain::ids::{OrganizationId, SessionKeyId};

/// A session key, and when it was asked about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Candidate {
    /// Which.
    pub id: SessionKeyId,
    /// Whose.
    pub organization_id: OrganizationId,
    /// In which round it was asked about last; 0 when never.
    pub round: u64,
    /// Whether it differed then.
    pub differs: bool,
}

/// Whose turn it is.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Turns {
    /// In this order, at most as many as were wanted.
    pub next: Vec<SessionKeyId>,
    /// Whether some that were never asked about are left.
    pub has_more: bool,
}

/// Whose turn it is. `waiting` are the organizations that wait, and the round from which on they do: of theirs, what was
/// not asked about since comes first. It takes at most half of the places, so that nobody can keep out the others.
pub(super) fn turns(mut all: Vec<Candidate>, waiting: &BTreeMap<OrganizationId, u64>, most: usize) -> Turns {
    let is_awaited = |one: &Candidate| waiting.get(&one.organization_id).is_some_and(|since| one.round < *since);
    all.sort_unstable_by_key(|one| (!one.differs, one.round, one.id));
    let first: Vec<_> = all.iter().filter(|one| is_awaited(one)).take(most / 2).map(|one| one.id).collect();
    let mut next = first.clone();
    let taken: BTreeSet<_> = first.into_iter().collect();
    let mut rest = all.iter().filter(|one| !taken.contains(&one.id));
    while next.len() < most {
        let Some(one) = rest.next() else { break };
        next.push(one.id);
    }
    Turns { next, has_more: rest.any(|one| one.round == 0) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use uuid::Uuid;

    fn organization(n: u128) -> OrganizationId {
        OrganizationId::new(Uuid::from_u128(n))
    }

    fn key(n: u128) -> SessionKeyId {
        SessionKeyId::new(Uuid::from_u128(n))
    }

    fn candidate(n: u128, whose: u128, round: u64, differs: bool) -> Candidate {
        Candidate { id: key(n), organization_id: organization(whose), round, differs }
    }

    #[test]
    fn what_differs_and_what_waits_longest_comes_first() {
        let all = vec![
            candidate(1, 1, 4, false),
            candidate(2, 1, 0, false),
            candidate(3, 2, 5, true),
            candidate(4, 2, 2, false),
            candidate(5, 2, 0, false),
        ];
        let turns = turns(all, &BTreeMap::new(), 3);
        assert_eq!(turns, Turns { next: vec![key(3), key(2), key(5)], has_more: false });
    }

    #[test]
    fn whoever_waits_is_served_first_and_does_not_keep_out_the_others() {
        let all: Vec<_> = (1..=10u64).map(|n| candidate(n.into(), if n > 6 { 2 } else { 1 }, n, n == 1)).collect();
        // Since round 10 the second organization waits: three of its four were not asked about since.
        let waiting = BTreeMap::from([(organization(2), 10)]);
        let first = turns(all.clone(), &waiting, 4);
        assert_eq!(first.next, [key(7), key(8), key(1), key(2)]);
        assert!(!first.has_more);
        let all: Vec<_> = all
            .into_iter()
            .map(|one| if first.next.contains(&one.id) { Candidate { round: 11, ..one } } else { one })
            .collect();
        let second = turns(all, &waiting, 4);
        assert_eq!(second.next, [key(9), key(1), key(3), key(4)], "what it has got counts, also in an earlier round");
    }

    #[test]
    fn what_was_never_asked_about_has_its_turn_soon() {
        let all: Vec<_> = (1..=5).map(|n| candidate(n, 1, 0, false)).collect();
        assert!(turns(all.clone(), &BTreeMap::new(), 4).has_more);
        assert!(!turns(all, &BTreeMap::new(), 5).has_more);
    }
}
