//! The two questions that turn coverage into known absence or unknown.

use outcrop::inventory::{Coverage, Lookup, NewRow, Status, Store, World};
use outcrop::model::{AccountInfo, Observed, Reason, RunInfo, Value};
use outcrop::subjects;

const A: &str = "111111111111";
const B: &str = "222222222222";
const R: &str = "eu-west-1";

/// A world with these rows and coverage lines, in two accounts and one Region.
fn world(rows: Vec<NewRow>, coverage: Vec<Coverage>) -> World {
    let mut store = Store::memory(&subjects::tables()).expect("memory");
    let accounts = [A, B]
        .map(|id| AccountInfo {
            id: id.to_owned(),
            ..AccountInfo::default()
        })
        .to_vec();
    store
        .write_run(&RunInfo {
            accounts,
            regions: vec![R.to_owned()],
            ..RunInfo::empty()
        })
        .expect("the run");
    store.commit(&rows, &coverage).expect("rows");
    World::load(&store).expect("a world")
}

fn group(account: &str, name: &str) -> NewRow {
    NewRow::new("cloudwatch_log_group", account, R)
        .set("name", name)
        .set("kms_key_id", "")
}

fn line(account: &str, status: Status) -> Coverage {
    let mut line = Coverage::new(account, R, "cloudwatch_log_group", "list", status);
    line.operation = "logs:DescribeLogGroups".to_owned();
    line.action = "logs:DescribeLogGroups".to_owned();
    line
}

#[derive(Debug, PartialEq)]
enum Told {
    Found,
    Absent,
    Unknown(Reason),
}

fn told(lookup: Lookup<'_>) -> Told {
    match lookup {
        Lookup::Found(_) => Told::Found,
        Lookup::Absent => Told::Absent,
        Lookup::Unknown(gaps) => {
            Told::Unknown(gaps.first().expect("an unknown names its gap").reason)
        }
    }
}

#[test]
fn absence_is_known_only_where_the_list_was_read_to_its_end() {
    for (status, there, missing) in [
        (Some(Status::Complete), Told::Found, Told::Absent),
        (Some(Status::Unsupported), Told::Found, Told::Absent),
        (
            Some(Status::Partial),
            Told::Found,
            Told::Unknown(Reason::Error),
        ),
        (
            Some(Status::Denied),
            Told::Found,
            Told::Unknown(Reason::Denied),
        ),
        (
            Some(Status::Error),
            Told::Found,
            Told::Unknown(Reason::Error),
        ),
        (
            Some(Status::NotCollected),
            Told::Found,
            Told::Unknown(Reason::NotScanned),
        ),
        (None, Told::Found, Told::Unknown(Reason::NotScanned)),
    ] {
        let world = world(
            vec![group(A, "/g")],
            status.map(|status| line(A, status)).into_iter().collect(),
        );
        assert_eq!(
            told(world.lookup("cloudwatch_log_group", A, R, "/g")),
            there,
            "{status:?}"
        );
        assert_eq!(
            told(world.lookup("cloudwatch_log_group", A, R, "/other")),
            missing,
            "{status:?}"
        );
    }
}

#[test]
fn a_row_of_another_scope_is_not_found_here() {
    let world = world(
        vec![group(B, "/g")],
        vec![line(A, Status::Complete), line(B, Status::Complete)],
    );
    assert_eq!(
        told(world.lookup("cloudwatch_log_group", A, R, "/g")),
        Told::Absent
    );
    assert_eq!(
        told(world.lookup("cloudwatch_log_group", A, "us-east-1", "/g")),
        Told::Unknown(Reason::NotScanned)
    );
    assert_eq!(
        told(world.lookup("cloudwatch_log_group", "333333333333", R, "/g")),
        Told::Unknown(Reason::NotScanned)
    );
}

#[test]
fn a_row_without_its_key_may_be_the_one() {
    let nameless = NewRow::new("cloudwatch_log_group", A, R).set("kms_key_id", "");
    let world = world(vec![nameless], vec![line(A, Status::Complete)]);
    assert_eq!(
        told(world.lookup("cloudwatch_log_group", A, R, "/g")),
        Told::Unknown(Reason::Error)
    );
    let all = world.all("cloudwatch_log_group", A, R);
    assert!(
        all.rows.is_empty() && !all.gaps.is_empty(),
        "it is there and cannot be named"
    );
}

#[test]
fn of_two_readings_the_one_that_hides_something_stands() {
    for order in [
        [Status::Complete, Status::Denied],
        [Status::Denied, Status::Complete],
    ] {
        let world = world(vec![], order.map(|status| line(A, status)).to_vec());
        assert_eq!(
            told(world.lookup("cloudwatch_log_group", A, R, "/g")),
            Told::Unknown(Reason::Denied)
        );
    }
}

#[test]
fn the_world_is_larger_than_a_run() {
    let bucket = NewRow::new("s3_bucket", B, "global").set("name", "b");
    let mut lines = [A, B]
        .map(|account| Coverage::new(account, "global", "s3_bucket", "list", Status::Complete))
        .to_vec();
    let there = world(vec![bucket.clone()], lines.clone());
    assert_eq!(told(there.lookup_anywhere("s3_bucket", "b")), Told::Found);
    // Found nowhere, although everything was read: somebody else's, and never absent.
    assert_eq!(
        told(there.lookup_anywhere("s3_bucket", "elsewhere")),
        Told::Unknown(Reason::NotScanned)
    );
    lines[0].status = Status::Denied;
    assert_eq!(
        told(world(vec![bucket], lines).lookup_anywhere("s3_bucket", "elsewhere")),
        Told::Unknown(Reason::Denied)
    );
}

