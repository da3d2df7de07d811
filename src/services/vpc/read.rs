//! What the JSON columns of networks hold: as this crate writes it, and as Amazon EC2 does.

use crate::inventory::shape::{Fields, each, protocol, range};
use serde_json::{Value as Json, json};

const STATES: &[&str] = &["active", "blackhole", "filtered"];
/// Where a route of a table leads (EC2 API Reference, "Route").
const TARGETS: &[&str] = &[
    "NatGatewayId",
    "TransitGatewayId",
    "VpcPeeringConnectionId",
    "EgressOnlyInternetGatewayId",
    "LocalGatewayId",
    "CarrierGatewayId",
    "CoreNetworkArn",
    "GatewayId",
    "NetworkInterfaceId",
    "InstanceId",
];

/// Routes of a route table. A target that is `null` is one that nobody knows.
pub(in crate::services) fn routes(value: &Json) -> Result<Json, String> {
    each(value, |route| {
        let mut fields = Fields::of(route)?;
        let destination = fields.text(&[
            "destination",
            "DestinationCidrBlock",
            "DestinationIpv6CidrBlock",
            "DestinationPrefixListId",
        ])?;
        let mut target = fields.member(&["target"]).cloned();
        for name in TARGETS {
            let named = fields.text_if_any(&[name])?;
            if !named.is_empty() && route.get("target").is_some() {
                return Err(format!("`target` and `{name}` are two names of one member"));
            }
            if target.is_none() && !named.is_empty() {
                target = Some(Json::from(named));
            }
        }
        let target = match target {
            Some(target @ (Json::String(_) | Json::Null)) => target,
            _ => return Err(format!("the route to {destination} has no `target`")),
        };
        let state = fields.word(&["state", "State"], STATES)?;
        let origin = fields.text_if_any(&["Origin"])?;
        let propagated = fields
            .member(&["propagated"])
            .and_then(Json::as_bool)
            .unwrap_or(origin == "EnableVgwRoutePropagation");
        fields.done(&["InstanceOwnerId"])?;
        Ok(
            json!({"destination": destination, "target": target, "state": state, "propagated": propagated}),
        )
    })
}

/// Rules of a security group in one direction.
pub(in crate::services) fn permissions(value: &Json) -> Result<Json, String> {
    each(value, |rule| {
        let mut fields = Fields::of(rule)?;
        let protocol = protocol(fields.member(&["protocol", "IpProtocol"]))?;
        let mut port = |names| {
            if protocol == "-1" {
                Ok(-1)
            } else {
                fields.int(names)
            }
        };
        let (from, to) = (
            port(&["from_port", "FromPort"])?,
            port(&["to_port", "ToPort"])?,
        );
        fields.skip(&["from_port", "FromPort", "to_port", "ToPort"]);
        let (cidrs, groups, lists) = if [
            "IpRanges",
            "Ipv6Ranges",
            "UserIdGroupPairs",
            "PrefixListIds",
        ]
        .iter()
        .any(|name| fields.has(name))
        {
            let mut cidrs = sources(&mut fields, "IpRanges", "CidrIp")?;
            cidrs.extend(sources(&mut fields, "Ipv6Ranges", "CidrIpv6")?);
            (
                cidrs,
                sources(&mut fields, "UserIdGroupPairs", "GroupId")?,
                sources(&mut fields, "PrefixListIds", "PrefixListId")?,
            )
        } else {
            (
                fields.texts(&["cidrs"])?,
                fields.texts(&["groups"])?,
                fields.texts(&["prefix_lists"])?,
            )
        };
        let cidrs = cidrs
            .iter()
            .map(|cidr| range(cidr))
            .collect::<Result<Vec<_>, _>>()?;
        fields.done(&["description", "Description"])?;
        Ok(
            json!({"protocol": protocol, "from_port": from, "to_port": to, "cidrs": cidrs, "groups": groups, "prefix_lists": lists}),
        )
    })
}

/// One list of a permission as EC2 writes it; a list that EC2 leaves out is empty.
fn sources(
    fields: &mut Fields<'_>,
    list: &'static str,
    member: &'static str,
) -> Result<Vec<String>, String> {
    let Some(all) = fields.member(&[list]) else {
        return Ok(Vec::new());
    };
    let read = each(all, |item| {
        let mut source = Fields::of(item)?;
        let text = source.text(&[member])?;
        source.done(&[
            "Description",
            "GroupName",
            "PeeringStatus",
            "UserId",
            "VpcId",
            "VpcPeeringConnectionId",
        ])?;
        Ok(Json::from(text))
    })?;
    Ok(read
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(Json::as_str)
        .map(str::to_owned)
        .collect())
}

/// Rules of a network ACL.
pub(in crate::services) fn entries(value: &Json) -> Result<Json, String> {
    each(value, |rule| {
        let mut fields = Fields::of(rule)?;
        let protocol = protocol(fields.member(&["protocol", "Protocol"]))?;
        let (from, to) = match fields.member(&["PortRange"]) {
            Some(ports) => {
                let mut ports = Fields::of(ports)?;
                (ports.int(&["From"])?, ports.int(&["To"])?)
            }
            None if protocol == "-1" || fields.has("Protocol") => (-1, -1),
            None => (fields.int(&["from_port"])?, fields.int(&["to_port"])?),
        };
        fields.skip(&["from_port", "to_port"]);
        let entry = json!({
            "egress": fields.flag(&["egress", "Egress"])?,
            "number": fields.int(&["number", "RuleNumber"])?,
            "action": fields.word(&["action", "RuleAction"], &["allow", "deny"])?,
            "protocol": protocol,
            "cidr": range(fields.text(&["cidr", "CidrBlock", "Ipv6CidrBlock"])?)?,
            "from_port": from,
            "to_port": to,
        });
        fields.done(&["IcmpTypeCode"])?;
        Ok(entry)
    })
}

