//! Ways out of a subnet beside the endpoint.

use super::{Paths, remembered};
use crate::model::{Gap, Observed, merge};
use crate::network;
use crate::network::{Hop, Reach, Spot, Target};
use Observed::{Known, Unknown};

/// The way out to public addresses, filters and routes together.
#[derive(Clone)]
pub(super) enum Egress {
    Open(Vec<Hop>),
    Closed(String),
    Unknown(Vec<Gap>),
}

impl Egress {
    /// By IPv4, or by IPv6 where the client asks for names that have such addresses.
    pub(super) fn find(
        paths: &Paths<'_>,
        user: &str,
        from: &Spot,
        groups: &[String],
        public_address: &Observed<bool>,
        six: &Observed<bool>,
    ) -> Self {
        let key = (
            from.clone(),
            user.to_owned(),
            groups.to_vec(),
            format!("{public_address:?} {six:?}"),
        );
        remembered(&paths.egress, key, || {
            match Self::of(paths, user, from, groups, public_address, false) {
                Self::Closed(why) if !six.is_false() => match (
                    Self::of(paths, user, from, groups, public_address, true),
                    six,
                ) {
                    (Self::Open(_), Unknown(gaps)) => Self::Unknown(gaps.clone()),
                    (Self::Closed(_), _) => Self::Closed(why),
                    (by_six, _) => by_six,
                },
                four => four,
            }
        })
    }

    fn of(
        paths: &Paths<'_>,
        user: &str,
        from: &Spot,
        groups: &[String],
        public_address: &Observed<bool>,
        six: bool,
    ) -> Self {
        let routes = match network::reach(
            paths.world,
            from,
            &Target::Public {
                address: public_address.clone(),
                six,
            },
        ) {
            Reach::Closed(_, why) => return Self::Closed(why),
            routes => routes,
        };
        match (
            network::outward(paths.world, from, user, groups, six),
            routes,
        ) {
            (Known(Some((_, _, why))), _) | (_, Reach::Closed(_, why)) => Self::Closed(why),
            (Unknown(gaps), Reach::Unknown(more)) => Self::Unknown(merge(gaps, more)),
            (Unknown(gaps), _) | (_, Reach::Unknown(gaps)) => Self::Unknown(gaps),
            (Known(None), Reach::Open(hops)) => Self::Open(hops),
        }
    }

    pub(super) fn open(&self) -> Observed<bool> {
        match self {
            Self::Open(_) => Known(true),
            Self::Closed(_) => Known(false),
            Self::Unknown(gaps) => Unknown(gaps.clone()),
        }
    }
}
