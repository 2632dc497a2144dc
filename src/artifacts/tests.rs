//! What is stored comes back; what is not complete leaves nothing; what is removed is gone, with what a crash has left of it.

use std::{collections::BTreeSet, path::Path as File};

use futures_util::stream;
use tempfile::TempDir;
use uuid::Uuid;

use super::*;
use crate::config::{ArtifactsConfig, ArtifactsPlace};

fn opened(limit: u64) -> (TempDir, Artifacts) {
    let folder = tempfile::tempdir().unwrap();
    let place = Some(ArtifactsPlace::Folder(folder.path().join("artifacts")));
    let artifacts = Artifacts::open(&ArtifactsConfig { place, limit }).unwrap();
    (folder, artifacts)
}

fn object(number: u128) -> ObjectOf {
    let id = Uuid::from_u128;
    ObjectOf { workspace_id: id(1).into(), execution_id: id(2).into(), artifact_id: id(number).into() }
}

/// A body in pieces of this size.
fn body(bytes: &[u8], piece: usize) -> impl Stream<Item = Result<Bytes, String>> + Send + 'static {
    let pieces: Vec<_> = bytes.chunks(piece.max(1)).map(|piece| Ok(Bytes::copy_from_slice(piece))).collect();
    stream::iter(pieces)
}

async fn read(artifacts: &Artifacts, number: u128, range: Option<Range<u64>>) -> Vec<u8> {
    let content = artifacts.get(object(number), range).await.unwrap();
    content.map_ok(|piece| piece.to_vec()).try_concat().await.unwrap()
}

/// Bytes that differ everywhere, so that a part in a wrong place shows.
fn noise(length: usize) -> Vec<u8> {
    (0..length as u64).map(|at| (at.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 56) as u8).collect()
}

/// The names of all files below a folder.
fn files(folder: &File) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files(&path));
            found.insert(format!("{}/", path.file_name().unwrap().to_string_lossy()));
        } else {
            found.insert(path.file_name().unwrap().to_string_lossy().into_owned());
        }
    }
    found
}

#[tokio::test]
async fn bodies_of_all_lengths_come_back_whole_and_in_ranges() {
    let (_folder, artifacts) = opened(1 << 30);
    let lengths = [0, 1, PART_BYTES - 1, PART_BYTES, PART_BYTES + 1, 3 * PART_BYTES + 17];
    for (number, length) in (10..).zip(lengths) {
        let bytes = noise(length);
        let stored = artifacts.put(object(number), body(&bytes, 1_000_003)).await.unwrap();
        assert_eq!(stored.size, length as u64);
        assert_eq!(stored.sha256, hex(&Sha256::digest(&bytes)));
        assert_eq!(read(&artifacts, number, None).await, bytes, "{length}");
        if length > 2 {
            let (from, to) = (length / 3, length - 1);
            let range = from as u64..to as u64;
            assert_eq!(read(&artifacts, number, Some(range)).await, bytes[from..to], "{length}");
        }
    }
    assert_eq!(hex(&[0, 0x0f, 0xa5]), "000fa5");
}

#[tokio::test]
async fn a_second_body_replaces_the_first() {
    let (_folder, artifacts) = opened(100);
    artifacts.put(object(5), body(b"first one", 4)).await.unwrap();
    artifacts.put(object(5), body(b"second", 4)).await.unwrap();
    assert_eq!(read(&artifacts, 5, None).await, b"second");
}

#[tokio::test]
async fn what_is_not_complete_leaves_nothing() {
    let (folder, artifacts) = opened(12_000_000);
    for (number, length) in [(5, 12_000_001), (6, 12_345_678)] {
        let refused = artifacts.put(object(number), body(&noise(length), 65_536)).await;
        assert!(matches!(refused, Err(ArtifactError::TooLarge(12_000_000))), "{refused:?}");
    }
    for length in [10, PART_BYTES - 1, PART_BYTES + 10, 2 * PART_BYTES + 10] {
        let broken = body(&noise(length), 65_536).chain(stream::iter([Err("reset by peer".to_owned())]));
        let refused = artifacts.put(object(7), broken).await;
        assert!(matches!(&refused, Err(ArtifactError::Broken(why)) if why == "reset by peer"), "{refused:?}");
    }
    artifacts.put(object(8), body(&noise(12_000_000), 65_536)).await.unwrap();
    let kept: BTreeSet<_> =
        files(&folder.path().join("artifacts")).into_iter().filter(|name| !name.ends_with('/')).collect();
    assert_eq!(kept, BTreeSet::from([object(8).artifact_id.to_string()]));
}

