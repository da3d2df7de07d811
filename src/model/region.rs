//! Names of Regions.

/// Has it the form of a Region, such as `ap-southeast-2` or `us-gov-west-1`: letters, a direction, a number? New Regions have it, too.
/// <https://docs.aws.amazon.com/global-infrastructure/latest/regions/aws-regions.html>
pub fn is_region(name: &str) -> bool {
    const DIRECTIONS: [&str; 9] = [
        "north",
        "south",
        "east",
        "west",
        "central",
        "northeast",
        "northwest",
        "southeast",
        "southwest",
    ];
    let parts: Vec<&str> = name.split('-').collect();
    let [places @ .., direction, number] = parts.as_slice() else {
        return false;
    };
    !places.is_empty()
        && places
            .iter()
            .all(|part| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_lowercase()))
        && DIRECTIONS.contains(direction)
        && number.parse::<u8>().is_ok()
}

#[cfg(test)]
mod tests {
    use super::is_region;

    #[test]
    fn regions_end_in_a_direction_and_a_number() {
        for name in [
            "eu-west-1",
            "ap-southeast-7",
            "us-gov-west-1",
            "us-isob-east-1",
            "eusc-de-east-1",
            "mx-central-1",
        ] {
            assert!(is_region(name), "{name}");
        }
        for name in [
            "eu-wst-1",
            "euwest-1",
            "eu-west",
            "eu-west-1a",
            "EU-WEST-1",
            "global",
            "west-1",
            "",
            "eu--west-1",
        ] {
            assert!(!is_region(name), "{name}");
        }
    }
}
