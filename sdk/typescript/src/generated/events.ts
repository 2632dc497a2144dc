// Generated from sdk/events.schema.json by scripts/generate.js; do not edit.
export type paths = Record<string, never>;
export type webhooks = Record<string, never>;
export interface components {
    schemas: {
        /** @description One way to answer an approval; each is a port of its node. */
        Action: {
            /** @description The port. */
            id: string;
            /** @description The button's text. */
            label: string;
            /** @description How the button looks: `primary`, `danger` or `default`. */
            style?: string | null;
        };
        /** @description People who may answer. Nobody else may, whatever their role. */
        Approvers: {
            /**
             * @description The groups that were named, for display: their members are among `users`.
             * @default []
             */
            groups?: string[];
            /**
             * @description Members with one of these roles, or a higher one, at the moment they answer.
             * @default []
             */
            roles?: components["schemas"]["Role"][];
            /**
             * @description Their ids: those that were named, and the members of the groups as they were when the suspension opened.
             * @default []
             */
            users?: string[];
        };
        /** @description What a cancellation stopped. */
        CancelReport: {
            /** @description Who asked for it. */
            by?: string | null;
            /** @description Child executions that were cancelled. */
            children: components["schemas"]["ExecutionId"][];
            /** @description Addresses of the node runs that were stopped. */
            nodes: string[];
            /** @description Why. */
            reason?: string | null;
            /** @description Suspensions that were closed. */
            suspensions: components["schemas"]["SuspensionId"][];
            /**
             * Format: int64
             * @description Timers that were taken back.
             */
            timers: number;
        };
        /** @description `execution_cancelled` */
        CancelledEvent: {
            /** @description When. */
            at: components["schemas"]["Instant"];
            /** @description The final state of each node of the top level. */
            nodes: components["schemas"]["NodeState"][];
            /** @description What the cancellation stopped. */
            report: components["schemas"]["CancelReport"];
            /**
             * Format: int64
             * @description Position in the execution's log.
             */
            seq: number;
        };
        /** @description Somebody has taken a suspension upon themself: others leave it to them. */
        Claim: {
            /** @description Since when. */
            at: components["schemas"]["Instant"];
            /** @description Who. */
            by: string;
        };
        /**
         * @description Why a stream is closed. Not for being read slowly: such a client reads the stored log at its own pace.
         * @enum {string}
         */
        ClosingReason: "max_duration" | "shutdown";
        /** @description `execution_complete` */
        CompleteEvent: {
            /** @description When. */
            at: components["schemas"]["Instant"];
            /** @description The final state of each node of the top level. */
            nodes: components["schemas"]["NodeState"][];
            /** @description The execution's output. */
            output: unknown;
            /**
             * Format: int64
             * @description Position in the execution's log.
             */
            seq: number;
        };
        /** @description An answer as it was accepted, or the outcome of an expiry. */
        Decision: {
            /** @description The port that was chosen; for a question `answered`. */
            action: string;
            /** @description The answer to a question. */
            answer?: unknown;
            /** @description When. */
            at: components["schemas"]["Instant"];
            /** @description Who decided; missing for an expiry. */
            by?: string | null;
            /** @description A remark. */
            comment?: string | null;
            /** @description The filled form. */
            data?: unknown;
            /** @description Why. */
            reason?: string | null;
            /** @description How it came about. */
            source?: components["schemas"]["DecisionSource"];
            /** @description The votes, where a quorum was asked for. */
            votes?: components["schemas"]["Vote"][];
        };
        /**
         * @description How a decision, or a vote, came about.
         * @enum {string}
         */
        DecisionSource: "person" | "api" | "link" | "default" | "expiry" | "cancel";
        /**
         * @description What a [`NodeDeltaEvent`] is a piece of.
         * @enum {string}
         */
        DeltaChannel: "text" | "reasoning" | "progress";
        /** @description One event of an execution's log. */
        Event: (components["schemas"]["StatusEvent"] & {
            /** @enum {string} */
            type: "execution_status";
        }) | (components["schemas"]["NodeUpdateEvent"] & {
            /** @enum {string} */
            type: "node_update";
        }) | (components["schemas"]["NodeDeltaEvent"] & {
            /** @enum {string} */
            type: "node_delta";
        }) | (components["schemas"]["NodeLogEvent"] & {
            /** @enum {string} */
            type: "node_log";
        }) | (components["schemas"]["SuspendedEvent"] & {
            /** @enum {string} */
            type: "execution_suspended";
        }) | (components["schemas"]["SuspensionUpdateEvent"] & {
            /** @enum {string} */
            type: "suspension_update";
        }) | (components["schemas"]["CompleteEvent"] & {
            /** @enum {string} */
            type: "execution_complete";
        }) | (components["schemas"]["FailedEvent"] & {
            /** @enum {string} */
            type: "execution_failed";
        }) | (components["schemas"]["CancelledEvent"] & {
            /** @enum {string} */
            type: "execution_cancelled";
        }) | (components["schemas"]["SkippedEvent"] & {
            /** @enum {string} */
            type: "execution_skipped";
        });
        /** @description An execution as the API shows it. */
        Execution: {
            /**
             * Format: int64
             * @description The part of `durationMs` in which something ran.
             */
            activeMs?: number | null;
            /** @description Equal keys share a limit. */
            concurrencyKey?: string | null;
            /** @description What the trigger adds beside the input. Left out of lists. */
            context?: unknown;
            /** @description When it was triggered. */
            createdAt: components["schemas"]["Instant"];
            /** @description Who triggered it. */
            createdBy: string;
            /** @description Equal keys are duplicates. */
            dedupeKey?: string | null;
            duplicateOf?: null | components["schemas"]["ExecutionId"];
            /**
             * Format: int64
             * @description Milliseconds from start to end, or to now while it runs.
             */
            durationMs?: number | null;
            error?: null | components["schemas"]["Failure"];
            expiresAt?: null | components["schemas"]["Instant"];
            finishedAt?: null | components["schemas"]["Instant"];
            /** @description The node it was replayed from. */
            fromNodeId?: string | null;
            /** @description Its id. */
            id: components["schemas"]["ExecutionId"];
            /** @description The key of the request that triggered it. */
            idempotencyKey?: string | null;
            /** @description What it works on. Left out of lists. */
            input?: unknown;
            /**
             * Format: int64
             * @description The position of its last event.
             */
            lastSeq: number;
            /** @description Per node: state, timing, output, error. Left out of lists. */
            nodes?: components["schemas"]["NodeState"][] | null;
            /** @description What it gave back (completed). */
            output?: unknown;
            parentExecutionId?: null | components["schemas"]["ExecutionId"];
            /** @description The pod it is in. */
            podId: components["schemas"]["PodId"];
            /**
             * Format: int32
             * @description -100 to 100, higher first.
             */
            priority: number;
            queuedAt?: null | components["schemas"]["Instant"];
            replayOf?: null | components["schemas"]["ExecutionId"];
            runAt?: null | components["schemas"]["Instant"];
            startedAt?: null | components["schemas"]["Instant"];
            /** @description Counts. */
            stats: components["schemas"]["ExecutionStats"];
            /** @description Where it is in its life. */
            status: components["schemas"]["ExecutionStatus"];
            /** @description What it is about, to find it by. */
            subject?: string | null;
            /** @description Its suspensions, open and closed. Left out of lists. */
            suspensions?: components["schemas"]["Suspension"][] | null;
            /** @description The schedule, webhook or event that started it. */
            triggerId?: string | null;
            /** @description What started it. */
            triggeredBy: components["schemas"]["TriggeredBy"];
            /**
             * Format: int64
             * @description The part of `durationMs` in which every live branch waited.
             */
            waitingMs: number;
            /** @description The workflow it runs. */
            workflowId: components["schemas"]["WorkflowId"];
            /**
             * Format: int64
             * @description The version of the workflow it runs, to its end.
             */
            workflowVersion: number;
            /** @description The workspace it is in. */
            workspaceId: components["schemas"]["WorkspaceId"];
        };
        /**
         * Format: uuid
         * @description One run of a workflow's graph.
         */
        ExecutionId: string;
        /** @description Counts of an execution. */
        ExecutionStats: {
            /**
             * Format: int64
             * @description Actions of agents.
             */
            agentActions: number;
            /**
             * Format: int64
             * @description Node runs that completed.
             */
            completed: number;
            /**
             * Format: int64
             * @description Node runs that failed.
             */
            failed: number;
            /**
             * Format: int64
             * @description Node runs, skipped ones apart.
             */
            nodes: number;
            /**
             * Format: int64
             * @description Screenshots of agents.
             */
            screenshots: number;
            /**
             * Format: int64
             * @description Tokens of language models.
             */
            tokens: number;
        };
        /**
         * @description Where an execution is in its life.
         * @enum {string}
         */
        ExecutionStatus: "pending" | "queued" | "running" | "suspended" | "cancelling" | "completed" | "failed" | "cancelled" | "skipped";
        /** @description `execution_failed` */
        FailedEvent: {
            /** @description When. */
            at: components["schemas"]["Instant"];
            /** @description Why. */
            error: components["schemas"]["Failure"];
            /** @description The final state of each node of the top level. */
            nodes: components["schemas"]["NodeState"][];
            /**
             * Format: int64
             * @description Position in the execution's log.
             */
            seq: number;
        };
        /** @description A failure value. */
        Failure: {
            /** @description What kind of failure it is. */
            code: components["schemas"]["FailureCode"];
            /** @description More about it, by code. */
            details?: unknown;
            /** @description One sentence for people. */
            message: string;
            /** @description The node that failed, where there is one. */
            nodeId?: string | null;
            /** @description Whether another attempt could succeed. */
            retryable: boolean;
        };
        /**
         * @description The closed list of failure codes.
         * @enum {string}
         */
        FailureCode: "expression_failed" | "invalid_value" | "http_failed" | "http_status" | "address_refused" | "timeout" | "execution_timeout" | "rejected" | "suspension_expired" | "interrupted" | "child_failed" | "item_failed" | "limit_exceeded" | "concurrency_limit" | "workflow_unavailable" | "internal";
        /** @description `execution_cancelled` */
        FeedCancelledEvent: {
            /** @description When. */
            at: components["schemas"]["Instant"];
            /** @description The final state of each node of the top level. */
            nodes?: components["schemas"]["NodeState"][];
            /** @description What the cancellation stopped. */
            report?: components["schemas"]["CancelReport"];
            /**
             * Format: int64
             * @description Position in the execution's log.
             */
            seq: number;
        };
        /** @description `execution_complete` */
        FeedCompleteEvent: {
            /** @description When. */
            at: components["schemas"]["Instant"];
            /** @description The final state of each node of the top level. */
            nodes?: components["schemas"]["NodeState"][];
            /** @description The execution's output. */
            output?: unknown;
            /**
             * Format: int64
             * @description Position in the execution's log.
             */
            seq: number;
        };
        /** @description An event on the stream of a pod or of the inbox; a slim one lacks outputs, reports and lists of nodes. */
        FeedEvent: {
            /**
             * Format: uuid
             * @description The execution.
             */
            executionId: string;
            /**
             * Format: uuid
             * @description The pod it is in.
             */
            podId: string;
            /**
             * Format: uuid
             * @description The workflow it runs.
             */
            workflowId: string;
        } & ((components["schemas"]["FeedStatusEvent"] & {
            /** @enum {string} */
            type: "execution_status";
        }) | (components["schemas"]["FeedSuspendedEvent"] & {
            /** @enum {string} */
            type: "execution_suspended";
        }) | (components["schemas"]["FeedSuspensionUpdateEvent"] & {
            /** @enum {string} */
            type: "suspension_update";
        }) | (components["schemas"]["FeedCompleteEvent"] & {
            /** @enum {string} */
            type: "execution_complete";
        }) | (components["schemas"]["FeedFailedEvent"] & {
            /** @enum {string} */
            type: "execution_failed";
        }) | (components["schemas"]["FeedCancelledEvent"] & {
            /** @enum {string} */
            type: "execution_cancelled";
        }) | (components["schemas"]["FeedSkippedEvent"] & {
            /** @enum {string} */
            type: "execution_skipped";
        }));
        /** @description `execution_failed` */
        FeedFailedEvent: {
            /** @description When. */
            at: components["schemas"]["Instant"];
            /** @description Why. */
            error: components["schemas"]["Failure"];
            /** @description The final state of each node of the top level. */
            nodes?: components["schemas"]["NodeState"][];
            /**
             * Format: int64
             * @description Position in the execution's log.
             */
            seq: number;
        };
        /** @description `execution_skipped` */
        FeedSkippedEvent: {
            /** @description When. */
            at: components["schemas"]["Instant"];
            duplicateOf?: null | components["schemas"]["ExecutionId"];
            /** @description The final state of each node of the top level. */
            nodes?: components["schemas"]["NodeState"][];
            /** @description Why: `duplicate`, `debounced` or `concurrency_limit`. */
            reason?: string | null;
            /**
             * Format: int64
             * @description Position in the execution's log.
             */
            seq: number;
        };
        /** @description `execution_status` */
        FeedStatusEvent: {
            /** @description When. */
            at: components["schemas"]["Instant"];
            /** @description Who asked for it (cancelling). */
            by?: string | null;
            error?: null | components["schemas"]["Failure"];
            /** @description Why. */
            reason?: string | null;
            /**
             * Format: int64
             * @description Position in the execution's log: 1, 2, 3, ... without gaps.
             */
            seq: number;
            /** @description The new status. */
            status: components["schemas"]["ExecutionStatus"];
        };
        /** @description `execution_suspended` */
        FeedSuspendedEvent: {
            /** @description When. */
            at: components["schemas"]["Instant"];
            /** @description What is asked. */
            interrupt: components["schemas"]["Interrupt"];
            /**
             * Format: int64
             * @description Position in the execution's log.
             */
            seq: number;
        };
        /** @description `suspension_update` */
        FeedSuspensionUpdateEvent: {
            /** @description The port that was chosen. */
            action?: string | null;
            approvers?: null | components["schemas"]["Approvers"];
            /** @description When. */
            at: components["schemas"]["Instant"];
            /** @description Who did it. */
            by?: string | null;
            change?: null | components["schemas"]["StandingChange"];
            decision?: null | components["schemas"]["Decision"];
            /** @description Why. */
            reason?: string | null;
            /**
             * Format: int64
             * @description Position in the execution's log.
             */
            seq: number;
            /** @description Its state from now on. */
            state: components["schemas"]["SuspensionState"];
            /** @description Which step of the timeline was due, from 0 (reminded, escalated). */
            step?: number | null;
            /** @description The suspension. */
            suspensionId: components["schemas"]["SuspensionId"];
            vote?: null | components["schemas"]["Vote"];
            /** @description How many votes each action has from now on (voted, reassigned). */
            votes?: {
                [key: string]: number;
            } | null;
        };
        /** Format: date-time */
        Instant: string;
        /** @description What is asked: everything that a foreign reviewer's page needs. Frozen when the suspension opens. */
        Interrupt: {
            /** @description The actions to choose from (approvals). */
            actions?: components["schemas"]["Action"][];
            /** @description The answers to choose from (questions). */
            choices?: string[];
            /** @description What the reviewer should see to decide. */
            context?: unknown;
            /** @description The answer that `onExpiry: default` gives. */
            defaultAnswer?: unknown;
            expiresAt?: null | components["schemas"]["Instant"];
            /** @description JSON Schema of the answer's `data`. */
            form?: unknown;
            /** @description The message or question. */
            message: string;
            /** @description The node that asks. */
            nodeId: string;
            /** @description What happens then. */
            onExpiry?: components["schemas"]["OnExpiry"];
            /** @description When it was asked. */
            openedAt: components["schemas"]["Instant"];
            /** @description The node's address inside loops, such as `each[3]/review`. */
            path?: string | null;
            /** @description Who may answer, and how many have to. */
            policy?: components["schemas"]["Policy"];
            /** @description Whether a rejection must come with a reason. */
            requireReason?: boolean;
            /** @description The suspension's id, to be named in the answer. */
            suspensionId: components["schemas"]["SuspensionId"];
            /** @description What happens while nobody answers, in this order. */
            timeline?: components["schemas"]["TimelineStep"][];
            /** @description A heading. */
            title?: string | null;
            /** @description What kind of answer is waited for. */
            type: components["schemas"]["SuspensionKind"];
        };
        /**
         * @description How much a log line matters.
         * @enum {string}
         */
        LogLevel: "debug" | "info" | "warn" | "error";
        /** @description `node_delta` */
        NodeDeltaEvent: {
            /** @description When. */
            at: components["schemas"]["Instant"];
            /** @description What this is a piece of. */
            channel: components["schemas"]["DeltaChannel"];
            /** @description The piece. */
            delta: string;
            /** @description The node. */
            nodeId: string;
            /** @description The run's address inside loops. */
            path?: string | null;
            /**
             * Format: int64
             * @description Position in the execution's log.
             */
            seq: number;
        };
        /** @description `node_log` */
        NodeLogEvent: {
            /** @description When. */
            at: components["schemas"]["Instant"];
            /**
             * Format: int64
             * @description The attempt that wrote it.
             */
            attempt: number;
            /** @description More about it. */
            data?: unknown;
            /** @description How much it matters. */
            level: components["schemas"]["LogLevel"];
            /** @description The line. */
            message: string;
            /** @description The node. */
            nodeId: string;
            /** @description The run's address inside loops. */
            path?: string | null;
            /**
             * Format: int64
             * @description Position in the execution's log.
             */
            seq: number;
        };
        /** @description The state of one node run. */
        NodeState: {
            /**
             * Format: int64
             * @description The latest attempt; 0 for a run that never began.
             */
            attempt: number;
            /** @description The port it finished through, if not the default one. */
            branch?: string | null;
            childExecutionId?: null | components["schemas"]["ExecutionId"];
            /**
             * Format: int64
             * @description How long the latest attempt took.
             */
            durationMs?: number | null;
            error?: null | components["schemas"]["Failure"];
            finishedAt?: null | components["schemas"]["Instant"];
            /** @description The node. */
            nodeId: string;
            /** @description Its output. Left out of terminal events: the node's own event has it. */
            output?: unknown;
            /** @description The run's address inside loops. */
            path?: string | null;
            /** @description The result was taken over from the execution that this one replays. */
            reused?: boolean;
            startedAt?: null | components["schemas"]["Instant"];
            /** @description What became of it. */
            status: components["schemas"]["NodeStatus"];
        };
        /**
         * @description What became of a node run.
         * @enum {string}
         */
        NodeStatus: "running" | "suspended" | "retrying" | "completed" | "failed" | "skipped" | "cancelled";
        /** @description `node_update` */
        NodeUpdateEvent: {
            /** @description When. */
            at: components["schemas"]["Instant"];
            /**
             * Format: int64
             * @description 1, 2, 3, ...; 0 for a run that never began.
             */
            attempt: number;
            /** @description The port it finished through, if not the default one. */
            branch?: string | null;
            childExecutionId?: null | components["schemas"]["ExecutionId"];
            /**
             * Format: int64
             * @description How long the attempt took.
             */
            durationMs?: number | null;
            error?: null | components["schemas"]["Failure"];
            /** @description The items of a loop that begins (running). */
            items?: unknown[] | null;
            /** @description The node. */
            nodeId: string;
            /** @description The node's output (completed). */
            output?: unknown;
            /** @description The run's address inside loops, such as `each[3]/fetch`; missing at the top level. */
            path?: string | null;
            /** @description The result was given by the caller of the replay. */
            pinned?: boolean;
            resumeAt?: null | components["schemas"]["Instant"];
            retryAt?: null | components["schemas"]["Instant"];
            /** @description The result was taken over from the execution that this one replays. */
            reused?: boolean;
            /**
             * Format: int64
             * @description Position in the execution's log.
             */
            seq: number;
            /** @description The new status. */
            status: components["schemas"]["NodeStatus"];
            /** @description The node hands on what it was handed (`lastOutput`), not its output (completed). */
            transparent?: boolean;
        };
        /** @description What happens when nobody answers in time. */
        OnExpiry: "reject" | "approve" | "fail" | "cancel" | "default" | {
            /** @description The node finishes through this port. */
            port: string;
        };
        /**
         * Format: uuid
         * @description A folder of workflows and their executions inside a workspace.
         */
        PodId: string;
        /** @description Who may answer a suspension, and how many have to. */
        Policy: {
            /**
             * @description Whether who triggered the execution may decide about it.
             * @default true
             */
            allowSelfApproval?: boolean;
            /** @default null */
            approvers?: null | components["schemas"]["Approvers"];
            /** @default null */
            quorum?: null | components["schemas"]["Quorum"];
            /**
             * @description Who triggered the execution.
             * @default
             */
            requester?: string;
        };
        /** @description How many must say the same before it counts. */
        Quorum: {
            /**
             * Format: int32
             * @description How many votes decide: 1 to 100.
             */
            required: number;
            /** @description Whether a single rejection rejects. */
            vetoOnReject: boolean;
        };
        /**
         * @description What a member or key may do; each role includes the ones before it.
         * @enum {string}
         */
        Role: "viewer" | "editor" | "admin" | "owner";
        /** @description `execution_skipped` */
        SkippedEvent: {
            /** @description When. */
            at: components["schemas"]["Instant"];
            duplicateOf?: null | components["schemas"]["ExecutionId"];
            /** @description The final state of each node of the top level. */
            nodes: components["schemas"]["NodeState"][];
            /** @description Why: `duplicate`, `debounced` or `concurrency_limit`. */
            reason?: string | null;
            /**
             * Format: int64
             * @description Position in the execution's log.
             */
            seq: number;
        };
        /** @description How an open suspension stands; of a closed one, how it stood when it was closed. */
        Standing: {
            /** @default null */
            approvers?: null | components["schemas"]["Approvers"];
            /**
             * @description How often all of this has changed.
             * @default 0
             */
            changes?: number;
            /** @default null */
            claim?: null | components["schemas"]["Claim"];
            /**
             * @description How many steps of the timeline are over.
             * @default 0
             */
            stepsDone?: number;
            /**
             * @description The votes so far, one of each person, oldest first (quorum).
             * @default []
             */
            votes?: components["schemas"]["Vote"][];
        };
        /**
         * @description What changed about a suspension that stays open.
         * @enum {string}
         */
        StandingChange: "voted" | "claimed" | "released" | "reassigned" | "reminded" | "escalated";
        /** @description `execution_status` */
        StatusEvent: {
            /** @description When. */
            at: components["schemas"]["Instant"];
            /** @description Who asked for it (cancelling). */
            by?: string | null;
            error?: null | components["schemas"]["Failure"];
            /** @description Why. */
            reason?: string | null;
            /**
             * Format: int64
             * @description Position in the execution's log: 1, 2, 3, ... without gaps.
             */
            seq: number;
            /** @description The new status. */
            status: components["schemas"]["ExecutionStatus"];
        };
        /** @description The server is about to close the stream. No `id`. */
        StreamClosing: {
            /** @description Where to go on: the cursor of the last event that was sent. */
            after: string;
            /** @description Why. */
            reason: components["schemas"]["ClosingReason"];
            /**
             * Format: int64
             * @description How long to wait before coming again, in milliseconds.
             */
            retryMs: number;
        };
        /** @description A frame of a stream that is no event of a log. */
        StreamFrame: (components["schemas"]["StreamClosing"] & {
            /** @enum {string} */
            type: "stream_closing";
        }) | (components["schemas"]["StreamGap"] & {
            /** @enum {string} */
            type: "stream_gap";
        }) | (components["schemas"]["StreamSnapshot"] & {
            /** @enum {string} */
            type: "stream_snapshot";
        });
        /** @description Events before `to` are no longer stored; a snapshot follows. No `id`. */
        StreamGap: {
            /**
             * Format: int64
             * @description The first missing position.
             */
            from: number;
            /** @description Why. */
            reason: string;
            /**
             * Format: int64
             * @description The last missing position.
             */
            to: number;
        };
        /** @description What the stream is about, as it was when the stream began. No `id`. */
        StreamSnapshot: {
            execution?: null | components["schemas"]["Execution"];
            /** @description The newest executions (streams of a pod). */
            executions?: components["schemas"]["Execution"][] | null;
            /** @description The open suspensions (the inbox). */
            suspensions?: components["schemas"]["Suspension"][] | null;
        };
        /** @description `execution_suspended` */
        SuspendedEvent: {
            /** @description When. */
            at: components["schemas"]["Instant"];
            /** @description What is asked. */
            interrupt: components["schemas"]["Interrupt"];
            /**
             * Format: int64
             * @description Position in the execution's log.
             */
            seq: number;
        };
        /** @description A suspension as it is stored and listed. */
        Suspension: components["schemas"]["Standing"] & {
            closedAt?: null | components["schemas"]["Instant"];
            decision?: null | components["schemas"]["Decision"];
            /** @description The execution that waits. */
            executionId: components["schemas"]["ExecutionId"];
            /** @description Its id. */
            id: components["schemas"]["SuspensionId"];
            /** @description What is asked. */
            interrupt: components["schemas"]["Interrupt"];
            /** @description When it was asked. */
            openedAt: components["schemas"]["Instant"];
            /** @description The pod it is in. */
            podId: components["schemas"]["PodId"];
            /** @description Open, answered, expired or cancelled. */
            state: components["schemas"]["SuspensionState"];
            /** @description The workflow that asks. */
            workflowId: components["schemas"]["WorkflowId"];
            /** @description The workspace it is in. */
            workspaceId: components["schemas"]["WorkspaceId"];
        };
        /**
         * Format: uuid
         * @description One question that waits for an answer.
         */
        SuspensionId: string;
        /**
         * @description What kind of answer is waited for.
         * @enum {string}
         */
        SuspensionKind: "approval" | "ask_human" | "callback";
        /**
         * @description Where a suspension is in its life. All but `open` are final.
         * @enum {string}
         */
        SuspensionState: "open" | "answered" | "expired" | "cancelled";
        /** @description `suspension_update` */
        SuspensionUpdateEvent: {
            /** @description The port that was chosen. */
            action?: string | null;
            approvers?: null | components["schemas"]["Approvers"];
            /** @description When. */
            at: components["schemas"]["Instant"];
            /** @description Who did it. */
            by?: string | null;
            change?: null | components["schemas"]["StandingChange"];
            decision?: null | components["schemas"]["Decision"];
            /** @description Why. */
            reason?: string | null;
            /**
             * Format: int64
             * @description Position in the execution's log.
             */
            seq: number;
            /** @description Its state from now on. */
            state: components["schemas"]["SuspensionState"];
            /** @description Which step of the timeline was due, from 0 (reminded, escalated). */
            step?: number | null;
            /** @description The suspension. */
            suspensionId: components["schemas"]["SuspensionId"];
            vote?: null | components["schemas"]["Vote"];
            /** @description How many votes each action has from now on (voted, reassigned). */
            votes?: {
                [key: string]: number;
            } | null;
        };
        /**
         * @description What a step of the timeline does.
         * @enum {string}
         */
        TimelineAction: "remind" | "escalate" | "expire";
        /** @description What is going to happen if nobody answers, told in advance. */
        TimelineStep: {
            /** @description What. */
            action: components["schemas"]["TimelineAction"];
            /** @description When. */
            at: components["schemas"]["Instant"];
            to?: null | components["schemas"]["Approvers"];
        };
        /**
         * @description What started an execution.
         * @enum {string}
         */
        TriggeredBy: "manual" | "sdk" | "schedule" | "webhook" | "event" | "replay" | "retry" | "subworkflow";
        /** @description One person's vote. */
        Vote: {
            /** @description For what. */
            action: string;
            /** @description When. */
            at: components["schemas"]["Instant"];
            /** @description Who. */
            by: string;
            /** @description A remark. */
            comment?: string | null;
            /** @description The filled form. */
            data?: unknown;
            /** @description Why. */
            reason?: string | null;
            /** @description How. */
            source?: components["schemas"]["DecisionSource"];
        };
        /**
         * Format: uuid
         * @description A workflow; its definitions are its numbered versions.
         */
        WorkflowId: string;
        /**
         * Format: uuid
         * @description The tenant: every row carries it, every query names it.
         */
        WorkspaceId: string;
    };
    responses: never;
    parameters: never;
    requestBodies: never;
    headers: never;
    pathItems: never;
}
export type $defs = Record<string, never>;
export type operations = Record<string, never>;
