//! Files that a worker leaves: links are not followed, sizes are checked, and artifacts are what they say.

use serde_json::json;

use super::{ALL, Site};

#[tokio::test]
async fn a_link_is_no_output() {
    let site = Site::new();
    let secret = site.folder.path().join("secret");
    std::fs::write(&secret, "\"the server's data\"").unwrap();
    for held in ALL {
        let script = format!("ln -s {} $SLUICEGATE_OUTPUT", secret.display());
        let trial = site.sh(held, &[], &script).await;
        trial.failed("output_invalid", "is a symbolic link; only a regular file is read");
        assert!(!trial.told.to_string().contains("the server's data"));
        // Not even inside: what it points to may be changed until it is read.
        site.sh(held, &[], "echo 1 > a; ln -s a output.json").await.failed("output_invalid", "a symbolic link");
    }
}

#[tokio::test]
async fn a_pipe_or_a_folder_is_no_output() {
    let site = Site::new();
    for held in ALL {
        site.sh(held, &[], "mkfifo output.json").await.failed("output_invalid", "is a special file");
        site.sh(held, &[], "mkdir output.json").await.failed("output_invalid", "is a folder");
        site.sh(held, &[], "echo 1 > output.json; chmod 0 output.json; true").await;
    }
}

#[tokio::test]
async fn an_output_has_a_size() {
    let site = Site::new();
    for held in ALL {
        let flags = ["--output-size", "1K"];
        let trial = site.sh(held, &flags, "head -c 1025 /dev/zero > output.json").await;
        trial.failed("output_too_large", "has 1025 bytes, more than the 1024 that are taken");
        // A file with a hole takes no room, and is as large.
        let trial = site.sh(held, &flags, "truncate -s 100M output.json").await;
        trial.failed("output_too_large", "104857600 bytes");
        let trial = site.sh(held, &flags, "head -c 1024 /dev/zero | tr '\\0' x > output.json").await;
        assert_eq!(trial.output().as_str().unwrap().len(), 1_024);
    }
}

#[tokio::test]
async fn artifacts_are_regular_files_with_names() {
    let site = Site::new();
    let secret = site.folder.path().join("secret");
    std::fs::write(&secret, "the server's data").unwrap();
    let script = format!(
        "cd artifacts; echo hello > b.txt; echo > a.txt; mkdir deep; echo > deep/c; ln -s {} link; ln -s b.txt near; mkfifo pipe; \
         touch \"$(printf 'bad\\001name')\"; touch \"$(printf 'bad\\377name')\"; truncate -s 3M big",
        secret.display()
    );
    for held in ALL {
        let trial = site.sh(held, &["--artifact-size", "2M"], &script).await;
        trial.output();
        let names = json!([{"name": "a.txt", "size": 1}, {"name": "b.txt", "size": 6}]);
        assert_eq!(trial.told["artifacts"], names);
        for said in [
            "`big` is left out: all together may have 2MiB",
            "`deep` is left out: it is no regular file",
            "`link` is left out: it is a symbolic link",
            "`near` is left out: it is a symbolic link",
            "`pipe` is left out: it is no regular file",
            "is left out: its name has control characters",
            "is left out: its name is no UTF-8",
        ] {
            assert!(trial.log.contains(said), "{said}: {}", trial.log);
        }
    }
}

#[tokio::test]
async fn artifacts_are_counted_and_their_folder_may_be_gone() {
    let site = Site::new();
    for held in ALL {
        let trial = site.sh(held, &["--artifacts", "2"], "cd artifacts; touch a b c d").await;
        assert_eq!(trial.told["artifacts"].as_array().unwrap().len(), 2);
        assert!(trial.log.contains("2 artifacts are taken"), "{}", trial.log);
        assert_eq!(site.sh(held, &[], "rmdir artifacts").await.told["artifacts"], json!([]));
        let trial = site.sh(held, &[], "rmdir artifacts; ln -s / artifacts").await;
        assert_eq!(trial.told["artifacts"], json!([]));
        assert!(trial.log.contains("`artifacts` is no folder"), "{}", trial.log);
    }
}

#[tokio::test]
async fn folders_that_nobody_may_enter_are_removed() {
    let site = Site::new();
    for held in ALL {
        // The trial checks that no folder is left.
        site.sh(held, &[], "mkdir -p a/b/c; touch a/b/c/d; ln -s / a/b/e; chmod 0 a/b/c a/b a").await.output();
    }
}
