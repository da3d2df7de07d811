//! What the JSON columns of names hold: as this crate writes it, and as Amazon Route 53 does.

use crate::inventory::shape::{Fields, each};
use serde_json::{Value as Json, json};

fn plain(name: &str) -> String {
    name.trim_end_matches('.').to_ascii_lowercase()
}

/// Records of a zone (Route 53 API Reference, "ResourceRecordSet").
pub(super) fn records(value: &Json) -> Result<Json, String> {
    each(value, |record| {
        let mut fields = Fields::of(record)?;
        let name = plain(fields.text(&["name", "Name"])?).replace("\\052", "*");
        let kind = fields.text(&["type", "Type"])?.to_ascii_uppercase();
        let values = match fields.member(&["ResourceRecords"]) {
            Some(all) => each(all, |one| {
                Ok(Json::from(plain(Fields::of(one)?.text(&["Value"])?)))
            })?,
            None if fields.has("AliasTarget") => json!([]),
            None => Json::from(fields.texts(&["values"])?),
        };
        let alias = match fields.member(&["AliasTarget"]) {
            Some(target) => plain(Fields::of(target)?.text(&["DNSName"])?),
            None => fields.text_if_any(&["alias"])?.to_owned(),
        };
        // Records that answer by weight, place or health are all read: any of them may be the answer.
        let idle = [
            "TTL",
            "SetIdentifier",
            "Weight",
            "Region",
            "GeoLocation",
            "GeoProximityLocation",
            "CidrRoutingConfig",
            "Failover",
            "MultiValueAnswer",
            "HealthCheckId",
            "TrafficPolicyInstanceId",
        ];
        fields.done(&idle)?;
        Ok(json!({"name": name, "type": kind, "values": values, "alias": alias}))
    })
}

/// What a profile holds.
pub(super) fn resources(value: &Json) -> Result<Json, String> {
    each(value, |resource| {
        let mut fields = Fields::of(resource)?;
        let read = json!({"arn": fields.text(&["arn", "ResourceArn"])?, "type": fields.text_if_any(&["type", "ResourceType"])?});
        let idle = [
            "Id",
            "Name",
            "ProfileId",
            "OwnerId",
            "Status",
            "StatusMessage",
            "ResourceProperties",
            "CreationTime",
            "ModificationTime",
        ];
        fields.done(&idle)?;
        Ok(read)
    })
}

/// Rules of a group of DNS Firewall. AWS keeps their names in lists of their own, so its own spelling says too little.
pub(super) fn firewall_rules(value: &Json) -> Result<Json, String> {
    each(value, |rule| {
        let mut fields = Fields::of(rule)?;
        let domains = match fields.member(&["domains"]) {
            Some(Json::Null) => Json::Null,
            _ => Json::from(fields.texts(&["domains"])?),
        };
        let query_type = match fields.member(&["query_type"]) {
            Some(Json::Null) | None => Json::Null,
            Some(_) => Json::from(fields.text(&["query_type"])?.to_ascii_uppercase()),
        };
        let response = match fields.member(&["response"]) {
            Some(Json::Null) | None => Json::Null,
            Some(_) => Json::from(fields.word(&["response"], &["NODATA", "NXDOMAIN", "OVERRIDE"])?),
        };
        let read = json!({
            "name": fields.text_if_any(&["name"])?, "priority": fields.int(&["priority"])?,
            "action": fields.word(&["action"], &["ALLOW", "BLOCK", "ALERT"])?,
            "response": response, "query_type": query_type, "domains": domains,
        });
        fields.done(&[])?;
        Ok(read)
    })
}
