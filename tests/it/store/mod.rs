//! The store's contract: one list of tests, each run on both databases.

mod admission;
mod artifacts;
mod asking;
mod audit;
mod bulk;
mod catalogue;
mod commit;
mod differential;
mod documents;
mod feed;
mod filters;
pub mod fixture;
mod instances;
mod notifications;
mod opening;
pub mod oracle;
mod queue;
mod reading;
mod retention;
mod schedules;
mod secrets;
mod standings;
mod subjects;
mod subscriptions;
mod tasks;
mod webhooks;

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
        a_key_that_is_kept_for_ever_never_gets_free,
        a_bad_member_fails_alone,
        children_start_queued_and_wake_their_parent,
        a_full_batch_is_written_whole,
        suspensions_open_and_close,
        timers_are_set_moved_and_taken_back,
        snapshots_shorten_the_tail,
        the_same_creation_twice_conflicts,
        commits_of_two_stores_serialise_on_the_position,
    }
    queue {
        claims_go_by_priority_then_age,
        a_second_row_keeps_the_older_place_and_the_higher_priority,
        claims_leave_what_another_instance_drives,
        what_has_ended_is_not_claimed,
        two_claimers_never_get_the_same,
        due_timers_move_to_the_queue,
        release_gives_back_only_what_is_ours,
        counts_are_those_of_the_rows,
    }
    admission {
        what_shares_a_limit_is_held_until_there_is_room,
        a_full_lane_names_those_to_be_turned_away,
        pods_and_workspaces_limit_all_of_their_lanes,
        two_who_let_in_never_fill_the_same_room,
        a_dedupe_key_stands_for_one_execution_until_it_is_forgotten,
        a_burst_is_known_by_its_last_execution,
    }
    instances {
        leases_are_renewed_until_others_bury_the_instance,
        the_dead_lose_their_executions,
        an_instance_that_is_alone_takes_everything,
        forgotten_executions_are_found,
        what_waits_for_something_is_left_alone,
        old_replies_are_forgotten,
        a_secret_is_that_of_the_first_who_offers_one,
    }
    reading {
        another_workspace_finds_nothing,
        lists_of_executions_are_filtered_and_paged,
        lists_of_suspensions_are_filtered_and_paged,
        events_come_in_pages_of_a_bounded_size,
        the_last_positions_are_read_in_one_go,
        cursors_of_other_lists_are_refused,
        it_answers_while_open,
    }
    filters {
        random_filters_find_what_they_say,
        pages_are_counted_sorted_and_bounded,
    }
    asking {
        a_suspension_stands_as_it_was_last_written,
        what_somebody_may_answer_is_what_the_policy_says,
        groups_hold_members_of_the_workspace,
    }
    feed {
        the_feed_has_status_events_in_order,
        the_feed_never_skips_under_concurrent_commits,
    }
    notifications {
        what_is_due_is_claimed_once_until_its_lease_is_over,
        two_senders_never_get_the_same,
        nothing_is_sent_of_what_is_closed,
        a_link_is_found_by_its_digest_alone,
    }
    audit {
        changes_and_commits_are_chained_with_what_they_tell_of,
        servers_that_write_to_a_chain_at_once_both_get_their_record,
        what_fails_leaves_no_record,
        writers_of_one_workspace_take_turns,
        workspaces_have_chains_of_their_own,
    }
    schedules {
        schedules_are_kept_changed_and_deleted,
        slots_are_settled_once_without_an_execution,
        a_commit_takes_its_slot_or_is_not_written,
        a_schedule_does_not_stand_still_before_a_slot_that_has_its_row,
        a_schedule_that_was_changed_meanwhile_gets_no_row_for_its_slot,
        slots_of_many_schedules_are_one_batch,
        of_writers_that_race_for_a_slot_one_gets_it,
        what_is_due_or_ready_is_found_across_workspaces,
    }
    subscriptions {
        they_are_those_of_the_deployed_version,
        each_pod_has_its_own,
        there_is_a_most_that_are_found,
        a_reply_is_kept_by_itself_once,
    }
    tasks {
        a_task_is_queued_leased_given_back_and_over,
        tasks_come_by_priority_and_age,
        a_lease_is_extended_by_its_own_fence_alone,
        queues_and_workers_are_known_by_pod,
        an_execution_with_a_task_takes_up_room,
        what_waits_for_a_worker_is_not_forgotten,
    }
    standings {
        executions_stand_as_queue_tasks_and_log_say,
        executions_of_a_workflow_are_counted,
        the_oldest_pod_is_the_first_one,
        lists_have_inputs_if_asked,
    }
    bulk {
        a_job_is_claimed_by_one_until_its_lease_is_over,
        items_are_settled_once_and_counted,
        a_job_that_is_cancelled_skips_the_rest,
        jobs_are_listed_by_pod_and_go_with_it,
        ids_are_those_of_the_list,
    }
    webhooks {
        webhooks_are_kept_changed_and_deleted,
        deliveries_are_listed_answered_and_forgotten,
        a_commit_has_its_delivery_or_is_not_written,
        of_servers_that_get_one_delivery_one_starts_it,
    }
    artifacts {
        artifacts_are_part_of_their_commit,
        an_artifact_of_a_task_is_found_by_name_and_bytes,
        a_commit_without_its_upload_is_not_written,
        what_is_due_is_removed_by_one_until_its_lease_is_over,
        objects_go_with_their_execution,
    }
    subjects {
        subjects_are_kept_changed_and_deleted,
        a_path_is_taken_once_per_store_and_pod,
        lists_of_subjects_are_filtered_and_paged,
        changes_of_a_subject_take_turns,
        a_commit_puts_its_label_on_the_subject_once,
        labels_of_many_commits_are_none_lost,
        workflows_about_a_subject_are_those_of_the_pod,
        subjects_go_with_their_pod_and_workspace,
    }
    retention {
        an_execution_goes_with_all_that_belongs_to_it,
        a_long_log_goes_in_pieces,
        what_has_not_ended_or_is_needed_stays,
        those_that_ended_first_are_found_first_in_pages,
        a_workflow_says_for_how_long_or_its_workspace_does,
        a_round_is_of_one_until_its_lease_is_over,
    }
    documents {
        documents_are_kept_replaced_and_deleted,
        documents_are_listed_by_key,
        words_find_documents,
        searches_see_their_own_workspace_and_collection,
        any_text_can_be_looked_for,
        large_texts_are_indexed,
        appends_take_turns_and_are_made_once,
        what_has_expired_is_not_there_and_is_removed,
        collections_are_bounded_and_deleted_whole,
    }
    secrets {
        secrets_are_set_listed_replaced_and_deleted,
        another_key_is_put_around_what_was_seen_alone,
        texts_that_are_sealed_are_paged_and_replaced,
    }
    catalogue {
        workspaces,
        members_keep_an_owner,
        invites,
        api_keys,
        pods,
        heads_of_workflows,
        workflows_and_versions,
        changes_with_a_key_happen_once,
        deleting_a_workspace_leaves_nothing,
        deleting_a_pod_leaves_nothing_of_it,
        deleting_a_workflow_leaves_nothing_of_it,
        dropped_callers_leave_no_transaction_open,
    }
}
