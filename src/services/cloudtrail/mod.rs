//! AWS CloudTrail: where trails are kept, and what they say of Bedrock.

pub(super) mod declared;
#[cfg(feature = "live")]
pub(super) mod live;
mod selectors;

use super::Service;
#[cfg(feature = "live")]
use super::collect::Collector;
use crate::inventory::cols::{flag, int, json, list, text, time};
use crate::inventory::{Inputs, Read, Role, Span, Table};

/// Trails.
pub const TRAIL: Table = Table {
    name: "cloudtrail_trail",
    doc: "Trails that reach the account, in each Region, shadows of other Regions and of the organisation included.",
    key: "arn",
    span: Span::Regional,
    role: Role::Base,
    columns: &[
        text("arn", "ARN; its account is the owner."),
        text("name", "Name."),
        text("home_region", "Region it was made in."),
        text("bucket_name", "Bucket.").absent("''"),
        text("log_group_arn", "Log group.").absent("''"),
        flag(
            "is_organization_trail",
            "Does it belong to the organisation?",
        ),
        flag(
            "is_multi_region",
            "Does it record the events of every Region?",
        ),
        flag("is_logging", "Is it recording?").by(&["status"]),
        text("delivery_error", "Why the last delivery to its bucket failed.")
            .absent("''")
            .by(&["status"]),
        json(
            "selectors",
            "`[{category, read_write, sources, excluded_sources, resource_types, narrowed}]`; `category` is `Management`, `Data` or `NetworkActivity`, an empty list of sources is every source, `narrowed` is true where a field of another kind leaves events out.",
        )
        .by(&["selectors"])
        .shaped(selectors::read),
    ],
    reads: &[
        Read::new("list", "cloudtrail:DescribeTrails"),
        Read::new("status", "cloudtrail:GetTrailStatus"),
        Read::new("selectors", "cloudtrail:GetEventSelectors"),
    ],
    lists: Inputs::NONE,
};

/// Event data stores of CloudTrail Lake.
pub const EVENT_DATA_STORE: Table = Table {
    name: "cloudtrail_event_data_store",
    doc: "Event data stores of CloudTrail Lake, which keep events beside any trail. Since 2026-05-31 only accounts that had one can make one.",
    key: "arn",
    span: Span::Regional,
    role: Role::Base,
    columns: &[
        text("arn", "ARN."),
        text("name", "Name.").by(&["detail"]),
        text("status", "`ENABLED` where it is recording.")
            .by(&["detail"])
            .words(&[
                "CREATED",
                "ENABLED",
                "PENDING_DELETION",
                "STARTING_INGESTION",
                "STOPPING_INGESTION",
                "STOPPED_INGESTION",
            ]),
        flag(
            "is_organization_store",
            "Does it record the events of the whole organisation?",
        )
        .by(&["detail"]),
        flag(
            "is_multi_region",
            "Does it record the events of every Region?",
        )
        .by(&["detail"]),
        json("selectors", "Selectors in the form of those of a trail.")
            .by(&["detail"])
            .shaped(selectors::read),
    ],
    reads: &[
        Read::new("list", "cloudtrail:ListEventDataStores"),
        Read::new("detail", "cloudtrail:GetEventDataStore"),
    ],
    lists: Inputs::NONE,
};