#[test]
fn children_say_whether_they_are_all() {
    let subnet = |id: &str, vpc: Option<&str>| {
        NewRow::new("vpc_subnet", A, R)
            .set("subnet_id", id)
            .set("vpc_id", vpc.map_or(Value::Null, Value::from))
    };
    let line = |status| Coverage::new(A, R, "vpc_subnet", "list", status);
    for (rows, status, found, whole) in [
        (vec![], Status::Complete, 0, true),
        (
            vec![subnet("s1", Some("v")), subnet("s2", Some("w"))],
            Status::Complete,
            1,
            true,
        ),
        (vec![subnet("s1", Some("v"))], Status::Partial, 1, false),
        (vec![subnet("s1", Some("v"))], Status::Denied, 1, false),
        // A row whose parent was not observed may belong.
        (
            vec![subnet("s1", Some("v")), subnet("s2", None)],
            Status::Complete,
            1,
            false,
        ),
    ] {
        let world = world(rows.clone(), vec![line(status)]);
        let children = world.children("vpc_subnet", A, R, "vpc_id", "v");
        assert_eq!(
            (children.rows.len(), children.gaps.is_empty()),
            (found, whole),
            "{status:?} {rows:?}"
        );
    }
}

#[test]
fn any_of_the_children_needs_all_of_them_to_be_false() {
    let subnet = |public: bool| {
        NewRow::new("vpc_subnet", A, R)
            .set("subnet_id", if public { "p" } else { "q" })
            .set("vpc_id", "v")
            .set("map_public_ip_on_launch", public)
    };
    for (rows, status, expected) in [
        (
            vec![subnet(true), subnet(false)],
            Status::Complete,
            Some(true),
        ),
        (vec![subnet(true)], Status::Partial, Some(true)),
        (vec![subnet(false)], Status::Complete, Some(false)),
        (vec![subnet(false)], Status::Partial, None),
        (vec![], Status::Denied, None),
    ] {
        let world = world(
            rows,
            vec![Coverage::new(A, R, "vpc_subnet", "list", status)],
        );
        assert_eq!(
            world
                .children("vpc_subnet", A, R, "vpc_id", "v")
                .any(|row| row.flag("map_public_ip_on_launch"))
                .known(),
            expected,
            "{status:?}"
        );
    }
}

#[test]
fn a_failed_detail_call_hides_the_columns_of_its_row_alone() {
    let key = |id: &str, manager: Option<&str>| {
        NewRow::new("kms_key", A, R)
            .set("arn", id)
            .set("id", id)
            .set("key_manager", manager.map_or(Value::Null, Value::from))
    };
    let mut failed = Coverage::new(A, R, "kms_key", "detail", Status::Denied);
    failed.parent = "k2".to_owned();
    failed.operation = "kms:DescribeKey".to_owned();
    failed.action = "kms:DescribeKey".to_owned();
    let lines = vec![
        Coverage::new(A, R, "kms_key", "list", Status::Complete),
        Coverage::new(A, R, "kms_key", "detail", Status::Complete),
        failed,
    ];
    let world = world(vec![key("k1", Some("CUSTOMER")), key("k2", None)], lines);
    let manager = |id: &str| {
        world
            .lookup("kms_key", A, R, id)
            .found()
            .expect("a key")
            .text("key_manager")
    };
    assert_eq!(manager("k1"), Observed::Known("CUSTOMER"));
    let gap = manager("k2").gaps()[0].clone();
    assert_eq!(
        (
            gap.fact.as_str(),
            gap.operation.as_str(),
            gap.action.as_str(),
            gap.reason
        ),
        (
            "kms_key.key_manager",
            "kms:DescribeKey",
            "kms:DescribeKey",
            Reason::Denied
        )
    );
    assert_eq!(
        world
            .lookup("kms_key", A, R, "k2")
            .found()
            .expect("a key")
            .text("id"),
        Observed::Known("k2")
    );
}

#[test]
fn what_no_release_knows_is_unknown_and_not_a_panic() {
    let world = world(vec![group(A, "/g")], vec![line(A, Status::Complete)]);
    assert_eq!(
        told(world.lookup("no_such_table", A, R, "x")),
        Told::Unknown(Reason::NotUnderstood)
    );
    let row = world
        .lookup("cloudwatch_log_group", A, R, "/g")
        .found()
        .expect("a row");
    assert!(row.text("no_such_column").known().is_none());
    assert!(
        row.int("kms_key_id").known().is_none(),
        "a text is no number"
    );
}

#[test]
fn an_item_that_a_list_gives_twice_is_one() {
    let world = world(
        vec![group(A, "/g"), group(A, "/g")],
        vec![line(A, Status::Complete)],
    );
    assert_eq!(world.all("cloudwatch_log_group", A, R).rows.len(), 1);
    assert_eq!(world.everywhere("cloudwatch_log_group").len(), 1);
}

#[test]
fn rows_and_their_coverage_are_written_together_or_not_at_all() {
    let mut store = Store::memory(&subjects::tables()).expect("memory");
    let wrong = NewRow::new("cloudwatch_log_group", A, R).set("no_such_column", "x");
    assert!(
        store
            .commit(&[group(A, "/g"), wrong], &[line(A, Status::Complete)])
            .is_err()
    );
    assert!(store.coverage().expect("coverage").is_empty());
    let count: i64 = store
        .conn
        .query_row("SELECT count(*) FROM cloudwatch_log_group", [], |row| {
            row.get(0)
        })
        .expect("a count");
    assert_eq!(count, 0);
}
