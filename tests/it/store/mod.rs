//! The store's contract: one list of tests, each run on both databases.

mod commit;
mod fixture;

use fixture::Fixture;

macro_rules! contract {
    ($($subject:ident { $($test:ident),+ $(,)? })+) => {
        mod on_sqlite {
            $(mod $subject {
                $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn $test() {
                    crate::store::$subject::$test(crate::store::Fixture::sqlite().await).await;
                })+
            })+
        }
        mod on_postgres {
            $(mod $subject {
                $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn $test() {
                    crate::store::$subject::$test(crate::store::Fixture::postgres().await).await;
                })+
            })+
        }
    };
}

contract! {
    commit {
        a_new_execution_is_stored_as_it_was_given,
        an_append_changes_the_row_and_adds_to_the_log,
        a_stale_position_or_driver_fails_alone,
        a_used_idempotency_key_gets_its_reply,
        one_key_twice_in_a_batch_is_used_once,
        a_key_of_a_member_that_failed_is_free,
        an_expired_key_is_free,
        a_bad_member_fails_alone,
        children_start_queued_and_wake_their_parent,
        a_full_batch_is_written_whole,
        suspensions_open_and_close,
        timers_are_set_moved_and_taken_back,
        snapshots_shorten_the_tail,
        the_same_creation_twice_conflicts,
        commits_of_two_stores_serialise_on_the_position,
    }
}
