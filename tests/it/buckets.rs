//! Artifacts in a bucket of a server that speaks S3: small and large ones come back whole and in part, what is not complete
//! leaves nothing, and a setting that is wrong is told.

use std::time::{Duration, Instant};

use axum::body::Bytes;
use futures_util::{Stream, StreamExt, TryStreamExt, stream};
use sha2::{Digest, Sha256};
use sluicegate::{
    app::App,
    artifacts::{ArtifactError, Artifacts, Found},
    clock::Clock,
    config::{Secret, Settings},
    domain::artifact::ObjectOf,
};
use uuid::Uuid;

use crate::support::bucket::Buckets;

/// What differs from settings that hold.
type Change<'c> = &'c dyn Fn(&mut Settings);

/// More than three parts of an upload.
const LARGE: usize = 17_000_003;

fn opened(buckets: &Buckets, change: impl FnOnce(&mut Settings)) -> Artifacts {
    Artifacts::open(&settings(buckets, change).into_config().unwrap().artifacts).unwrap()
}

fn settings(buckets: &Buckets, change: impl FnOnce(&mut Settings)) -> Settings {
    let mut settings = Settings { artifact_limit: Some("20MiB".parse().unwrap()), ..Settings::default() };
    buckets.settings(&mut settings);
    change(&mut settings);
    settings
}

fn object(number: u128) -> ObjectOf {
    let id = Uuid::from_u128;
    ObjectOf { workspace_id: id(1).into(), execution_id: id(2).into(), artifact_id: id(number).into() }
}

fn noise(length: usize) -> Vec<u8> {
    (0..length as u64).map(|at| (at.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 56) as u8).collect()
}

fn body(bytes: &[u8]) -> impl Stream<Item = Result<Bytes, String>> + Send + 'static {
    let pieces: Vec<_> = bytes.chunks(100_000).map(|piece| Ok(Bytes::copy_from_slice(piece))).collect();
    stream::iter(pieces)
}

async fn read(artifacts: &Artifacts, number: u128, range: Option<std::ops::Range<u64>>) -> Vec<u8> {
    let content = artifacts.get(object(number), range).await.unwrap();
    content.map_ok(|piece| piece.to_vec()).try_concat().await.unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn small_and_large_objects_come_back_and_go() {
    let buckets = Buckets::start().await;
    let artifacts = opened(&buckets, |_| {});
    assert!(matches!(artifacts.probe().await, Found::Good(_)));
    assert_eq!(buckets.objects(), [""; 0], "the probe leaves nothing");
    for (number, length) in [(3, 0), (4, 11), (5, LARGE)] {
        let bytes = noise(length);
        let stored = artifacts.put(object(number), body(&bytes)).await.unwrap();
        let digest: Vec<u8> = Sha256::digest(&bytes).to_vec();
        let hex: Vec<String> = digest.iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!((stored.size, stored.sha256), (length as u64, hex.concat()));
        assert!(read(&artifacts, number, None).await == bytes, "{length}");
    }
    let part = read(&artifacts, 5, Some(5_242_870..10_485_770)).await;
    assert!(part == noise(LARGE)[5_242_870..10_485_770]);
    let key = |number| format!("of-tests/{}/{}/{}", Uuid::from_u128(1), Uuid::from_u128(2), Uuid::from_u128(number));
    assert_eq!(buckets.objects(), [key(3), key(4), key(5)]);

    let (removed, failure) = artifacts.delete(&[object(3), object(5), object(9)]).await;
    assert!(failure.is_none(), "{failure:?}");
    assert_eq!(removed.len(), 3, "what was not there is gone, too");
    assert_eq!(buckets.objects(), [key(4)]);
    assert!(matches!(artifacts.get(object(5), None).await.err(), Some(ArtifactError::Missing)));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_not_complete_leaves_nothing() {
    let buckets = Buckets::start().await;
    let artifacts = opened(&buckets, |_| {});
    let refused = artifacts.put(object(5), body(&noise((20 << 20) + 1))).await;
    assert!(matches!(refused, Err(ArtifactError::TooLarge(limit)) if limit == 20 << 20), "{refused:?}");
    for length in [10, LARGE] {
        let broken = body(&noise(length)).chain(stream::iter([Err("reset".to_owned())]));
        let refused = artifacts.put(object(6), broken).await;
        assert!(matches!(refused, Err(ArtifactError::Broken(_))), "{refused:?}");
    }
    assert_eq!(buckets.objects(), [""; 0]);
    assert_eq!(buckets.parts(), [""; 0], "the parts of an upload that was taken back are gone");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_wrong_setting_is_told_at_once() {
    let buckets = Buckets::start().await;
    let begun = Instant::now();
    let wrong_secret = |settings: &mut Settings| settings.s3_secret_access_key = Some(Secret::new("wrong-secret"));
    let unknown_key = |settings: &mut Settings| settings.s3_access_key_id = Some(Secret::new("AKIAUNKNOWN"));
    let no_bucket = |settings: &mut Settings| settings.artifacts = Some("s3://missing/prefix".to_owned());
    let cases: [(Change<'_>, &str, &str); 3] = [
        (&wrong_secret, "the credentials are refused", "s3-secret-access-key"),
        (&unknown_key, "the credentials are refused", "s3-access-key-id"),
        (&no_bucket, "s3://missing/prefix: there is no such bucket", "make the bucket"),
    ];
    for (change, what, advised) in cases {
        let config = settings(&buckets, change).into_config().unwrap();
        let artifacts = Artifacts::open(&config.artifacts).unwrap();
        for found in [artifacts.probe().await, Artifacts::look(&config.artifacts).await] {
            let Found::Wrong(told, advice) = found else { panic!("{found:?}") };
            assert!(told.contains(what) && advice.contains(advised), "{told}; {advice}");
            assert!(!told.contains("secret") && !told.contains("AKIA"), "{told}");
        }
        let refused = artifacts.put(object(5), body(b"x")).await.unwrap_err().to_string();
        assert!(!refused.contains("secret") && !refused.contains("AKIA"), "{refused}");
        // A server does not start with it.
        let folder = tempfile::tempdir().unwrap();
        let store = Some(Secret::new(format!("sqlite:{}", folder.path().join("a.db").display())));
        let config = Settings { store, ..settings(&buckets, change) }.into_config().unwrap();
        let error = format!("{:#}", App::boot(config, Clock::system()).await.err().unwrap());
        assert!(error.contains(what) && error.contains(advised), "{error}");
    }
    assert!(matches!(
        Artifacts::look(&settings(&buckets, |_| {}).into_config().unwrap().artifacts).await,
        Found::Good(_)
    ));
    assert!(begun.elapsed() < Duration::from_secs(20), "nothing of this is worth trying again");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_is_away_is_told_as_such() {
    let buckets = Buckets::start().await;
    let artifacts = opened(&buckets, |settings| settings.s3_endpoint = Some("http://127.0.0.1:9".to_owned()));
    let Found::Away(told) = artifacts.probe().await else { panic!("a closed port is no wrong setting") };
    assert!(told.contains("s3://files/of-tests"), "{told}");
}
