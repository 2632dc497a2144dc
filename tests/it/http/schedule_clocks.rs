//! Both clock changes of a year in three zones, through the server: every slot has one row, and none starts twice.

use std::collections::BTreeSet;

use serde_json::{Value, json};
use sluicegate::clock::Instant;

use super::schedule_slots::Timed;
use crate::support::{
    app::{Backend, on_both},
    scene::line,
};

on_both! {
    every_slot_over_both_clock_changes_has_one_row,
}

/// A clock change: the zone, from when to when it is watched, and what a schedule for one time of the day has to do then.
struct Change {
    zone: &'static str,
    from: &'static str,
    to: &'static str,
    daily: &'static str,
    slots: &'static [&'static str],
}

/// Written down by hand from the zones' rules, in the order of the year 2027.
const CHANGES: [Change; 6] = [
    Change {
        zone: "America/New_York",
        from: "2027-03-13T05:00:00Z",
        to: "2027-03-15T12:00:00Z",
        daily: "15 2 * * *",
        // 2:15 is skipped on the 14th: it is 3:00.
        slots: &["2027-03-13T07:15:00.000Z", "2027-03-14T07:00:00.000Z", "2027-03-15T06:15:00.000Z"],
    },
    Change {
        zone: "Europe/Berlin",
        from: "2027-03-27T00:00:00Z",
        to: "2027-03-29T12:00:00Z",
        daily: "30 2 * * *",
        slots: &["2027-03-27T01:30:00.000Z", "2027-03-28T01:00:00.000Z", "2027-03-29T00:30:00.000Z"],
    },
    Change {
        zone: "Australia/Lord_Howe",
        from: "2027-04-02T13:00:00Z",
        to: "2027-04-04T20:00:00Z",
        daily: "45 1 * * *",
        // 1:45 comes twice on the 4th, half an hour apart: the first one.
        slots: &["2027-04-02T14:45:00.000Z", "2027-04-03T14:45:00.000Z", "2027-04-04T15:15:00.000Z"],
    },
    Change {
        zone: "Australia/Lord_Howe",
        from: "2027-10-01T13:00:00Z",
        to: "2027-10-03T20:00:00Z",
        daily: "10 2 * * *",
        // 2:10 is skipped on the 3rd: it is 2:30.
        slots: &["2027-10-01T15:40:00.000Z", "2027-10-02T15:30:00.000Z", "2027-10-03T15:10:00.000Z"],
    },
    Change {
        zone: "Europe/Berlin",
        from: "2027-10-30T00:00:00Z",
        to: "2027-11-01T12:00:00Z",
        daily: "30 2 * * *",
        slots: &["2027-10-30T00:30:00.000Z", "2027-10-31T00:30:00.000Z", "2027-11-01T01:30:00.000Z"],
    },
    Change {
        zone: "America/New_York",
        from: "2027-11-06T04:00:00Z",
        to: "2027-11-08T12:00:00Z",
        daily: "30 1 * * *",
        slots: &["2027-11-06T05:30:00.000Z", "2027-11-07T05:30:00.000Z", "2027-11-08T06:30:00.000Z"],
    },
];

async fn every_slot_over_both_clock_changes_has_one_row(backend: Backend) {
    let timed = Timed::on(backend).await;
    let workflow = timed.deployed(line([])).await;
    let mut executions = BTreeSet::new();
    // Which instants are slots has nothing to do with the database.
    let watched = if backend == Backend::Sqlite { CHANGES.len() } else { 2 };
    for change in CHANGES.into_iter().take(watched) {
        timed.to(change.from).await;
        let zone = json!({"timezone": change.zone});
        let daily = timed.make(&workflow, change.daily, zone.clone()).await;
        let often = timed.make(&workflow, "*/30 * * * *", zone).await;
        let (from, to): (Instant, Instant) = (change.from.parse().unwrap(), change.to.parse().unwrap());
        // From slot to slot, and between them: once is enough.
        let mut next = timed.to(change.from).await.unwrap();
        while next <= to {
            timed.to_instant(next).await;
            next = timed.to_instant(next.plus_ms(1_000)).await.unwrap();
        }
        // Offsets are whole half hours: what runs every half hour does so whatever the clocks on the wall show.
        let half_hours: Vec<_> =
            (1..=(to.0 - from.0) / 1_800_000).map(|count| from.plus_ms(count * 1_800_000)).collect();
        let expected_of_often: Vec<String> = half_hours.iter().map(ToString::to_string).collect();
        let expected_of_daily: Vec<String> = change.slots.iter().map(ToString::to_string).collect();
        for (id, expected) in [(&daily, expected_of_daily), (&often, expected_of_often)] {
            let rows = timed.slots(id).await;
            let slots: Vec<&str> = rows.iter().map(|row| row["slot"].as_str().unwrap()).collect();
            assert_eq!(slots, expected, "{}", change.zone);
            for row in &rows {
                assert_eq!((&row["outcome"], &row["lateMs"]), (&json!("started"), &json!(0)), "{row}");
                assert!(executions.insert(row["executionId"].as_str().unwrap().to_owned()), "{row}");
                let path = format!("{}/{}", timed.scene.executions(), row["executionId"].as_str().unwrap());
                let execution = timed.ann().get(&path).await.expect(200);
                assert_eq!(
                    (&execution["context"]["schedule"]["slot"], &execution["triggerId"]),
                    (&row["slot"], &json!(id))
                );
            }
            timed.ann().delete(&format!("{}/{id}", timed.path())).await.expect(204);
        }
    }
    // Nothing was started that has no row.
    let mut listed = BTreeSet::new();
    let mut path = format!("{}?triggeredBy=schedule&limit=200", timed.scene.executions());
    loop {
        let page = timed.ann().get(&path).await;
        let items: Value = page.expect(200);
        listed.extend(items.as_array().unwrap().iter().map(|one| one["id"].as_str().unwrap().to_owned()));
        let Some(link) = page.header("link") else { break };
        path = link[1..].split('>').next().unwrap().strip_prefix("/v1").unwrap().to_owned();
    }
    assert_eq!(listed, executions);
}