/// Calls of Bedrock, summed.
pub const BEDROCK_CALL: Table = Table {
    name: "cloudtrail_bedrock_call",
    doc: "What CloudTrail saw of Bedrock, summed by principal, event and way; no prompt, answer or address is kept.",
    key: "id",
    span: Span::Regional,
    role: Role::Base,
    columns: &[
        text(
            "id",
            "Principal, source, event, way, inference Region and sign-in, joined.",
        ),
        text(
            "principal_arn",
            "Role behind the session, user, or name of a service.",
        ),
        text("principal_account_id", "Its account.").absent("''"),
        text(
            "principal_kind",
            "`role`, `user`, `root`, `service` or `other`.",
        )
        .words(&["role", "user", "root", "service", "other"]),
        text("event_source", "Such as `bedrock.amazonaws.com`."),
        text("event_name", "Such as `InvokeModel`."),
        text(
            "way",
            "`endpoint` (an endpoint id, its own name or a private source address), `public` (a public source address and no endpoint id), `refused` (the same, and access was denied), `service` (a service of AWS calls), `unknown`.",
        )
        .words(&["endpoint", "public", "refused", "service", "unknown"]),
        list(
            "endpoint_ids",
            "Endpoints that the records name, at most 20.",
        ),
        text(
            "inference_region",
            "Region that served a call that was led on.",
        )
        .absent("'' (the Region itself)"),
        flag(
            "bearer_token",
            "Was it signed in with a bearer key, where the record says?",
        ),
        int("calls", "How many."),
        int("failed_calls", "Of them with an error."),
        time("first_seen", "Oldest."),
        time("last_seen", "Newest."),
    ],
    reads: &[Read::new("list", "cloudtrail:LookupEvents")],
    lists: Inputs::NONE,
};

/// Changes of Bedrock's settings, summed.
pub const CHANGE: Table = Table {
    name: "cloudtrail_change",
    doc: "Who created, changed or deleted what of Amazon Bedrock and AgentCore, as CloudTrail saw it, summed by principal and event; refused calls are left out. The event history is asked for the usual events by name, log files hold all.",
    key: "id",
    span: Span::Regional,
    role: Role::Base,
    columns: &[
        text("id", "Principal, source and event, joined."),
        text(
            "principal_arn",
            "Role behind the session, user, or name of a service.",
        ),
        text("principal_account_id", "Its account.").absent("''"),
        text(
            "principal_kind",
            "`role`, `user`, `root`, `service` or `other`.",
        )
        .words(&["role", "user", "root", "service", "other"]),
        text("event_source", "Such as `bedrock.amazonaws.com`."),
        text("event_name", "Such as `UpdateGuardrail`."),
        int("changes", "How many."),
        flag(
            "from_console",
            "Was one of them made by a session of the console?",
        ),
        time("first_seen", "Oldest."),
        time("last_seen", "Newest."),
    ],
    reads: &[Read::new("list", "cloudtrail:LookupEvents")],
    lists: Inputs::NONE,
};

/// The time that was looked at.
pub const WINDOW: Table = Table {
    name: "cloudtrail_window",
    doc: "The time for which CloudTrail was asked or its files were read, one row for each Region; without a row nothing was observed there.",
    key: "region_name",
    span: Span::Regional,
    role: Role::Base,
    columns: &[
        text("region_name", "Region."),
        text("source", "`LookupEvents` or `files`."),
        time("window_start", "Begin."),
        time("window_end", "End."),
        int("events", "Records that were read."),
        flag("whole", "Was everything in the window read?"),
        flag(
            "sees_data_events",
            "Can data events (agents, retrieval, mantle, AgentCore) be in it?",
        ),
    ],
    reads: &[Read::new("list", "cloudtrail:LookupEvents")],
    lists: Inputs::NONE,
};

/// The service.
pub(super) const SERVICE: Service = Service {
    tables: &[&TRAIL, &EVENT_DATA_STORE, &BEDROCK_CALL, &CHANGE, &WINDOW],
    mappings: declared::SPELLINGS,
    #[cfg(feature = "live")]
    collectors: &[
        Collector {
            tables: &[
                "cloudtrail_bedrock_call",
                "cloudtrail_change",
                "cloudtrail_window",
            ],
            span: Span::Regional,
            run: |place| Box::pin(live::observe(place)),
        },
        Collector {
            tables: &["cloudtrail_trail"],
            span: Span::Regional,
            run: |place| Box::pin(live::collect(place)),
        },
        Collector {
            tables: &["cloudtrail_event_data_store"],
            span: Span::Regional,
            run: |place| Box::pin(live::stores(place)),
        },
    ],
};