#[tokio::test]
async fn a_caller_that_goes_away_leaves_no_half() {
    let (folder, artifacts) = opened(1 << 30);
    let (more, pieces) = tokio::sync::mpsc::channel::<Result<Bytes, String>>(1);
    let pieces = stream::unfold(pieces, |mut pieces| async move { Some((pieces.recv().await?, pieces)) });
    let caller = artifacts.clone();
    let mut put = Box::pin(async move { caller.put(object(5), pieces).await });
    assert!(futures_util::poll!(&mut put).is_pending());
    more.send(Ok(Bytes::from(noise(2 * PART_BYTES)))).await.unwrap();
    assert!(futures_util::poll!(&mut put).is_pending());
    drop(put);
    more.send(Err("the client is gone".to_owned())).await.unwrap();
    artifacts.0.tasks.close();
    artifacts.0.tasks.wait().await;
    let left = files(&folder.path().join("artifacts"));
    assert!(left.iter().all(|name| name.ends_with('/')), "{left:?}");
}

#[tokio::test]
async fn a_body_that_sends_nothing_is_given_up() {
    let (_folder, mut artifacts) = opened(100);
    Arc::get_mut(&mut artifacts.0).unwrap().patience = Duration::from_millis(20);
    let stalled = body(b"a", 1).chain(stream::pending());
    assert!(matches!(artifacts.put(object(5), stalled).await, Err(ArtifactError::Stalled)));
}

#[tokio::test]
async fn what_is_removed_is_gone_with_what_a_crash_has_left() {
    let (folder, artifacts) = opened(100);
    let root = folder.path().join("artifacts");
    let place = root.join(object(5).workspace_id.to_string()).join(object(5).execution_id.to_string());
    for number in [5, 6] {
        artifacts.put(object(number), body(b"x", 1)).await.unwrap();
    }
    // As a process leaves them that is killed in the middle of an upload.
    for staged in ["#1", "#2"] {
        std::fs::write(place.join(format!("{}{staged}", object(7).artifact_id)), "half").unwrap();
    }
    let (removed, failure) = artifacts.delete(&[object(5), object(7), object(9)]).await;
    assert!(failure.is_none(), "{failure:?}");
    assert_eq!(removed.len(), 3, "what was not there is gone, too");
    assert!(matches!(artifacts.get(object(5), None).await.err(), Some(ArtifactError::Missing)));
    assert_eq!(files(&place), BTreeSet::from([object(6).artifact_id.to_string()]));

    assert_eq!(artifacts.delete(&[object(6)]).await.0, [object(6)]);
    assert!(files(&root).is_empty(), "empty folders go, the root stays");
    artifacts.put(object(5), body(b"again", 1)).await.unwrap();
    assert_eq!(read(&artifacts, 5, None).await, b"again");
}

#[tokio::test]
async fn a_server_without_a_place_says_so() {
    let artifacts = Artifacts::open(&ArtifactsConfig { place: None, limit: 1 }).unwrap();
    let refused = artifacts.put(object(5), body(b"x", 1)).await.unwrap_err().to_string();
    assert!(refused.contains("setting `artifacts`"), "{refused}");
    assert_eq!(artifacts.probe().await, Found::Nowhere);
}

#[tokio::test]
async fn a_folder_that_is_of_no_use_is_told_with_its_name() {
    let folder = tempfile::tempdir().unwrap();
    let config =
        |name: &str| ArtifactsConfig { place: Some(ArtifactsPlace::Folder(folder.path().join(name))), limit: 1 };
    assert!(matches!(Artifacts::look(&config("a/b")).await, Found::Good(said) if said.contains("makes it")));
    assert!(!folder.path().join("a").exists(), "looking makes no folder");

    let artifacts = Artifacts::open(&config("a/b")).unwrap();
    assert!(matches!(artifacts.probe().await, Found::Good(_)));
    assert!(files(&folder.path().join("a/b")).is_empty(), "the probe leaves nothing");
    assert!(matches!(Artifacts::look(&config("a/b")).await, Found::Good(said) if said.ends_with("is there")));

    std::fs::write(folder.path().join("file"), "x").unwrap();
    assert!(matches!(Artifacts::look(&config("file")).await, Found::Wrong(said, _) if said.contains("is no folder")));
    let error = Artifacts::open(&config("file/below")).err().unwrap().to_string();
    assert!(error.contains("file/below"), "{error}");
    // Gone while the server runs.
    std::fs::remove_dir_all(folder.path().join("a")).unwrap();
    std::fs::write(folder.path().join("a"), "x").unwrap();
    assert!(matches!(artifacts.probe().await, Found::Wrong(said, _) if said.contains("can't be written")));
}
