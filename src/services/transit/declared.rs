//! How files declare them.

use crate::services::declared::{Change, Declared, Rows, Spelling, Told};

pub(in crate::services) const SPELLINGS: &[Spelling] = &[Spelling {
    kinds: &[
        "aws_vpc_peering_connection",
        "AWS::EC2::VPCPeeringConnection",
    ],
    map: peering,
}];

/// A connection inside one account is accepted where the file says so; else its state is settled on the other side.
fn peering(by: &Declared, rows: &mut Rows) {
    rows.symbol(by, by.id(), "pcx");
    let same = matches!(by.at("peer_owner_id").text(), Told::Absent)
        && matches!(by.at("peer_region").text(), Told::Absent);
    let accepted = by.at("auto_accept").flag() == Told::Known(true)
        || by.is_cloudformation() && same
        || by.change != Change::Create;
    rows.row("vpc_peering_connection", by, by.id())
        .set(
            "status_code",
            if accepted {
                Told::Known("active")
            } else {
                Told::Absent
            },
        )
        .set("requester_vpc_id", by.at("vpc_id").id())
        .put("requester_owner_id", by.account_id.as_str())
        .put("requester_region", by.region.as_str())
        .set("accepter_vpc_id", by.at("peer_vpc_id").id())
        .set(
            "accepter_owner_id",
            by.at("peer_owner_id").text().or(by.account_id.as_str()),
        )
        .set(
            "accepter_region",
            by.at("peer_region").text().or(by.region.as_str()),
        );
}