/// Private hosted zones of a VPC (Route 53 API Reference, "HostedZoneSummary").
pub(in crate::services) fn private_zones(value: &Json) -> Result<Json, String> {
    each(value, |zone| {
        let mut fields = Fields::of(zone)?;
        let name = fields.text(&["name", "Name"])?.trim_end_matches('.');
        let id = fields.text(&["id", "HostedZoneId"])?;
        let owner = match fields.member(&["owner", "Owner"]) {
            Some(owner @ Json::Object(_)) => {
                let mut owner = Fields::of(owner)?;
                Json::from(owner.text(&["OwningAccount", "OwningService"])?)
            }
            Some(Json::String(owner)) => Json::from(owner.as_str()),
            Some(Json::Null) | None => Json::Null,
            Some(_) => return Err("`owner` is not a text".to_owned()),
        };
        fields.done(&[])?;
        Ok(json!({"name": name, "id": id, "owner": owner}))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_ec2_writes_is_read_as_what_it_means() {
        let own = json!([{"protocol": "-1", "from_port": -1, "to_port": -1, "cidrs": ["0.0.0.0/0"], "groups": [], "prefix_lists": []}]);
        assert_eq!(
            permissions(&json!([{"IpProtocol": "-1", "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}])),
            Ok(own.clone())
        );
        assert_eq!(
            permissions(
                &json!([{"protocol": -1, "cidrs": ["0.0.0.0/0"], "groups": [], "prefix_lists": []}])
            ),
            Ok(own.clone())
        );
        assert_eq!(permissions(&own), Ok(own));
        let entry = json!([{"Egress": true, "RuleNumber": 100, "RuleAction": "allow", "Protocol": "6", "CidrBlock": "10.0.0.0/8", "PortRange": {"From": 443, "To": 443}}]);
        let own = json!([{"egress": true, "number": 100, "action": "allow", "protocol": "6", "cidr": "10.0.0.0/8", "from_port": 443, "to_port": 443}]);
        assert_eq!(entries(&entry), Ok(own));
        let route = json!([{"DestinationCidrBlock": "0.0.0.0/0", "NatGatewayId": "nat-1", "State": "active", "Origin": "CreateRoute"}]);
        assert_eq!(
            routes(&route),
            Ok(
                json!([{"destination": "0.0.0.0/0", "target": "nat-1", "state": "active", "propagated": false}])
            )
        );
        let zone = json!([{"HostedZoneId": "Z1", "Name": "a.b.", "Owner": {"OwningAccount": "111111111111"}}]);
        assert_eq!(
            private_zones(&zone),
            Ok(json!([{"name": "a.b", "id": "Z1", "owner": "111111111111"}]))
        );
    }

    /// Each of these said "nothing there" before cells had shapes.
    #[test]
    fn what_is_not_whole_is_not_read() {
        let rule = |key: &str, value: Json| {
            let mut rule = json!({"protocol": "tcp", "from_port": 443, "to_port": 443, "cidrs": ["0.0.0.0/0"], "groups": [], "prefix_lists": []});
            match value {
                Json::Object(_) => drop(rule.as_object_mut().and_then(|rule| rule.remove(key))),
                value => rule[key] = value,
            }
            json!([rule])
        };
        for (key, value) in [
            ("cidrs", Json::Null),
            ("cidrs", json!({})),
            ("cidrs", json!("0.0.0.0/0")),
            ("cidrs", json!([" "])),
            ("cidrs", json!(["0.0.0.0 /0"])),
            ("protocol", json!("everything")),
            ("protocol", json!(true)),
            ("to_port", json!({})),
            ("from_port", json!("443")),
            ("groups", Json::Null),
            ("ports", json!([443])),
        ] {
            assert!(
                permissions(&rule(key, value.clone())).is_err(),
                "{key} {value}"
            );
        }
        assert!(permissions(&json!({})).is_err());
        assert!(permissions(&rule("protocol", json!("TCP"))).is_ok());
        assert!(permissions(&rule("protocol", json!("ALL"))).is_ok());
        assert!(routes(&json!({"Routes": []})).is_err());
        for route in [
            json!({"destination": "0.0.0.0/0", "target": "nat-1"}),
            json!({"target": "nat-1", "state": "active"}),
            json!({"destination": "0.0.0.0/0", "state": "active"}),
        ] {
            assert!(routes(&json!([route])).is_err(), "{route}");
        }
        let entry = |key: &str, value: Json| {
            let mut entry = json!({"egress": true, "number": 100, "action": "allow", "protocol": "-1", "cidr": "0.0.0.0/0", "from_port": -1, "to_port": -1});
            entry[key] = value;
            json!([entry])
        };
        for (key, value) in [
            ("number", Json::Null),
            ("egress", json!("true")),
            ("action", json!("permit")),
            ("cidr", json!("")),
            ("protocol", json!("")),
        ] {
            assert!(
                entries(&entry(key, value.clone())).is_err(),
                "{key} {value}"
            );
        }
        assert!(entries(&entry("action", json!("ALLOW"))).is_ok());
        assert!(entries(&entry("protocol", json!("all"))).is_ok());
        assert!(entries(&json!({})).is_err());
    }
}
