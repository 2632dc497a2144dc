// Generated from openapi.yaml and sdk/events.schema.json by scripts/generate.js; do not edit.
export interface paths {
    "/v1/session/oidc": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get: operations["begin_oidc_sign_in"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/workspaces": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get: operations["list_workspaces"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/workspaces/{workspaceId}/api-keys": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get: operations["list_api_keys"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/workspaces/{workspaceId}/audit": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get: operations["list_audit"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/workspaces/{workspaceId}/collections": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get: operations["list_collections"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/workspaces/{workspaceId}/collections/{collectionName}/documents": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get: operations["list_documents"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/workspaces/{workspaceId}/groups": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get: operations["list_groups"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/workspaces/{workspaceId}/invites": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get: operations["list_invites"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/workspaces/{workspaceId}/members": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get: operations["list_members"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/workspaces/{workspaceId}/pods": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get: operations["list_pods"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/workspaces/{workspaceId}/pods/{podId}/bulk-jobs": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get: operations["list_bulk_jobs"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/workspaces/{workspaceId}/pods/{podId}/bulk-jobs/{bulkJobId}/items": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get: operations["list_bulk_job_items"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/workspaces/{workspaceId}/pods/{podId}/events": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get: operations["stream_pod_events"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/workspaces/{workspaceId}/pods/{podId}/executions": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get: operations["list_executions"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/workspaces/{workspaceId}/pods/{podId}/executions/counts": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get: operations["count_executions"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/workspaces/{workspaceId}/pods/{podId}/executions/{executionId}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get: operations["get_execution"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/workspaces/{workspaceId}/pods/{podId}/executions/{executionId}/artifacts": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get: operations["list_execution_artifacts"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/workspaces/{workspaceId}/pods/{podId}/executions/{executionId}/events": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get: operations["stream_execution_events"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/workspaces/{workspaceId}/pods/{podId}/executions/{executionId}/logs": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get: operations["list_execution_logs"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/workspaces/{workspaceId}/pods/{podId}/schedules": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get: operations["list_schedules"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/workspaces/{workspaceId}/pods/{podId}/schedules/{scheduleId}/preview": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get: operations["preview_schedule"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/workspaces/{workspaceId}/pods/{podId}/schedules/{scheduleId}/slots": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get: operations["list_schedule_slots"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/workspaces/{workspaceId}/pods/{podId}/subjects": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get: operations["list_subjects"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/workspaces/{workspaceId}/pods/{podId}/suspensions": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get: operations["list_pod_suspensions"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/workspaces/{workspaceId}/pods/{podId}/webhooks": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get: operations["list_webhooks"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/workspaces/{workspaceId}/pods/{podId}/webhooks/{webhookId}/deliveries": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get: operations["list_webhook_deliveries"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/workspaces/{workspaceId}/pods/{podId}/workflows": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get: operations["list_workflows"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/workspaces/{workspaceId}/pods/{podId}/workflows/{workflowId}/versions": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get: operations["list_workflow_versions"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/workspaces/{workspaceId}/secrets": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get: operations["list_secrets"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/workspaces/{workspaceId}/suspensions": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get: operations["list_suspensions"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/workspaces/{workspaceId}/suspensions/events": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get: operations["stream_suspension_events"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/workspaces/{workspaceId}/suspensions/{suspensionId}/notifications": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get: operations["list_notifications"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
}
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
        /** @description An API key without its secret. */
        ApiKey: {
            /** @description When it was made. */
            createdAt: components["schemas"]["Instant"];
            /** @description Who made it. */
            createdBy: string;
            expiresAt?: null | components["schemas"]["Instant"];
            /** @description Its id. */
            id: components["schemas"]["ApiKeyId"];
            lastUsedAt?: null | components["schemas"]["Instant"];
            /** @description What it is for. */
            name: string;
            /** @description The first characters of the key, to recognise it by. */
            prefix: string;
            /** @description What it may do. */
            role: components["schemas"]["Role"];
            /** @description The workspace it opens. */
            workspaceId: components["schemas"]["WorkspaceId"];
        };
        /**
         * Format: uuid
         * @description An API key (its public row, not its secret).
         */
        ApiKeyId: string;
        /** @description A remark on an approval. */
        Approve: {
            /** @description A remark. */
            comment?: string | null;
            /** @description The filled form. */
            data?: unknown;
            /** @description The node whose suspension is meant, in its place. */
            nodeId?: string | null;
            /** @description Why. */
            reason?: string | null;
            suspensionId?: null | components["schemas"]["SuspensionId"];
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
        /** @description A file that a worker has produced. */
        Artifact: {
            /** @description Its media type, as the worker gave it. */
            contentType: string;
            /** @description When it was complete. */
            createdAt: components["schemas"]["Instant"];
            /** @description The execution it belongs to. */
            executionId: components["schemas"]["ExecutionId"];
            /** @description Its id. */
            id: components["schemas"]["ArtifactId"];
            /** @description What it is. */
            kind: components["schemas"]["ArtifactKind"];
            /** @description The file's name, as the worker gave it. */
            name: string;
            /** @description The node whose run produced it. */
            nodeId: string;
            /** @description The run's address inside loops, such as `each[3]/fetch`; missing at the top level. */
            path?: string | null;
            /** @description The SHA-256 of its bytes, in lower-case hex. */
            sha256: string;
            /**
             * Format: int64
             * @description Its length in bytes.
             */
            size: number;
            taskId?: null | components["schemas"]["TaskId"];
        };
        /**
         * Format: uuid
         * @description A file that a worker has left.
         */
        ArtifactId: string;
        /**
         * @description What an artifact is to whoever looks at the execution.
         * @enum {string}
         */
        ArtifactKind: "output" | "video" | "screenshot" | "log" | "file";
        /** @description A link to an artifact. */
        ArtifactUrl: {
            /** @description Until when. */
            expiresAt: components["schemas"]["Instant"];
            /**
             * Format: uri
             * @description The address. Whoever has it can fetch the file, without any other credential.
             */
            url: string;
        };
        /** @description One try to deliver a notification. */
        Attempt: {
            /** @description When. */
            at: components["schemas"]["Instant"];
            /** @description Why it failed; missing where it did not. */
            error?: string | null;
            /**
             * Format: int32
             * @description The status of the reply, where there was one.
             */
            status?: number | null;
        };
        /** @description A record of the audit log. */
        AuditRecord: {
            /** @description What: `suspension.answered`, `member.set`, ... */
            action: string;
            /** @description Who: a user's id, `key:<id>`, `link:<id>`, `operator` (the command line) or `system`. */
            actor: string;
            /** @description When. */
            at: components["schemas"]["Instant"];
            /** @description More about it. */
            detail: Record<string, unknown>;
            /** @description SHA-256 over all the others, in hexadecimal. */
            hash: string;
            /** @description The hash of the record before; empty for the first. */
            previousHash: string;
            /**
             * Format: int64
             * @description Its place: 1, 2, 3, ...
             */
            seq: number;
            /** @description To what: an id. */
            subject: string;
            /** @description Where. */
            workspaceId: components["schemas"]["WorkspaceId"];
        };
        /**
         * @description What is done with each execution.
         * @enum {string}
         */
        BulkAction: "cancel" | "replay" | "retry";
        /** @description How many items of a job stand how. */
        BulkCounts: {
            /**
             * Format: int64
             * @description Done.
             */
            done: number;
            /**
             * Format: int64
             * @description Could not be done.
             */
            failed: number;
            /**
             * Format: int64
             * @description Not settled yet.
             */
            pending: number;
            /**
             * Format: int64
             * @description Needed nothing, or were left out.
             */
            skipped: number;
            /**
             * Format: int64
             * @description All.
             */
            total: number;
        };
        /** @description The filter of the list of executions. What is missing fits any. */
        BulkFilter: {
            /** @default null */
            createdAfter?: null | components["schemas"]["Instant"];
            /** @default null */
            createdBefore?: null | components["schemas"]["Instant"];
            /**
             * @description As the parameter of the list of the same name.
             * @default null
             */
            filter?: string | null;
            /** @default null */
            parentExecutionId?: null | components["schemas"]["ExecutionId"];
            /** @default null */
            replayOf?: null | components["schemas"]["ExecutionId"];
            /**
             * @description In one of these statuses. If missing: for a cancellation those that have not ended, else those that have.
             * @default []
             */
            status?: components["schemas"]["ExecutionStatus"][];
            /**
             * @description About this subject.
             * @default null
             */
            subject?: string | null;
            /** @default null */
            triggeredBy?: null | components["schemas"]["TriggeredBy"];
            /** @default null */
            workflowId?: null | components["schemas"]["WorkflowId"];
        };
        /** @description What became of one execution of a job. */
        BulkItem: {
            /** @description The execution. */
            executionId: components["schemas"]["ExecutionId"];
            newExecutionId?: null | components["schemas"]["ExecutionId"];
            /**
             * Format: int64
             * @description Its place in the job, from 1.
             */
            position: number;
            /** @description Why it failed or was skipped. */
            reason?: string | null;
            settledAt?: null | components["schemas"]["Instant"];
            /** @description How it stands. */
            state: components["schemas"]["BulkItemState"];
        };
        /**
         * @description How an item stands.
         * @enum {string}
         */
        BulkItemState: "pending" | "done" | "failed" | "skipped";
        /** @description A bulk job. */
        BulkJob: {
            /** @description What is done with each. */
            action: components["schemas"]["BulkAction"];
            /** @description How its items stand. */
            counts: components["schemas"]["BulkCounts"];
            /** @description When. */
            createdAt: components["schemas"]["Instant"];
            /** @description Who asked for it. */
            createdBy: string;
            finishedAt?: null | components["schemas"]["Instant"];
            /** @description The node that replays begin at. */
            fromNodeId?: string | null;
            /** @description Its id. */
            id: components["schemas"]["BulkJobId"];
            /** @description The pod whose executions it is about. */
            podId: components["schemas"]["PodId"];
            /** @description Where it is. */
            state: components["schemas"]["BulkState"];
            /** @description When an item was last settled, or the job changed otherwise. */
            updatedAt: components["schemas"]["Instant"];
            /** @description The version that replays run. */
            version: components["schemas"]["BulkVersion"];
            /** @description The workspace it is in. */
            workspaceId: components["schemas"]["WorkspaceId"];
        };
        /**
         * Format: uuid
         * @description A bulk job.
         */
        BulkJobId: string;
        /** @description Which executions are replayed, and from where. */
        BulkReplay: {
            filter?: null | components["schemas"]["BulkFilter"];
            /** @description The node from which on everything runs again; the beginning, if missing. */
            fromNodeId?: string | null;
            /** @description These; up to 10000. */
            ids?: components["schemas"]["ExecutionId"][] | null;
            /**
             * @description The version of its workflow that each runs: its own, or the latest.
             * @default original
             */
            version?: "original" | "latest";
        };
        /** @description Which executions a job is about: `ids` or `filter`. */
        BulkSelection: {
            filter?: null | components["schemas"]["BulkFilter"];
            /** @description These; up to 10000. */
            ids?: components["schemas"]["ExecutionId"][] | null;
        };
        /**
         * @description Where a job is.
         * @enum {string}
         */
        BulkState: "running" | "cancelling" | "finished" | "cancelled";
        /**
         * @description The version of its workflow that a replay runs.
         * @enum {string}
         */
        BulkVersion: "original" | "latest";
        /** @description Where a callback is to be called. */
        CallbackAddress: {
            expiresAt?: null | components["schemas"]["Instant"];
            /** @description The address to post JSON to. Whoever knows it can answer. */
            url: string;
        };
        /** @description A callback that was taken. */
        CallbackTaken: {
            /** @description What has waited for it. */
            suspensionId: components["schemas"]["SuspensionId"];
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
            /** @description Tasks that were withdrawn. */
            tasks?: components["schemas"]["TaskId"][];
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
            compensation?: null | components["schemas"]["Compensation"];
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
        /**
         * @description Which slots are made up for that came while no server ran.
         * @enum {string}
         */
        CatchUp: "none" | "last" | "all";
        /**
         * @description How a notification is sent.
         * @enum {string}
         */
        Channel: "webhook" | "slack" | "email";
        /** @description Somebody has taken a suspension upon themself: others leave it to them. */
        Claim: {
            /** @description Since when. */
            at: components["schemas"]["Instant"];
            /** @description Who. */
            by: string;
        };
        /** @description A collection that has documents. */
        Collection: {
            /**
             * Format: int64
             * @description How many documents it holds. One that has expired may be counted until it is removed.
             */
            documents: number;
            /** @description Its name. */
            name: string;
        };
        /** @description A slot that is to come. */
        ComingSlot: {
            /** @description When an execution is started for it: the slot and the schedule's shift. */
            runAt: components["schemas"]["Instant"];
            /** @description The instant on the schedule's grid. */
            slot: components["schemas"]["Instant"];
        };
        /** @description One side of a comparison. */
        ComparedExecution: {
            /**
             * Format: int64
             * @description Milliseconds in which something ran.
             */
            activeMs?: number | null;
            /** @description The execution. */
            id: components["schemas"]["ExecutionId"];
            /** @description Its output. */
            output?: unknown;
            /** @description Where it is in its life. */
            status: components["schemas"]["ExecutionStatus"];
            /**
             * Format: int64
             * @description The version it ran.
             */
            workflowVersion: number;
        };
        /** @description A node run on both sides. */
        ComparedNode: {
            /** @description The run's address. */
            address: string;
            /** @description What differs: any of `status`, `branch`, `output`, `error`, `attempt`, `missing`. */
            differs: string[];
            /**
             * Format: int64
             * @description How much longer the second took, in milliseconds.
             */
            durationDifferenceMs?: number | null;
            /** @description Its output in the first, where it differs. */
            leftOutput?: unknown;
            leftStatus?: null | components["schemas"]["NodeStatus"];
            /** @description Its output in the second, where it differs. */
            rightOutput?: unknown;
            rightStatus?: null | components["schemas"]["NodeStatus"];
        };
        /** @description Two executions side by side. */
        Comparison: {
            /** @description The first. */
            left: components["schemas"]["ComparedExecution"];
            /** @description The node runs of either. */
            nodes: components["schemas"]["ComparedNode"][];
            /** @description The second. */
            right: components["schemas"]["ComparedExecution"];
            /** @description Whether both ran the same definition. */
            sameDefinition: boolean;
            /** @description Whether both had the same input. */
            sameInput: boolean;
            /** @description Whether both gave the same output. */
            sameOutput: boolean;
        };
        /** @description What the compensations of an execution that failed or was cancelled have come to, by their addresses. */
        Compensation: {
            /** @description Those that completed, in that order. */
            done: string[];
            /** @description Those that failed or were given up: what they were to undo still stands. */
            failed: string[];
        };
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
        /** @description A worker's result. */
        CompleteTask: {
            /** @description The token, if it is in no header. */
            leaseToken?: string | null;
            /** @description The node's output. */
            output?: unknown;
            stats?: null | components["schemas"]["TaskStats"];
        };
        /** @description How many executions of a workflow may run at a time. One that is suspended does not count. */
        Concurrency: {
            /**
             * @description A template over `input`, `context` and `subject`: executions with the same result share the limit, others have their own.
             *     A trigger's `concurrencyKey` takes its place.
             */
            key?: string | null;
            /**
             * Format: int64
             * @description How many: 1 to 10,000.
             */
            limit: number;
            /** @description What becomes of an execution for which there is no room. */
            onLimit?: components["schemas"]["OnLimit"];
        };
        /** @description A new API key. */
        CreateApiKey: {
            /** @description When it stops working; never, if missing. */
            expiresAt?: components["schemas"]["Instant"];
            /** @description What it is for. */
            name: string;
            /** @description What it may do. */
            role: components["schemas"]["Role"];
        };
        /** @description How long a link to an artifact shall hold. */
        CreateArtifactUrl: {
            /**
             * Format: int64
             * @description In seconds: 1 to 604800 (seven days), 3600 (an hour) unless said otherwise.
             * @default 3600
             */
            expiresIn?: number | null;
        };
        /** @description A wish for an execution. */
        CreateExecution: {
            /** @description Equal keys share a limit. */
            concurrencyKey?: string | null;
            /** @description What expressions find under `context`. */
            context?: Record<string, unknown> | null;
            debounce?: null | components["schemas"]["Debounce"];
            /** @description Equal keys are duplicates. */
            dedupeKey?: string | null;
            /**
             * Format: int64
             * @description Not at all if it has not begun this long after it could, in milliseconds: it is cancelled then.
             */
            expiresInMs?: number | null;
            /** @description What it works on; checked against the workflow's `inputSchema`. */
            input?: unknown;
            /** @description Nodes with a `mock` take that instead of running, and so do those of its children. */
            mocks?: boolean;
            /**
             * Format: int32
             * @description Higher first; the workflow's own, if missing.
             */
            priority?: number | null;
            runAt?: null | components["schemas"]["Instant"];
            /** @description What it is about, to find it by. */
            subject?: string | null;
            /**
             * Format: int64
             * @description The version to run; the latest, if missing.
             */
            version?: number | null;
            /** @description The workflow to run. */
            workflowId: components["schemas"]["WorkflowId"];
        };
        /** @description A new invite. */
        CreateInvite: {
            /** @description Whom it is for. */
            email: string;
            /** @description The role they will have. */
            role: components["schemas"]["Role"];
        };
        /** @description A new pod. */
        CreatePod: {
            /** @description What it is for. */
            description?: string;
            /** @description Its name: 1 to 120 characters on one line. The slug is made from it. */
            name: string;
        };
        /** @description A new schedule. */
        CreateSchedule: {
            /**
             * @description Which slots are made up for that came while no server ran.
             * @default last
             */
            catchUp?: "none" | "last" | "all";
            /** @description When: five fields of cron, or six with seconds in front. `cronExpr` is taken as well. */
            cronExpression: string;
            /**
             * @description Whether slots start anything.
             * @default true
             */
            enabled?: boolean;
            endAt?: null | components["schemas"]["Instant"];
            /** @description What the executions work on. */
            input?: unknown;
            /**
             * Format: int64
             * @description The widest that the runs are shifted behind their slots. Each schedule has its own shift in this, which stays.
             * @default 0
             */
            jitterSeconds?: number;
            /** @description Its name: 1 to 120 characters on one line. */
            name: string;
            /**
             * @description What happens at a slot while an execution of the schedule has not ended.
             * @default allow
             */
            overlap?: "allow" | "skip" | "queue" | "cancel_previous";
            startAt?: null | components["schemas"]["Instant"];
            /**
             * @description The time zone that the expression is read in, by its IANA name.
             * @default UTC
             */
            timezone?: string;
            /** @description The workflow to start; in this pod. What is started is the version that is deployed at the time. */
            workflowId: components["schemas"]["WorkflowId"];
        };
        /** @description What a browser signs in with. */
        CreateSession: {
            /** @description An API key (`slg_...`) or a JWT. It is not kept. */
            credential: string;
        };
        /** @description Which stream a token shall open. */
        CreateStreamToken: {
            /**
             * @description The stream's path, with or without `/v1`, without a query: that of an execution's events, of a pod's events, or of the
             *     workspace's suspensions.
             */
            path: string;
        };
        /** @description A new subject. */
        CreateSubject: {
            /** @description What others know of it, by whom; up to 262144 bytes of JSON. */
            externalData?: Record<string, unknown>;
            /** @description Its labels, of 1 to 255 characters each. */
            labels?: string[];
            /** @description A mark that it should be left alone; the server refuses nothing because of it. */
            locked?: boolean;
            /** @description What is known of it; up to 262144 bytes of JSON. */
            metadata?: Record<string, unknown>;
            /**
             * @description What it is called, such as a file's path; once per store in the pod.
             * @example inbox/invoice-17.pdf
             */
            path: string;
            /** @description Where it stands, in words of the pod's own. */
            status?: string | null;
            /** @description Where its content lives. */
            store?: string | null;
        };
        /** @description A new webhook. */
        CreateWebhook: {
            /** @description The header that tells deliveries apart, if it is another than that of the kind of verification. */
            dedupeHeader?: string | null;
            /**
             * @description Whether deliveries are taken.
             * @default true
             */
            enabled?: boolean;
            /**
             * @description Its name: 1 to 120 characters on one line.
             * @default Webhook
             */
            name?: string;
            /**
             * Format: int64
             * @description How many deliveries a minute are taken; as many may come at once.
             * @default 600
             */
            ratePerMinute?: number;
            /**
             * @description What the sender is answered.
             * @default execution
             */
            response?: "execution" | "wait" | "stream";
            /**
             * @description What deliveries are verified with; one is made if the kind of verification needs it and none is given. For `standard`
             *     `whsec_` and 16 to 64 bytes in base64, for the others any text.
             */
            secret?: string;
            /**
             * @description How deliveries are verified.
             * @default hmac-sha256
             */
            verification?: "hmac-sha256" | "standard" | "github" | "stripe" | "slack" | "header" | "none";
            /**
             * Format: int64
             * @description How long the sender waits for the output, with `response: wait`.
             * @default 30
             */
            waitSeconds?: number;
            /** @description The workflow to start; in this pod. What is started is the version that is deployed at the time. */
            workflowId: components["schemas"]["WorkflowId"];
        };
        /** @description A new workflow. */
        CreateWorkflow: {
            /** @description Its graph. */
            definition: components["schemas"]["Definition"];
            /** @description What it is for. */
            description?: string;
            /** @description Its name: 1 to 120 characters on one line. */
            name: string;
        };
        /** @description A new workspace. */
        CreateWorkspace: {
            /** @description Its name: 1 to 120 characters on one line. */
            name: string;
            /** @description Its name in addresses, unique on the server; made from `name` if missing. */
            slug?: string;
        };
        /** @description An API key as its maker sees it. */
        CreatedApiKey: components["schemas"]["ApiKey"] & {
            /** @description The key itself, for `x-api-key`. Shown this once: a reply repeated for its idempotency key is without it. */
            key?: string;
        };
        /** @description An invite as its maker sees it. */
        CreatedInvite: components["schemas"]["Invite"] & {
            /**
             * @description The secret for `POST /v1/invites/{token}/accept`. Shown this once: a reply repeated for its idempotency key is
             *     without it.
             */
            token?: string;
        };
        /** @description Triggers that come in bursts: the last one of a burst runs, when it has been quiet for a while. */
        Debounce: {
            /** @description Equal keys of one workflow are one burst: 1 to 255 bytes. */
            key: string;
            /**
             * Format: int64
             * @description The longest that the first one of a burst is put off, in milliseconds; none is no limit.
             */
            maxMs?: number | null;
            /**
             * Format: int64
             * @description How long it has to be quiet, in milliseconds: 1 to 7 days.
             */
            quietMs: number;
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
        /** @description What becomes of triggers with the same `dedupeKey`. */
        Dedupe: {
            /** @description What becomes of the duplicate. */
            mode?: components["schemas"]["DedupeMode"];
            /** @description Whether a key stands for its execution only until that has ended, though no longer than `windowMs`. */
            untilEnd?: boolean;
            /**
             * Format: int64
             * @description For how long a key stands for its execution, in milliseconds: 1 second to 30 days.
             */
            windowMs?: number;
        };
        /**
         * @description What becomes of a duplicate.
         * @enum {string}
         */
        DedupeMode: "skip" | "join";
        /** @description A node graph as a client sends it. */
        Definition: {
            /** @description The edges between them. */
            edges?: components["schemas"]["EdgeDefinition"][];
            /**
             * @description What whoever has written it wants to find again: kept with the version, no effect at run time. A name of its own for each
             *     program keeps them apart.
             */
            metadata?: Record<string, unknown>;
            /** @description The nodes, in any order. */
            nodes: components["schemas"]["NodeDefinition"][];
            /** @description Settings of every execution of this workflow. */
            settings?: components["schemas"]["Settings"];
        };
        /** @description What is wrong with a definition, and where. */
        DefinitionProblem: {
            /** @description The edge it is about. */
            edgeId?: string | null;
            /** @description One sentence for people. */
            message: string;
            /** @description The node it is about. */
            nodeId?: string | null;
            /** @description A JSON pointer into the definition, such as `/nodes/3/data/condition`. */
            path: string;
        };
        /**
         * Format: uuid
         * @description One delivery to a webhook.
         */
        DeliveryId: string;
        /**
         * @description What a [`NodeDeltaEvent`] is a piece of.
         * @enum {string}
         */
        DeltaChannel: "text" | "reasoning" | "tool" | "progress";
        /** @description What is deployed. */
        DeployWorkflow: {
            /**
             * Format: int64
             * @description The version to deploy; the latest, if missing.
             */
            version?: number;
        };
        /** @description A document. */
        Document: {
            /** @description The collection it is in. */
            collection: string;
            /** @description When it was made. */
            createdAt: components["schemas"]["Instant"];
            expiresAt?: null | components["schemas"]["Instant"];
            /** @description Its key, once per collection. */
            key: string;
            /** @description What is searched. */
            text: string;
            /** @description When it was written last. */
            updatedAt: components["schemas"]["Instant"];
            /** @description What it holds: any JSON. */
            value: unknown;
        };
        /** @description How a copy is called. */
        DuplicateWorkflow: {
            /** @description Its name; that of the original and `(copy)`, if missing. */
            name?: string;
        };
        /** @description One edge: taken when its source finishes through the port `sourceHandle`. */
        EdgeDefinition: {
            /** @description Unique in the definition; made from source, port and target where it is missing. */
            id?: string;
            /** @description A label for people. */
            label?: string | null;
            /** @description The node it leaves. */
            source: string;
            /** @description The port it leaves by; none means the default port. */
            sourceHandle?: string | null;
            /** @description The node it enters. */
            target: string;
        };
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
        }) | (components["schemas"]["NodeActionEvent"] & {
            /** @enum {string} */
            type: "node_action";
        }) | (components["schemas"]["NodeArtifactEvent"] & {
            /** @enum {string} */
            type: "node_artifact";
        }) | (components["schemas"]["TaskUpdateEvent"] & {
            /** @enum {string} */
            type: "task_update";
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
        /**
         * Format: uuid
         * @description An event from outside.
         */
        EventId: string;
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
            /** @description Nodes with a `mock` took that instead of running. */
            mocks?: boolean;
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
            reprocessing?: null | components["schemas"]["Reprocessing"];
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
        /** @description How many executions there are. */
        ExecutionCounts: {
            /**
             * Format: int64
             * @description No count is higher: one that is equal means "so many or more".
             */
            atMost: number;
            /** @description By status; every status is there. */
            counts: {
                [key: string]: number;
            };
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
             * @description Leases that workers got of its tasks.
             */
            leases?: number;
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
             * @description Steps that workers took.
             */
            steps?: number;
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
        /** @description That a worker could not do it. */
        FailTask: {
            /** @description Why. */
            error: components["schemas"]["TaskError"];
            /** @description The token, if it is in no header. */
            leaseToken?: string | null;
            stats?: null | components["schemas"]["TaskStats"];
        };
        /** @description `execution_failed` */
        FailedEvent: {
            /** @description When. */
            at: components["schemas"]["Instant"];
            compensation?: null | components["schemas"]["Compensation"];
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
        FailureCode: "expression_failed" | "invalid_value" | "http_failed" | "http_status" | "address_refused" | "timeout" | "execution_timeout" | "rejected" | "suspension_expired" | "interrupted" | "child_failed" | "task_failed" | "worker_lost" | "model_failed" | "mcp_failed" | "code_failed" | "item_failed" | "limit_exceeded" | "concurrency_limit" | "workflow_unavailable" | "secret_missing" | "secret_unreadable" | "internal";
        /** @description One thing that is wrong with a request. */
        FieldError: {
            /** @description One sentence for people. */
            message: string;
            /** @description JSON pointer into the body (`/definition/nodes/0/id`), or the name of a query parameter. */
            path: string;
        };
        /** @description Members of a workspace under one name, to be asked together. */
        Group: {
            /** @description When it was made. */
            createdAt: components["schemas"]["Instant"];
            /** @description What it is for. */
            description: string;
            /** @description The ids of its members, in order. */
            members: string[];
            /** @description Its name, by which workflows mean it. */
            name: string;
            /** @description When it was last changed. */
            updatedAt: components["schemas"]["Instant"];
            /** @description The workspace. */
            workspaceId: components["schemas"]["WorkspaceId"];
        };
        /** @description How the server is. */
        Health: {
            /** @description `ok`. */
            status: string;
            /** @description The server's version. */
            version: string;
        };
        /** @description A sign of life, and what there is to tell. */
        Heartbeat: {
            /** @description Things that were done. */
            actions?: components["schemas"]["TaskAction"][];
            /** @description Pieces of text. */
            deltas?: components["schemas"]["TaskDelta"][];
            /** @description The token, if it is in no header. */
            leaseToken?: string | null;
            /** @description Log lines. */
            logs?: components["schemas"]["TaskLog"][];
            /** @description What it is at, for people. */
            message?: string | null;
            /**
             * Format: double
             * @description How far the work has come.
             */
            progress?: number | null;
            /**
             * Format: double
             * @description How far it goes.
             */
            progressMax?: number | null;
        };
        /** @description What a worker hears when it gives a sign of life. */
        HeartbeatReply: {
            /** @description The task is not wanted any more: stop, and tell nothing further. */
            cancelled: boolean;
            /** @description When the lease runs out now. */
            leaseUntil: components["schemas"]["Instant"];
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
        /** @description An invitation to a workspace. */
        Invite: {
            acceptedAt?: null | components["schemas"]["Instant"];
            /** @description When it was made. */
            createdAt: components["schemas"]["Instant"];
            /** @description Who sent it. */
            createdBy: string;
            /** @description Whom it is for. */
            email: string;
            /** @description When it stops working. */
            expiresAt: components["schemas"]["Instant"];
            /** @description Its id. */
            id: components["schemas"]["InviteId"];
            /** @description The role they will have. */
            role: components["schemas"]["Role"];
            /** @description The workspace it opens. */
            workspaceId: components["schemas"]["WorkspaceId"];
        };
        /**
         * Format: uuid
         * @description An invitation to a workspace.
         */
        InviteId: string;
        /** @description A public key. */
        JsonWebKey: {
            /** @description `EdDSA`. */
            alg?: string;
            /** @description `Ed25519`. */
            crv?: string;
            /** @description Its thumbprint (RFC 7638), which signatures name. */
            kid?: string;
            /** @description `OKP`. */
            kty: string;
            /** @description `sig`. */
            use?: string;
            /** @description The key, base64url. */
            x?: string;
        };
        /** @description Public keys that signatures can be checked with. */
        JsonWebKeySet: {
            /** @description The keys. */
            keys: components["schemas"]["JsonWebKey"][];
        };
        /** @description A worker's wish for tasks. */
        LeaseTasks: {
            /**
             * @description How many tasks at most.
             * @default 1
             */
            max?: number;
            /** @description The queues to take tasks from. */
            queues: string[];
            /** @description The version it is. */
            version?: string | null;
            /**
             * Format: int64
             * @description How many seconds to wait for the first one.
             */
            waitSeconds?: number;
            /** @description What the worker calls itself: shown with its tasks, and in the list of workers. */
            workerId: string;
        };
        /** @description A task in the hands of a worker. */
        LeasedTask: {
            /**
             * Format: int64
             * @description The attempt: 1, 2, 3, ...
             */
            attempt: number;
            /** @description The context of the execution. */
            context: unknown;
            deadline?: null | components["schemas"]["Instant"];
            /** @description The execution it is a part of. */
            executionId: components["schemas"]["ExecutionId"];
            /**
             * Format: int64
             * @description The number of the lease: one higher than that of the lease before.
             */
            fence: number;
            /** @description The same for every attempt: what the work is to be known by outside, so that it is not done twice. */
            idempotencyKey: string;
            /** @description What there is to do. */
            input: unknown;
            /**
             * Format: int64
             * @description How long a lease lasts without one.
             */
            leaseSeconds: number;
            /** @description The credential of this lease: all that the doors of the task need. */
            leaseToken: string;
            /** @description When the lease runs out without a heartbeat. */
            leaseUntil: components["schemas"]["Instant"];
            /** @description The node. */
            nodeId: string;
            /** @description The run's address inside loops. */
            path?: string | null;
            /** @description The queue it was in. */
            queue: string;
            /** @description Since when it waited. */
            queuedAt: components["schemas"]["Instant"];
            /** @description The task. */
            taskId: components["schemas"]["TaskId"];
            trace?: null | components["schemas"]["TraceHeaders"];
            /** @description The workflow. */
            workflowId: components["schemas"]["WorkflowId"];
        };
        /** @description Tasks that were leased. */
        LeasedTasks: {
            /** @description The tasks; none when nothing came in time. */
            tasks: components["schemas"]["LeasedTask"][];
        };
        /** @description A document in a list. */
        ListedDocument: components["schemas"]["Document"] & {
            /**
             * Format: double
             * @description With `q`: how well it fits, in proportion to the one that fits best, whose score is 1.
             */
            score?: number | null;
            /** @description With `q`: the part of its text with the most of what was looked for. */
            snippet?: string | null;
        };
        /** @description One line of an execution's log. */
        LogEntry: {
            /**
             * Format: int64
             * @description The attempt.
             */
            attempt: number;
            /** @description More about it. */
            data?: unknown;
            /**
             * Format: int64
             * @description How long the attempt took, on its last line.
             */
            durationMs?: number | null;
            /** @description The execution. */
            executionId: components["schemas"]["ExecutionId"];
            /** @description The execution's id and the position. */
            id: string;
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
             * @description The event's position in the execution's log.
             */
            seq: number;
            /** @description When. */
            timestamp: components["schemas"]["Instant"];
        };
        /**
         * @description How much a log line matters.
         * @enum {string}
         */
        LogLevel: "debug" | "info" | "warn" | "error";
        /** @description A person in a workspace. */
        Member: {
            /** @description When they joined. */
            createdAt: components["schemas"]["Instant"];
            /** @description What they may do. */
            role: components["schemas"]["Role"];
            /** @description The person, as the `sub` of their tokens says. */
            userId: string;
            /** @description The workspace. */
            workspaceId: components["schemas"]["WorkspaceId"];
        };
        /**
         * @description A version by what it is.
         * @enum {string}
         */
        NamedVersion: "original" | "latest";
        /** @description The body of an action that has no fields: nothing, or `{}`. */
        NoBody: Record<string, unknown>;
        /** @description `node_action` */
        NodeActionEvent: {
            artifactId?: null | components["schemas"]["ArtifactId"];
            /** @description When. */
            at: components["schemas"]["Instant"];
            /**
             * Format: int64
             * @description The attempt that did it.
             */
            attempt: number;
            /** @description More about it. */
            detail?: unknown;
            /** @description What kind of action: `action`, `screenshot`, `thought`, or the worker's own word. Of an agent: `model`, `tool`, `child`. */
            kind: string;
            /** @description The node. */
            nodeId: string;
            /** @description The run's address inside loops. */
            path?: string | null;
            /**
             * Format: int64
             * @description Position in the execution's log.
             */
            seq: number;
            /** @description One line for people. */
            title: string;
        };
        /** @description `node_artifact` */
        NodeArtifactEvent: {
            /** @description The file; its bytes are there for whoever reads this. */
            artifact: components["schemas"]["Artifact"];
            /** @description When. */
            at: components["schemas"]["Instant"];
            /**
             * Format: int64
             * @description The attempt that produced it.
             */
            attempt: number;
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
        /** @description What a replay does with one node. */
        NodeChoice: "run" | "reuse" | {
            /** @description This value is its result. */
            pin: unknown;
        };
        /** @description One node. */
        NodeDefinition: {
            /** @description The node's configuration, by the JSON Schema of its type. */
            data?: Record<string, unknown>;
            /** @description Unique in the definition: letters, digits, `_` and `-`, 1 to 64 characters. */
            id: string;
            /** @description A name for people; expressions may use it too. */
            name?: string | null;
            /** @description The loop whose body this node is in. */
            parentId?: string | null;
            position?: null | components["schemas"]["Position"];
            /** @description The node's type, one of `GET /v1/node-types`. `data.nodeType` is accepted in its place. */
            type?: string;
        };
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
             * Format: double
             * @description How far the work has come (progress).
             */
            progress?: number | null;
            /**
             * Format: double
             * @description How far it goes (progress).
             */
            progressMax?: number | null;
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
            /** @description Why it was passed over (skipped, by the condition in front of it). */
            reason?: string | null;
            /** @description The result was taken over from the execution that this one replays. */
            reused?: boolean;
            startedAt?: null | components["schemas"]["Instant"];
            /** @description What became of it. */
            status: components["schemas"]["NodeStatus"];
            task?: null | components["schemas"]["TaskStanding"];
        };
        /**
         * @description What became of a node run.
         * @enum {string}
         */
        NodeStatus: "running" | "suspended" | "retrying" | "completed" | "failed" | "skipped" | "cancelled";
        /** @description A node without a workflow around it. */
        NodeToTest: {
            /** @description Its configuration. */
            data?: Record<string, unknown>;
            /** @description Its name. */
            name?: string | null;
            /** @description Its type. */
            type: string;
        };
        /** @description A node type, as the API shows it. */
        NodeType: {
            /** @description What it belongs to: `flow`, `data`, `network`, `ai` or `people`. */
            category: string;
            /** @description What it does. */
            description: string;
            /** @description An example of a node's `data`. */
            example: Record<string, unknown>;
            /** @description The ports. */
            ports: components["schemas"]["Port"][];
            /** @description What its output is. */
            result: string;
            /** @description JSON Schema (2020-12) of a node's `data`. */
            schema: Record<string, unknown>;
            /** @description The name for people. */
            title: string;
            /** @description The name to use as a node's `type`. */
            type: string;
        };
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
            /** @description The result is the node's mock: the execution was started with `mocks`. */
            mocked?: boolean;
            /** @description The node. */
            nodeId: string;
            /** @description The node's output (completed). */
            output?: unknown;
            /** @description The run's address inside loops, such as `each[3]/fetch`; missing at the top level. */
            path?: string | null;
            /** @description The result was given by the caller of the replay. */
            pinned?: boolean;
            /** @description Why it was passed over (skipped, by the condition in front of it). */
            reason?: string | null;
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
            /** @description The node hands on what it was handed (`lastOutput`), not its output (completed), or was passed over (skipped). */
            transparent?: boolean;
        };
        /** @description A workflow that could not be begun about a subject. */
        NotBegun: {
            /** @description Why, for programs: a code of problems. */
            code: string;
            /** @description Why, for people. */
            message: string;
            /** @description Whether the same may work later. */
            retryable: boolean;
            /** @description The subject. */
            subjectId: components["schemas"]["SubjectId"];
            /** @description The workflow. */
            workflowId: components["schemas"]["WorkflowId"];
        };
        /** @description A workflow that an event could not start. */
        NotStarted: {
            /** @description Why, for programs: a code of problems, or `expression_failed` for a condition that has no truth. */
            code: string;
            /** @description Why, for people. */
            message: string;
            /** @description Whether the same may work later. */
            retryable: boolean;
            /** @description The workflow. */
            workflowId: components["schemas"]["WorkflowId"];
            /**
             * Format: int64
             * @description Its version.
             */
            workflowVersion: number;
        };
        /**
         * Format: uuid
         * @description A message that something waits for an answer.
         */
        NotificationId: string;
        /**
         * @description What has become of a notification.
         * @enum {string}
         */
        NotificationState: "pending" | "delivered" | "failed" | "cancelled";
        /** @description A notification as the API shows it. */
        NotificationView: {
            /** @description What became of each try, oldest first. */
            attempts: components["schemas"]["Attempt"][];
            /** @description When it was to be sent. */
            dueAt: components["schemas"]["Instant"];
            /** @description Its id; receivers see it with every attempt, so that they can drop repeats. */
            id: components["schemas"]["NotificationId"];
            nextAttemptAt?: null | components["schemas"]["Instant"];
            /** @description Why. */
            occasion: components["schemas"]["Occasion"];
            /** @description What has become of it. */
            state: components["schemas"]["NotificationState"];
            /** @description What waits for an answer. */
            suspensionId: components["schemas"]["SuspensionId"];
            /** @description Whereto: a mailbox, or of a URL scheme and host (the rest may be secret). */
            to: string;
            /** @description How it is sent. */
            type: components["schemas"]["Channel"];
            /** @description Who answers by the link it carries; missing: whoever holds it. */
            user?: string | null;
        };
        /**
         * @description Why a notification is sent.
         * @enum {string}
         */
        Occasion: "opened" | "reminder" | "escalation";
        /** @description Signing in at an OpenID Connect provider. */
        OidcMethod: {
            /** @description What is on the button. */
            label: string;
        };
        /**
         * @description What becomes of answers that were given in the original.
         * @enum {string}
         */
        OldDecisions: "ask" | "reuse";
        /** @description What happens when nobody answers in time. */
        OnExpiry: "reject" | "approve" | "fail" | "cancel" | "default" | {
            /** @description The node finishes through this port. */
            port: string;
        };
        /**
         * @description What becomes of an execution for which there is no room. One that has begun already always waits.
         * @enum {string}
         */
        OnLimit: "queue" | "skip" | "cancel_oldest" | "fail";
        /**
         * @description What happens at a slot while an execution of the schedule has not ended.
         * @enum {string}
         */
        Overlap: "allow" | "skip" | "queue" | "cancel_previous";
        /**
         * @description What a planned node does.
         * @enum {string}
         */
        PlannedAction: "run" | "reuse" | "pin";
        /** @description One node of a plan. */
        PlannedNode: {
            /** @description What it does. */
            action: components["schemas"]["PlannedAction"];
            decision?: null | components["schemas"]["OldDecisions"];
            /** @description The node. */
            nodeId: string;
            /** @description Its address, where it is inside an iteration of a loop or a child: `each[3]/fetch`, `call/fetch`. */
            path?: string | null;
            /** @description Why it does so. */
            reason: string;
            was?: null | components["schemas"]["NodeStatus"];
        };
        /** @description A folder of workflows inside a workspace. */
        Pod: {
            /** @description When it was made. */
            createdAt: components["schemas"]["Instant"];
            /** @description What it is for. */
            description: string;
            /** @description Its id. */
            id: components["schemas"]["PodId"];
            /**
             * Format: int64
             * @description How many of its executions may run at a time, suspended ones apart; none is no limit.
             */
            maxRunning?: number | null;
            /** @description Its name. */
            name: string;
            /** @description Its name in addresses, made from `name`, unique in the workspace. */
            slug: string;
            /** @description When it last changed. */
            updatedAt: components["schemas"]["Instant"];
            /** @description The workspace it is in. */
            workspaceId: components["schemas"]["WorkspaceId"];
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
        /** @description A port, as the table describes it. */
        Port: {
            /** @description When the node finishes through it. */
            description: string;
            /** @description The port's id: what an edge has as its `sourceHandle`. An id in angle brackets stands for ids of the configuration. */
            id: string;
            /** @description Whether an edge must leave by it. */
            required: boolean;
        };
        /** @description A place on the editor's canvas. */
        Position: {
            /**
             * Format: double
             * @description To the right.
             */
            x: number;
            /**
             * Format: double
             * @description Downwards.
             */
            y: number;
        };
        /** @description A problem document (RFC 9457). */
        Problem: {
            /** @description The kind of problem for programs; stable. */
            code: string;
            /** @description This case, for people. */
            detail: string;
            /** @description The single things that are wrong, where they can be named. */
            errors: components["schemas"]["FieldError"][];
            /** @description The request's id: the response's `X-Request-Id`, and the one in the server's log. */
            requestId: string;
            /**
             * Format: int32
             * @description The response's status.
             */
            status: number;
            /** @description The kind of problem for people; the same for each code. */
            title: string;
            /** @description The kind of problem as a URI: `urn:sluicegate:problem:` and the code. */
            type: string;
        };
        /** @description Something that has happened. */
        PublishEvent: {
            /** @description What expressions find under `context`, beside `context.event`. */
            context?: Record<string, unknown> | null;
            /** @description What happened; the input of the executions. */
            data?: unknown;
            /** @description What it is about; the subject of the executions. */
            subject?: string | null;
            /**
             * @description Its type: letters, digits, `_` and `-`, in parts between dots.
             * @example order.created
             */
            type: string;
        };
        /** @description An event that was taken, and what it has started. */
        PublishedEvent: {
            /** @description When it was taken. */
            at: components["schemas"]["Instant"];
            /** @description What it has started. */
            executions: components["schemas"]["StartedByEvent"][];
            /** @description Workflows that subscribe to it and could not be started. */
            failed: components["schemas"]["NotStarted"][];
            /** @description Its id: the `triggerId` of the executions. */
            id: components["schemas"]["EventId"];
            /** @description What it is about. */
            subject?: string | null;
            /** @description Its type. */
            type: string;
            /** @description Workflows that subscribe to its type, with a condition that is not true of it. */
            unmatched: components["schemas"]["WorkflowId"][];
        };
        /** @description A document as it is to be. */
        PutDocument: {
            expiresAt?: null | components["schemas"]["Instant"];
            /** @description What is searched, up to 262144 bytes; the texts in `value`, if missing. */
            text?: string | null;
            /** @description What it holds: any JSON, up to 262144 bytes. */
            value: unknown;
        };
        /** @description A group as it is to be. */
        PutGroup: {
            /** @description What it is for. */
            description?: string;
            /** @description The ids of its members, who are members of the workspace. */
            members: string[];
        };
        /** @description The value of a secret. */
        PutSecret: {
            /** @description A text of 1 byte to 64 KiB. It is sealed before it is stored, and no reply shows it again. */
            value: string;
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
        /** @description Whom a suspension is put to. */
        Reassign: {
            /** @description Groups: their members at this moment. */
            groups?: string[];
            /** @description Why. */
            reason?: string | null;
            /** @description Members with one of these roles, or a higher one. Only admins name roles. */
            roles?: components["schemas"]["Role"][];
            /** @description Members of the workspace. */
            users?: string[];
        };
        /** @description What a receipt says. */
        Receipt: {
            /** @description When it ended. */
            closedAt: components["schemas"]["Instant"];
            decision?: null | components["schemas"]["Decision"];
            /** @description The execution that waited. */
            executionId: components["schemas"]["ExecutionId"];
            expiresAt?: null | components["schemas"]["Instant"];
            /** @description What kind of answer was asked for. */
            kind: components["schemas"]["SuspensionKind"];
            /** @description The node that asked. */
            nodeId: string;
            /** @description When it was asked. */
            openedAt: components["schemas"]["Instant"];
            /** @description The node's address inside loops. */
            path?: string | null;
            /** @description The pod. */
            podId: components["schemas"]["PodId"];
            /** @description Who was allowed to decide, as it was when it was asked. */
            policy: components["schemas"]["Policy"];
            /** @description The message or question. */
            question: string;
            /** @description SHA-256 over everything that was shown: see [`shown_sha256`]. */
            shownSha256: string;
            /** @description How the decision came about: `person` (signed in), `api` (an API key), `link`, `default`, `expiry`, `cancel`. */
            source: components["schemas"]["DecisionSource"];
            /** @description How it ended. */
            state: components["schemas"]["SuspensionState"];
            /** @description The suspension. */
            suspensionId: components["schemas"]["SuspensionId"];
            /**
             * Format: int32
             * @description The form of this document: 1.
             */
            version: number;
            /** @description The votes as they stood (quorum). */
            votes?: components["schemas"]["Vote"][];
            /** @description The workflow. */
            workflowId: components["schemas"]["WorkflowId"];
            /**
             * Format: int64
             * @description Its version.
             */
            workflowVersion: number;
            /** @description The workspace. */
            workspaceId: components["schemas"]["WorkspaceId"];
        };
        /** @description A task that is given back. */
        ReleaseTask: {
            /** @description The token, if it is in no header. */
            leaseToken?: string | null;
        };
        /** @description An execution that has been removed. */
        RemovedExecution: {
            /** @description Its id, by which nothing is found any more. */
            id: components["schemas"]["ExecutionId"];
        };
        /** @description A wish for a replay. */
        ReplayExecution: {
            /** @description Whether approvals and questions that run again ask again, or take over their old answers. */
            decisions?: components["schemas"]["OldDecisions"];
            /** @description Only plan; nothing is started. */
            dryRun?: boolean;
            /**
             * @description The node from which on everything runs again; the beginning, if missing. Inside the iteration of a loop or inside a child it is
             *     the node's path: `each[3]/fetch`, `call/fetch`.
             */
            fromNodeId?: string | null;
            /** @description Another input; only from the beginning. */
            input?: unknown;
            /** @description Nodes that run again and have a `mock` take that; as in the original, if missing. */
            mocks?: boolean | null;
            /** @description Per node: `"run"`, `"reuse"`, or `{"pin": value}`. */
            nodes?: {
                [key: string]: components["schemas"]["NodeChoice"];
            };
            version?: null | components["schemas"]["VersionChoice"];
        };
        /** @description What a replay would do. */
        ReplayPlan: {
            /** @description Per node of the top level, and of what is around the place where it begins. */
            nodes: components["schemas"]["PlannedNode"][];
            /**
             * Format: int64
             * @description The version that would run.
             */
            workflowVersion: number;
        };
        /** @description What is done again about one subject. */
        ReprocessSubject: {
            /**
             * @description By these workflows; by all that have executions about it, if missing or empty.
             * @default []
             */
            workflowIds?: components["schemas"]["WorkflowId"][];
        };
        /** @description What is done again about many subjects. */
        ReprocessSubjects: {
            filter?: null | components["schemas"]["SubjectSelection"];
            /**
             * Format: int32
             * @description How many executions become ready in a second.
             * @default 10
             */
            perSecond?: number;
            /** @description These; up to 10000. */
            subjectIds?: components["schemas"]["SubjectId"][] | null;
            /** @description By these workflows; each subject by all that have executions about it, if missing or empty. */
            workflowIds?: components["schemas"]["WorkflowId"][];
        };
        /** @description What was begun. */
        ReprocessedSubject: {
            /** @description The new executions, one per workflow. */
            executions: components["schemas"]["Execution"][];
            /** @description What could not be begun. */
            failed: components["schemas"]["NotBegun"][];
        };
        /** @description What was asked for. */
        ReprocessedSubjects: {
            /** @description The new executions, in the order in which they become ready. */
            executionIds: components["schemas"]["ExecutionId"][];
            /** @description What could not be asked for. */
            failed: components["schemas"]["NotBegun"][];
        };
        /**
         * @description How far those have come that an execution was asked for again as.
         * @enum {string}
         */
        Reprocessing: "pending" | "done";
        /** @description An answer to what an execution asks. */
        Respond: {
            /** @description One of an approval's actions, in place of `approved`. */
            action?: string | null;
            /** @description The answer to a question. */
            answer?: unknown;
            /** @description An approval: yes or no. */
            approved?: boolean | null;
            /** @description A remark. */
            comment?: string | null;
            /** @description The filled form. */
            data?: unknown;
            /** @description The node whose suspension is meant, in its place. */
            nodeId?: string | null;
            /** @description Why. */
            reason?: string | null;
            suspensionId?: null | components["schemas"]["SuspensionId"];
        };
        /**
         * @description What the sender of a delivery is answered.
         * @enum {string}
         */
        ResponseMode: "execution" | "wait" | "stream";
        /** @description The result that another node is said to have. */
        ResultOfNode: {
            /** @description Its output. */
            output?: unknown;
        };
        /** @description How long executions are kept after their end. */
        Retention: {
            /**
             * Format: int64
             * @description After how many days they are removed; `null` keeps them for ever, whatever the workspace says.
             */
            days: number | null;
        };
        /**
         * @description What a member or key may do; each role includes the ones before it.
         * @enum {string}
         */
        Role: "viewer" | "editor" | "admin" | "owner";
        /** @description Another secret. */
        RotateSecret: {
            /**
             * Format: int64
             * @description How long the secret of before holds as well, in seconds: up to a week. 0: it ends at once.
             * @default 86400
             */
            overlapSeconds?: number;
            /** @description The secret; one is made, if missing. */
            secret?: string;
        };
        /** @description A schedule as the API shows it. */
        Schedule: {
            /** @description Which slots are made up for after a pause of the server. */
            catchUp: components["schemas"]["CatchUp"];
            /** @description When it was made. */
            createdAt: components["schemas"]["Instant"];
            /** @description Who made it. */
            createdBy: string;
            /** @description When: five fields of cron, or six with seconds in front. */
            cronExpression: string;
            /** @description Whether slots start anything. */
            enabled: boolean;
            endAt?: null | components["schemas"]["Instant"];
            /** @description Its id. */
            id: components["schemas"]["ScheduleId"];
            /** @description What the executions work on. */
            input?: unknown;
            /**
             * Format: int64
             * @description The widest that the runs are shifted behind their slots; each schedule has its own shift, which stays.
             */
            jitterSeconds: number;
            /** @description Why the last slot could not start an execution; none once one could. */
            lastError?: string | null;
            lastRunAt?: null | components["schemas"]["Instant"];
            /** @description Its name. */
            name: string;
            nextRunAt?: null | components["schemas"]["Instant"];
            /** @description What happens while an execution of it has not ended. */
            overlap: components["schemas"]["Overlap"];
            /** @description The pod it is in. */
            podId: components["schemas"]["PodId"];
            startAt?: null | components["schemas"]["Instant"];
            /** @description The time zone that the expression is read in, by its IANA name. */
            timezone: string;
            /** @description When somebody last changed it. */
            updatedAt: components["schemas"]["Instant"];
            waitingSlot?: null | components["schemas"]["Instant"];
            /** @description The workflow it starts. */
            workflowId: components["schemas"]["WorkflowId"];
            /** @description The workspace it is in. */
            workspaceId: components["schemas"]["WorkspaceId"];
        };
        /**
         * Format: uuid
         * @description A schedule.
         */
        ScheduleId: string;
        /** @description A secret as the API shows it: never its value. */
        Secret: {
            /** @description When there first was one of this name. */
            createdAt: components["schemas"]["Instant"];
            /** @description Its name: what workflows write after `secrets.`. */
            name: string;
            /** @description When its value was last set. */
            updatedAt: components["schemas"]["Instant"];
            /** @description Who set it. */
            updatedBy: string;
        };
        /** @description Results of several tasks. */
        SendResults: {
            /** @description The results, each of another task. */
            results: components["schemas"]["TaskResult"][];
        };
        /** @description What became of a result. */
        SentResult: components["schemas"]["TaskOutcome"] | {
            /** @description Why: what a request with this result alone would have been answered. */
            problem: components["schemas"]["Problem"];
        };
        /** @description What became of results. */
        SentResults: {
            /** @description One for each result, in their order. */
            results: components["schemas"]["SentResult"][];
        };
        /** @description Who the caller is. */
        SessionView: {
            expiresAt?: null | components["schemas"]["Instant"];
            /** @description A person or a program. */
            kind: "user" | "api_key";
            /** @description The name of an API key. */
            name?: string | null;
            /** @description The user's id, or `key:<id>`: what `createdBy` and the like hold. */
            principalId: string;
            role?: null | components["schemas"]["Role"];
            workspaceId?: null | components["schemas"]["WorkspaceId"];
        };
        /** @description Settings of every execution of a workflow. */
        Settings: {
            concurrency?: null | components["schemas"]["Concurrency"];
            dedupe?: null | components["schemas"]["Dedupe"];
            /**
             * Format: int32
             * @description The priority of executions that name none: -100 to 100, higher first.
             */
            priority?: number | null;
            retention?: null | components["schemas"]["Retention"];
            /** @description Events that start the workflow, once it is deployed. */
            subscriptions?: components["schemas"]["Subscription"][];
            /**
             * Format: int64
             * @description How long an execution may be active, in milliseconds; waiting for people and timers does not count.
             */
            timeoutMs?: number | null;
            /**
             * @description What the variables are at first: any values, by name. Nodes of type `variables` assign others, expressions read
             *     `variables.<name>`.
             */
            variables?: Record<string, unknown>;
        };
        /** @description How people sign in, beside keys and tokens. */
        SignInMethods: {
            oidc?: null | components["schemas"]["OidcMethod"];
        };
        /** @description A receipt, signed. */
        SignedReceipt: {
            /** @description The same as a JSON Web Signature in its compact form, by the key at `/.well-known/jwks.json`. */
            jws: string;
            /** @description What it says, for reading. Believe the signature. */
            receipt: components["schemas"]["Receipt"];
        };
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
        /** @description A row of the ledger: one slot of a schedule, and what became of it. */
        Slot: {
            executionId?: null | components["schemas"]["ExecutionId"];
            /**
             * Format: int64
             * @description How many milliseconds after the slot (and the schedule's shift) this was decided.
             */
            lateMs: number;
            /** @description What became of it. */
            outcome: components["schemas"]["SlotOutcome"];
            /** @description Why nothing was started. */
            reason?: string | null;
            /** @description The schedule. */
            scheduleId: components["schemas"]["ScheduleId"];
            /** @description When it was decided. */
            settledAt: components["schemas"]["Instant"];
            /** @description The instant on the schedule's grid. */
            slot: components["schemas"]["Instant"];
        };
        /**
         * @description What became of a slot.
         * @enum {string}
         */
        SlotOutcome: "started" | "skipped_overlap" | "skipped_disabled" | "missed" | "failed";
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
        /** @description Whether a workflow is marked. */
        StarWorkflow: {
            /**
             * @description `false` takes the mark away.
             * @default true
             */
            starred?: boolean;
        };
        /** @description An execution that an event has started. */
        StartedByEvent: {
            /** @description The execution. */
            executionId: components["schemas"]["ExecutionId"];
            /** @description The workflow. */
            workflowId: components["schemas"]["WorkflowId"];
            /**
             * Format: int64
             * @description Its version.
             */
            workflowVersion: number;
        };
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
            trace?: null | components["schemas"]["Trace"];
        };
        /** @description A token for one stream. */
        StreamToken: {
            /** @description Until when a stream can be opened with it. A stream that is open stays open. */
            expiresAt: components["schemas"]["Instant"];
            /** @description For `?token=` of the stream's address. */
            token: string;
        };
        /** @description A thing that executions are about. */
        Subject: {
            /**
             * Format: int64
             * @description 1, and one more with each change.
             */
            changeSequence: number;
            /** @description When. */
            createdAt: components["schemas"]["Instant"];
            /** @description Who has created it. */
            createdBy: string;
            /** @description What others know of it, by whom. */
            externalData: Record<string, unknown>;
            /** @description Its id: what executions about it have as their `subject`. */
            id: components["schemas"]["SubjectId"];
            /** @description Its labels, sorted. */
            labels: string[];
            /** @description A mark that it should be left alone. It is for people and programs; the server refuses nothing because of it. */
            locked: boolean;
            /** @description What is known of it. */
            metadata: Record<string, unknown>;
            /** @description What it is called, such as a file's path; once per store in a pod. */
            path: string;
            /** @description The pod it is in. */
            podId: components["schemas"]["PodId"];
            /** @description Where it stands, in words of the pod's own. */
            status?: string | null;
            /** @description Where its content lives. */
            store?: string | null;
            /** @description When it was changed last. */
            updatedAt: components["schemas"]["Instant"];
            /** @description The workspace it is in. */
            workspaceId: components["schemas"]["WorkspaceId"];
        };
        /**
         * Format: uuid
         * @description A thing that executions are about.
         */
        SubjectId: string;
        /** @description The filter of the list of subjects. What is missing fits any. */
        SubjectSelection: {
            /**
             * @description Those with this label.
             * @default null
             */
            label?: string | null;
            /**
             * @description Those whose path begins with this.
             * @default null
             */
            path?: string | null;
            /**
             * @description Those whose content lives here.
             * @default null
             */
            store?: string | null;
        };
        /** @description Events that start a workflow, once it is deployed. */
        Subscription: {
            /** @description What it adds to the context of what it starts: any JSON, with templates over `event` in its texts. */
            context?: Record<string, unknown>;
            /** @description A template over `event` that makes the `dedupeKey` of what it starts; an empty text is none. */
            dedupeKey?: string | null;
            /**
             * Format: int32
             * @description The priority of what it starts: -100 to 100, higher first. It comes before that of the workflow.
             */
            priority?: number | null;
            /** @description The type: exact (`order.created`), all below a name (`order.*`), or all (`*`). */
            type: string;
            /** @description An expression over `event`; only events for which it is true start the workflow. */
            when?: string | null;
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
        SuspensionKind: "approval" | "tool_approval" | "ask_human" | "callback";
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
        /** @description Something that a worker did. */
        TaskAction: {
            artifactId?: null | components["schemas"]["ArtifactId"];
            /** @description More about it. */
            detail?: unknown;
            /** @description `action`, `step`, `screenshot`, `thought`, or a word of its own. Steps, screenshots, and everything else are counted apart. */
            kind: string;
            /** @description One line for people. */
            title: string;
        };
        /** @description A piece of text from a worker. */
        TaskDelta: {
            /** @description Of what. */
            channel: components["schemas"]["DeltaChannel"];
            /** @description The piece. */
            delta: string;
        };
        /** @description Why a worker could not do its task. */
        TaskError: {
            /** @description The worker's own code for it. */
            code?: string | null;
            /** @description More about it. */
            details?: unknown;
            /** @description One sentence for people. */
            message: string;
            /**
             * @description Whether another attempt may succeed; the node's `retry` says how many there are.
             * @default true
             */
            retryable?: boolean;
        };
        /**
         * Format: uuid
         * @description Work that a worker takes over.
         */
        TaskId: string;
        /** @description A log line of a worker. */
        TaskLog: {
            /** @description More about it. */
            data?: unknown;
            level?: null | components["schemas"]["LogLevel"];
            /** @description The line. */
            message: string;
        };
        /** @description How the execution of a task stands after a worker's word. */
        TaskOutcome: {
            /** @description The execution. */
            executionId: components["schemas"]["ExecutionId"];
            /** @description Its status now. */
            status: components["schemas"]["ExecutionStatus"];
            /** @description The task. */
            taskId: components["schemas"]["TaskId"];
        };
        /** @description A queue of tasks. */
        TaskQueue: {
            /**
             * Format: int64
             * @description Tasks that a worker has.
             */
            leased: number;
            oldestQueuedAt?: null | components["schemas"]["Instant"];
            /** @description Its name. */
            queue: string;
            /**
             * Format: int64
             * @description Tasks that wait for a worker.
             */
            queued: number;
            /** @description Workers that wait for a task of it, on the server that answers. */
            workersWaiting: number;
        };
        /** @description The result of one of several tasks: an output, or an error. */
        TaskResult: {
            error?: null | components["schemas"]["TaskError"];
            /** @description The token of the lease, which says whose result it is. */
            leaseToken: string;
            /** @description The node's output; null, if missing. */
            output?: unknown;
            stats?: null | components["schemas"]["TaskStats"];
        };
        /** @description How a task of a node run stands. */
        TaskStanding: {
            /**
             * Format: int64
             * @description The number of its latest lease; 0 before the first.
             */
            fence: number;
            /**
             * Format: int64
             * @description How many leases ran out.
             */
            lost: number;
            /** @description The queue it is in. */
            queue: string;
            /** @description When the present state began. */
            since: components["schemas"]["Instant"];
            /** @description `queued` or `leased`. */
            state: components["schemas"]["TaskState"];
            /** @description The task. */
            taskId: components["schemas"]["TaskId"];
            /** @description Who has it. */
            workerId?: string | null;
        };
        /**
         * @description Where a task is in its life. All but `queued` and `leased` are final.
         * @enum {string}
         */
        TaskState: "queued" | "leased" | "completed" | "failed" | "withdrawn";
        /** @description Counts that a worker tells with its result, in place of what was counted from its reports. */
        TaskStats: {
            /**
             * Format: int64
             * @description Actions of its agent.
             */
            agentActions?: number | null;
            /**
             * Format: int64
             * @description Screenshots it took.
             */
            screenshots?: number | null;
            /**
             * Format: int64
             * @description Steps it took.
             */
            steps?: number | null;
        };
        /** @description `task_update` */
        TaskUpdateEvent: {
            /** @description When. */
            at: components["schemas"]["Instant"];
            /**
             * Format: int64
             * @description The attempt of the node run.
             */
            attempt: number;
            /**
             * Format: int64
             * @description The number of its latest lease; 0 before the first.
             */
            fence: number;
            /** @description The node. */
            nodeId: string;
            /** @description The run's address inside loops. */
            path?: string | null;
            /** @description The queue it is in. */
            queue: string;
            /** @description Why: `released` or `lease_lost` (back in the queue), `cancelled`, `timeout` or `lease_lost` (over). */
            reason?: string | null;
            /**
             * Format: int64
             * @description Position in the execution's log.
             */
            seq: number;
            /** @description Its state from now on. */
            state: components["schemas"]["TaskState"];
            stats?: null | components["schemas"]["TaskStats"];
            /** @description The task. */
            taskId: components["schemas"]["TaskId"];
            /** @description Who has it, or had it. */
            workerId?: string | null;
        };
        /** @description A node to test, and the values that it sees. */
        TestNode: {
            /** @description What expressions find under `context`. */
            context?: Record<string, unknown> | null;
            /**
             * Format: int64
             * @description Its index; 0, if only `item` is given.
             */
            index?: number | null;
            /** @description The input of the execution, as expressions see it. */
            input?: unknown;
            /** @description The item, as in the body of a loop. */
            item?: unknown;
            /** @description What the node is handed; the input, if missing. */
            lastOutput?: unknown;
            /** @description The node. */
            node: components["schemas"]["NodeToTest"];
            /** @description Results of other nodes, by id. Their outputs come in by the node's edges, too, in the order of the ids. */
            nodeResults?: {
                [key: string]: components["schemas"]["ResultOfNode"];
            };
            /** @description What expressions find under `variables`. */
            variables?: Record<string, unknown> | null;
        };
        /**
         * @description How the test of a node ended, or what the node would do next.
         * @enum {string}
         */
        TestStatus: "completed" | "failed" | "skipped" | "suspended" | "waiting" | "child" | "task" | "iterates";
        /** @description The child execution that a tested node would start. */
        TestedChild: {
            /** @description Its input. */
            input: unknown;
            /**
             * Format: int64
             * @description Its version; missing is the latest.
             */
            version?: number | null;
            /** @description Whether the node would wait for its end. */
            wait: boolean;
            /** @description The workflow. */
            workflowId: components["schemas"]["WorkflowId"];
        };
        /** @description A line that a tested node has logged. */
        TestedLine: {
            /** @description More about it. */
            data?: unknown;
            /** @description How much it matters. */
            level: components["schemas"]["LogLevel"];
            /** @description The line. */
            message: string;
        };
        /** @description What the test of a node gave. */
        TestedNode: {
            /** @description The port it finishes through, if not the default one. */
            branch?: string | null;
            child?: null | components["schemas"]["TestedChild"];
            /**
             * Format: int64
             * @description How long it took.
             */
            durationMs: number;
            error?: null | components["schemas"]["Failure"];
            /** @description What its body would run for (iterates). */
            items?: unknown[] | null;
            /** @description What it logged: 1000 lines at most. */
            logs: components["schemas"]["TestedLine"][];
            /** @description The output (completed). */
            output?: unknown;
            question?: null | components["schemas"]["TestedQuestion"];
            /** @description Why it is passed over (skipped). */
            reason?: string | null;
            resumeAt?: null | components["schemas"]["Instant"];
            /** @description How it ended. */
            status: components["schemas"]["TestStatus"];
            task?: null | components["schemas"]["TestedTask"];
        };
        /** @description What a tested node would ask. Whom it would tell is left out: that may hold secrets. */
        TestedQuestion: {
            /** @description Actions to choose from. */
            actions: components["schemas"]["Action"][];
            /** @description Answers to choose from. */
            choices: string[];
            /** @description What the reviewer would see. */
            context?: unknown;
            expiresAt?: null | components["schemas"]["Instant"];
            /** @description JSON Schema of the answer's `data`. */
            form?: Record<string, unknown> | null;
            /** @description Approval or question. */
            kind: components["schemas"]["SuspensionKind"];
            /** @description The message or question. */
            message: string;
            /** @description What would happen then. */
            onExpiry: components["schemas"]["OnExpiry"];
            /** @description Who might answer, and how many would have to; groups as they are written. */
            policy: components["schemas"]["Policy"];
            /** @description Whether a rejection would need a reason. */
            requireReason: boolean;
            /** @description A heading. */
            title?: string | null;
        };
        /** @description The task that a tested node would queue. */
        TestedTask: {
            /** @description What there would be to do. */
            input: unknown;
            /**
             * Format: int64
             * @description How long a lease would last without a sign of life.
             */
            leaseMs: number;
            /** @description The queue. */
            queue: string;
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
        /** @description Whether a schedule is to be enabled. */
        ToggleSchedule: {
            /** @description Enabled or not; the other of what it is, if missing. */
            enabled?: boolean;
        };
        /** @description The trace that an execution is part of. */
        Trace: {
            /** @description The span that the execution is below; missing where the trace begins with it. */
            parentSpanId?: null | string;
            /** @description Whether whoever began the trace records it. */
            sampled: boolean;
            /** @description The trace. */
            traceId: string;
            /** @description What others have to say of the trace, as it came. */
            traceState?: string | null;
        };
        /** @description What goes out with a call. */
        TraceHeaders: {
            /** @description The trace and the span that calls, as the header `traceparent` of W3C Trace Context. */
            traceparent: string;
            /** @description What others have to say of the trace, as the header `tracestate`. */
            tracestate?: string | null;
        };
        /**
         * @description What started an execution.
         * @enum {string}
         */
        TriggeredBy: "manual" | "sdk" | "schedule" | "webhook" | "event" | "replay" | "retry" | "subworkflow";
        /** @description What changes about a member. */
        UpdateMember: {
            /** @description What they may do from now on. */
            role: components["schemas"]["Role"];
        };
        /** @description What changes about a pod; what is missing stays. */
        UpdatePod: {
            /** @description What it is for. */
            description?: string;
            /**
             * Format: int64
             * @description How many of its executions may run at a time, suspended ones apart; `null` is no limit. Admins and owners.
             */
            maxRunning?: number | null;
            /** @description Its name. */
            name?: string;
        };
        /** @description What changes about a schedule; what is missing stays. */
        UpdateSchedule: {
            /** @description Which slots are made up for. */
            catchUp?: components["schemas"]["CatchUp"];
            /** @description When. `cronExpr` is taken as well. */
            cronExpression?: string;
            /** @description Whether slots start anything. */
            enabled?: boolean;
            endAt?: null | components["schemas"]["Instant"];
            /** @description What the executions work on. */
            input?: unknown;
            /**
             * Format: int64
             * @description The widest that the runs are shifted.
             */
            jitterSeconds?: number;
            /** @description Its name. */
            name?: string;
            /** @description What happens while an execution of the schedule has not ended. */
            overlap?: components["schemas"]["Overlap"];
            startAt?: null | components["schemas"]["Instant"];
            /** @description The time zone that the expression is read in. */
            timezone?: string;
            /** @description The workflow to start. */
            workflowId?: components["schemas"]["WorkflowId"];
        };
        /** @description What changes about a subject; what is missing stays. */
        UpdateSubject: {
            /** @description Labels that it gets beside those it has. */
            addLabels?: string[];
            /**
             * Format: int64
             * @description Only if the subject's `changeSequence` is still this one; else 409.
             */
            changeSequence?: number;
            /** @description Merged in the same way into what others know of it. */
            externalData?: Record<string, unknown>;
            /** @description All of its labels from now on. */
            labels?: string[];
            /** @description A mark that it should be left alone. */
            locked?: boolean;
            /** @description Merged into what is known of it: objects are merged, `null` removes a member, anything else replaces it. */
            metadata?: Record<string, unknown>;
            /** @description What it is called. */
            path?: string;
            /** @description Labels that are taken from it. */
            removeLabels?: string[];
            /** @description Where it stands; `null` for nowhere. */
            status?: string | null;
            /** @description Where its content lives; `null` for nowhere. */
            store?: string | null;
        };
        /** @description What changes about a webhook; what is missing stays. */
        UpdateWebhook: {
            /** @description The header that tells deliveries apart; `null`: that of the kind of verification. */
            dedupeHeader?: string | null;
            /** @description Whether deliveries are taken. */
            enabled?: boolean;
            /** @description Its name. */
            name?: string;
            /**
             * Format: int64
             * @description How many deliveries a minute are taken.
             */
            ratePerMinute?: number;
            /** @description What the sender is answered. */
            response?: components["schemas"]["ResponseMode"];
            /** @description The secret, for a webhook that has none; one that is there is rotated. */
            secret?: string;
            /** @description How deliveries are verified; with `none` the secret is forgotten. */
            verification?: components["schemas"]["Verification"];
            /**
             * Format: int64
             * @description How long the sender waits for the output.
             */
            waitSeconds?: number;
            /** @description The workflow to start. */
            workflowId?: components["schemas"]["WorkflowId"];
        };
        /** @description What changes about a workflow; what is missing stays. */
        UpdateWorkflow: {
            /** @description Its graph. One that differs from the latest version makes a new version. */
            definition?: components["schemas"]["Definition"];
            /** @description What it is for. */
            description?: string;
            /** @description Its name. */
            name?: string;
        };
        /** @description What changes about a workspace; what is missing stays. */
        UpdateWorkspace: {
            /**
             * Format: int64
             * @description How many of its executions may run at a time, suspended ones apart; `null` is no limit.
             */
            maxRunning?: number | null;
            /** @description Its name. */
            name?: string;
            /**
             * @description The hosts that its nodes and notifications may call: names such as `api.example.org`, addresses, or `*.example.org` for all
             *     below a name; also after redirects. `null` is any public host, an empty list none.
             */
            outboundHosts?: string[] | null;
            /**
             * Format: int64
             * @description After how many days executions that have ended are removed, with everything that belongs to them, unless their workflow says
             *     otherwise; `null` keeps them for ever. It holds for executions of before, too.
             */
            retentionDays?: number | null;
            /** @description Its name in addresses. */
            slug?: string;
        };
        /**
         * @description What became of a delivery.
         * @enum {string}
         */
        Verdict: "started" | "repeated" | "challenged" | "unverified" | "disabled" | "too_large" | "rate_limited" | "refused";
        /**
         * @description How a sender proves that a delivery is its own. What is verified are the bytes of the body as they came.
         * @enum {string}
         */
        Verification: "hmac-sha256" | "standard" | "github" | "stripe" | "slack" | "header" | "none";
        /** @description Which version of the workflow a replay runs. */
        VersionChoice: components["schemas"]["NamedVersion"] | number;
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
        /** @description A webhook as the API shows it. */
        Webhook: {
            /** @description When it was made. */
            createdAt: components["schemas"]["Instant"];
            /** @description Who made it. */
            createdBy: string;
            /** @description The header that tells deliveries apart, in lower case; none: what the kind of verification has for it. */
            dedupeHeader?: string | null;
            /** @description Whether deliveries are taken. */
            enabled: boolean;
            /** @description Its id. */
            id: components["schemas"]["WebhookId"];
            /** @description Its name. */
            name: string;
            /** @description The pod it is in. */
            podId: components["schemas"]["PodId"];
            previousSecretUntil?: null | components["schemas"]["Instant"];
            /**
             * Format: int64
             * @description How many deliveries a minute are taken; as many may come at once.
             */
            ratePerMinute: number;
            /** @description What the sender is answered. */
            response: components["schemas"]["ResponseMode"];
            /** @description When somebody last changed it. */
            updatedAt: components["schemas"]["Instant"];
            /** @description The address that deliveries are sent to. */
            url: string;
            /** @description How deliveries are verified. */
            verification: components["schemas"]["Verification"];
            /**
             * Format: int64
             * @description How long a sender waits for the output (`response: wait`), in seconds.
             */
            waitSeconds: number;
            /** @description The workflow it starts. */
            workflowId: components["schemas"]["WorkflowId"];
            /** @description The workspace it is in. */
            workspaceId: components["schemas"]["WorkspaceId"];
        };
        /** @description A webhook as the one sees it who made its secret. */
        WebhookAndSecret: components["schemas"]["Webhook"] & {
            /** @description The secret. Shown this once: a reply repeated for its idempotency key is without it. */
            secret?: string;
        };
        /** @description A delivery, and what became of it. */
        WebhookDelivery: {
            /**
             * Format: int64
             * @description How large its body was; of one that was not read what was announced.
             */
            bodyBytes: number;
            /** @description What tells it from other deliveries: the name of a header or field, a colon, and what that said. */
            dedupeKey?: string | null;
            executionId?: null | components["schemas"]["ExecutionId"];
            /** @description Its id. */
            id: components["schemas"]["DeliveryId"];
            /** @description Why nothing was started. */
            reason?: string | null;
            /** @description When it came. */
            receivedAt: components["schemas"]["Instant"];
            redeliveryOf?: null | components["schemas"]["DeliveryId"];
            /**
             * Format: int32
             * @description The HTTP status of the reply; none if there was none, because the sender did not wait for it.
             */
            status?: number | null;
            /** @description What became of it. */
            verdict: components["schemas"]["Verdict"];
            /** @description The webhook. */
            webhookId: components["schemas"]["WebhookId"];
        };
        /** @description A delivery with what came. */
        WebhookDeliveryDetail: components["schemas"]["WebhookDelivery"] & {
            /** @description Its body, or the first 4 KiB of it if it did not prove who sent it; none if it was not kept. */
            body?: string | null;
            /** @description `base64`, if the body is no text. */
            bodyEncoding?: string | null;
            /** @description Whether the body is all of it. */
            bodyIsWhole: boolean;
            /** @description Its headers without credentials, by their names in lower case. */
            headers: {
                [key: string]: string;
            };
            /** @description Its query. */
            query?: string | null;
        };
        /**
         * Format: uuid
         * @description A webhook; it is its public address.
         */
        WebhookId: string;
        /** @description A task in a worker's hands. */
        WorkerLease: {
            /** @description The execution. */
            executionId: components["schemas"]["ExecutionId"];
            leaseUntil?: null | components["schemas"]["Instant"];
            leasedAt?: null | components["schemas"]["Instant"];
            /** @description The node. */
            nodeId: string;
            /** @description The queue it came from. */
            queue: string;
            /** @description The task. */
            taskId: components["schemas"]["TaskId"];
        };
        /** @description A worker. */
        WorkerView: {
            /** @description Whether it was heard of lately, or has a lease that has not run out. */
            connected: boolean;
            /** @description When it was heard of last. */
            lastSeenAt: components["schemas"]["Instant"];
            /** @description What it has in its hands. */
            leases: components["schemas"]["WorkerLease"][];
            /** @description The queues it took tasks from when it asked last. */
            queues: string[];
            /** @description The version it says it is. */
            version?: string | null;
            /** @description What it calls itself. */
            workerId: string;
        };
        /** @description A workflow; the definition is that of its latest version. */
        Workflow: {
            /** @description When it was made. */
            createdAt: components["schemas"]["Instant"];
            definition?: null | components["schemas"]["Definition"];
            /**
             * Format: int64
             * @description The version that was deployed last; none while it isn't deployed.
             */
            deployedVersion?: number | null;
            /** @description What it is for. */
            description: string;
            /** @description Its id. */
            id: components["schemas"]["WorkflowId"];
            /** @description Its name. */
            name: string;
            /** @description The pod it is in. */
            podId: components["schemas"]["PodId"];
            /** @description Marked by a person. */
            starred: boolean;
            /** @description Draft, deployed or trashed. */
            state: components["schemas"]["WorkflowState"];
            /** @description When it last changed. */
            updatedAt: components["schemas"]["Instant"];
            /**
             * Format: int64
             * @description The number of the latest version.
             */
            version: number;
            /** @description The workspace it is in. */
            workspaceId: components["schemas"]["WorkspaceId"];
        };
        /**
         * Format: uuid
         * @description A workflow; its definitions are its numbered versions.
         */
        WorkflowId: string;
        /**
         * @description Where a workflow is in its life.
         * @enum {string}
         */
        WorkflowState: "draft" | "deployed" | "trashed";
        /** @description One immutable version of a workflow's definition. */
        WorkflowVersion: {
            /** @description When it was made. */
            createdAt: components["schemas"]["Instant"];
            /** @description Who made this version. */
            createdBy: string;
            /** @description The graph. */
            definition: components["schemas"]["Definition"];
            /**
             * Format: int64
             * @description 1, 2, 3, ...
             */
            version: number;
            /** @description The workflow. */
            workflowId: components["schemas"]["WorkflowId"];
        };
        /** @description The tenant. */
        Workspace: {
            /** @description When it was made. */
            createdAt: components["schemas"]["Instant"];
            /** @description Its id. */
            id: components["schemas"]["WorkspaceId"];
            /**
             * Format: int64
             * @description How many of its executions may run at a time, suspended ones apart; none is no limit.
             */
            maxRunning?: number | null;
            /** @description Its name. */
            name: string;
            /** @description The hosts that its nodes and notifications may call: names, or `*.example.org` for all below a name. None is any public host. */
            outboundHosts?: string[] | null;
            /**
             * Format: int64
             * @description After how many days executions that have ended are removed, unless their workflow says otherwise; none keeps them for ever.
             */
            retentionDays?: number | null;
            /** @description Its name in addresses, unique on the server. */
            slug: string;
            /** @description When it last changed. */
            updatedAt: components["schemas"]["Instant"];
        };
        /**
         * Format: uuid
         * @description The tenant: every row carries it, every query names it.
         */
        WorkspaceId: string;
        /**
         * @description Why a stream is closed. Not for being read slowly: such a client reads the stored log at its own pace.
         * @enum {string}
         */
        ClosingReason: "max_duration" | "shutdown";
        /** @description `execution_cancelled` */
        FeedCancelledEvent: {
            /** @description When. */
            at: components["schemas"]["Instant"];
            compensation?: null | components["schemas"]["Compensation"];
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
            compensation?: null | components["schemas"]["Compensation"];
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
            trace?: null | components["schemas"]["Trace"];
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
    };
    responses: never;
    parameters: never;
    requestBodies: never;
    headers: never;
    pathItems: never;
}
export type $defs = Record<string, never>;
export interface operations {
    begin_oidc_sign_in: {
        parameters: {
            query?: {
                /** @description Where to go afterwards: `/`, or a page of the dashboard below `/w/`. */
                return?: string;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: never;
    };
    list_workspaces: {
        parameters: {
            query?: {
                /** @description How many rows. */
                limit?: number;
                /** @description Where to go on, from the `Link` header of the page before. */
                cursor?: string;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: never;
    };
    list_api_keys: {
        parameters: {
            query?: {
                /** @description How many rows. */
                limit?: number;
                /** @description Where to go on, from the `Link` header of the page before. */
                cursor?: string;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: never;
    };
    list_audit: {
        parameters: {
            query?: {
                /** @description About this thing: the id of a suspension, an execution, a workflow, ... */
                subject?: string;
                /** @description How many rows. */
                limit?: number;
                /** @description Where to go on, from the `Link` header of the page before. */
                cursor?: string;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: never;
    };
    list_collections: {
        parameters: {
            query?: {
                /** @description How many rows. */
                limit?: number;
                /** @description Where to go on, from the `Link` header of the page before. */
                cursor?: string;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: never;
    };
    list_documents: {
        parameters: {
            query?: {
                /** @description Those whose key begins with this. */
                prefix?: string;
                /**
                 * @description Searches the texts for these words; signs between them mean nothing. The documents that fit best come first, and there are
                 *     no further pages.
                 */
                q?: string;
                /** @description With `q`: whether all words have to be in a document, or any. */
                match?: "all" | "any";
                /** @description With `q`: whether the last word may be the beginning of one. */
                partial?: boolean;
                /** @description How many rows. */
                limit?: number;
                /** @description Where to go on, from the `Link` header of the page before. */
                cursor?: string;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: never;
    };
    list_groups: {
        parameters: {
            query?: {
                /** @description How many rows. */
                limit?: number;
                /** @description Where to go on, from the `Link` header of the page before. */
                cursor?: string;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: never;
    };
    list_invites: {
        parameters: {
            query?: {
                /** @description How many rows. */
                limit?: number;
                /** @description Where to go on, from the `Link` header of the page before. */
                cursor?: string;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: never;
    };
    list_members: {
        parameters: {
            query?: {
                /** @description How many rows. */
                limit?: number;
                /** @description Where to go on, from the `Link` header of the page before. */
                cursor?: string;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: never;
    };
    list_pods: {
        parameters: {
            query?: {
                /** @description How many rows. */
                limit?: number;
                /** @description Where to go on, from the `Link` header of the page before. */
                cursor?: string;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: never;
    };
    list_bulk_jobs: {
        parameters: {
            query?: {
                /** @description How many rows. */
                limit?: number;
                /** @description Where to go on, from the `Link` header of the page before. */
                cursor?: string;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: never;
    };
    list_bulk_job_items: {
        parameters: {
            query?: {
                /** @description Only those that stand so. */
                state?: components["schemas"]["BulkItemState"];
                /** @description How many rows. */
                limit?: number;
                /** @description Where to go on, from the `Link` header of the page before. */
                cursor?: string;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: never;
    };
    stream_pod_events: {
        parameters: {
            query?: {
                /**
                 * @description After this cursor; `Last-Event-ID` comes first. Without one the stream begins now: nothing that happens from now on is
                 *     left out, and what was stored a moment ago may come as well.
                 */
                after?: string;
                /** @description Only these types: a comma list. */
                types?: string[];
                /** @description Only of this workflow. */
                workflowId?: components["schemas"]["WorkflowId"];
                /** @description `full` keeps what an event carries; `slim` is the default for pods, `full` for the inbox. */
                fields?: "slim" | "full";
                /** @description Begin with the newest executions or the open suspensions (`stream_snapshot`). */
                snapshot?: boolean;
                /** @description A stream token, in place of other credentials. */
                token?: string;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: never;
    };
    list_executions: {
        parameters: {
            query?: {
                /** @description In one of these statuses; may be repeated. */
                status?: components["schemas"]["ExecutionStatus"][];
                /** @description Of this workflow. */
                workflowId?: components["schemas"]["WorkflowId"];
                /** @description Started so. */
                triggeredBy?: components["schemas"]["TriggeredBy"];
                /** @description About this subject. */
                subject?: string;
                /** @description Replays and retries of this execution. */
                replayOf?: components["schemas"]["ExecutionId"];
                /** @description Children of this execution. */
                parentExecutionId?: components["schemas"]["ExecutionId"];
                /** @description Triggered after this instant. */
                createdAfter?: components["schemas"]["Instant"];
                /** @description Triggered before this instant. */
                createdBefore?: components["schemas"]["Instant"];
                /**
                 * @description A filter, such as `status eq 'failed' and priority gt 3` or `status==failed;subject==order*`; may be repeated, all must
                 *     hold. Up to 4096 characters and 100 comparisons. Fields: `id`, `workflowId`, `workflowVersion`, `status`, `triggeredBy`,
                 *     `triggerId`, `subject`, `priority`, `dedupeKey`, `concurrencyKey`, `idempotencyKey`, `parentExecutionId`, `replayOf`,
                 *     `fromNodeId`, `reprocessing`, `duplicateOf`, `createdBy`, `createdAt`, `queuedAt`, `startedAt`, `finishedAt`, `runAt`, `expiresAt`,
                 *     `error.code`.
                 */
                filter?: string[];
                /** @description How many rows. */
                limit?: number;
                /** @description Where to go on, from the `Link` header of the page before. */
                cursor?: string;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: never;
    };
    count_executions: {
        parameters: {
            query?: {
                /** @description Of this workflow. */
                workflowId?: components["schemas"]["WorkflowId"];
                /** @description Started so. */
                triggeredBy?: components["schemas"]["TriggeredBy"];
                /** @description About this subject. */
                subject?: string;
                /** @description Replays and retries of this execution. */
                replayOf?: components["schemas"]["ExecutionId"];
                /** @description Children of this execution. */
                parentExecutionId?: components["schemas"]["ExecutionId"];
                /** @description Triggered after this instant. */
                createdAfter?: components["schemas"]["Instant"];
                /** @description Triggered before this instant. */
                createdBefore?: components["schemas"]["Instant"];
                /** @description A filter, as for the list; may be repeated. */
                filter?: string[];
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: never;
    };
    get_execution: {
        parameters: {
            query?: {
                /** @description A comma list of `input`, `nodes`, `suspensions`; all, if missing. */
                include?: string;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: never;
    };
    list_execution_artifacts: {
        parameters: {
            query?: {
                /** @description How many artifacts. */
                limit?: number;
                /** @description Where to go on, from the `Link` header of the page before. */
                cursor?: string;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: never;
    };
    stream_execution_events: {
        parameters: {
            query?: {
                /** @description After this position; `Last-Event-ID` comes first. */
                after?: string;
                /** @description Only these types: a comma list. */
                types?: string[];
                /** @description Begin with the execution as it is (`stream_snapshot`). */
                snapshot?: boolean;
                /** @description How many events a page of JSON has: 1 to 1000, 500 unless said otherwise. */
                limit?: number;
                /** @description A stream token, in place of other credentials. */
                token?: string;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: never;
    };
    list_execution_logs: {
        parameters: {
            query?: {
                /** @description Of this node. */
                nodeId?: string;
                /** @description Of this level or a higher one. */
                level?: components["schemas"]["LogLevel"];
                /** @description After this position. */
                after?: number;
                /** @description How many lines. */
                limit?: number;
                /** @description Where to go on, from the `Link` header of the page before. */
                cursor?: string;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: never;
    };
    list_schedules: {
        parameters: {
            query?: {
                /** @description How many rows. */
                limit?: number;
                /** @description Where to go on, from the `Link` header of the page before. */
                cursor?: string;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: never;
    };
    preview_schedule: {
        parameters: {
            query?: {
                /** @description How many slots, 1 to 100; 10, if missing. */
                n?: number;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: never;
    };
    list_schedule_slots: {
        parameters: {
            query?: {
                /** @description How many rows. */
                limit?: number;
                /** @description Where to go on, from the `Link` header of the page before. */
                cursor?: string;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: never;
    };
    list_subjects: {
        parameters: {
            query?: {
                /** @description Those whose path begins with this. */
                path?: string;
                /** @description Those whose content lives here. */
                store?: string;
                /** @description Those with this label. */
                label?: string;
                /** @description How many rows. */
                limit?: number;
                /** @description Where to go on, from the `Link` header of the page before. */
                cursor?: string;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: never;
    };
    list_pod_suspensions: {
        parameters: {
            query?: {
                /** @description In this state; any, if missing. */
                state?: components["schemas"]["SuspensionState"];
                /** @description In this pod. */
                podId?: components["schemas"]["PodId"];
                /** @description Of this workflow. */
                workflowId?: components["schemas"]["WorkflowId"];
                /** @description Of this execution. */
                executionId?: components["schemas"]["ExecutionId"];
                /** @description Of this kind. */
                kind?: components["schemas"]["SuspensionKind"];
                /** @description Only open ones that the caller may answer now. */
                mine?: boolean;
                /** @description How many rows. */
                limit?: number;
                /** @description Where to go on, from the `Link` header of the page before. */
                cursor?: string;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: never;
    };
    list_webhooks: {
        parameters: {
            query?: {
                /** @description How many rows. */
                limit?: number;
                /** @description Where to go on, from the `Link` header of the page before. */
                cursor?: string;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: never;
    };
    list_webhook_deliveries: {
        parameters: {
            query?: {
                /** @description How many rows. */
                limit?: number;
                /** @description Where to go on, from the `Link` header of the page before. */
                cursor?: string;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: never;
    };
    list_workflows: {
        parameters: {
            query?: {
                /** @description Only those that are starred. */
                starred?: boolean;
                /** @description Those in the trash in place of the others. */
                trashed?: boolean;
                /** @description How many rows. */
                limit?: number;
                /** @description Where to go on, from the `Link` header of the page before. */
                cursor?: string;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: never;
    };
    list_workflow_versions: {
        parameters: {
            query?: {
                /** @description How many rows. */
                limit?: number;
                /** @description Where to go on, from the `Link` header of the page before. */
                cursor?: string;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: never;
    };
    list_secrets: {
        parameters: {
            query?: {
                /** @description How many rows. */
                limit?: number;
                /** @description Where to go on, from the `Link` header of the page before. */
                cursor?: string;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: never;
    };
    list_suspensions: {
        parameters: {
            query?: {
                /** @description In this state; any, if missing. */
                state?: components["schemas"]["SuspensionState"];
                /** @description In this pod. */
                podId?: components["schemas"]["PodId"];
                /** @description Of this workflow. */
                workflowId?: components["schemas"]["WorkflowId"];
                /** @description Of this execution. */
                executionId?: components["schemas"]["ExecutionId"];
                /** @description Of this kind. */
                kind?: components["schemas"]["SuspensionKind"];
                /** @description Only open ones that the caller may answer now. */
                mine?: boolean;
                /** @description How many rows. */
                limit?: number;
                /** @description Where to go on, from the `Link` header of the page before. */
                cursor?: string;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: never;
    };
    stream_suspension_events: {
        parameters: {
            query?: {
                /**
                 * @description After this cursor; `Last-Event-ID` comes first. Without one the stream begins now: nothing that happens from now on is
                 *     left out, and what was stored a moment ago may come as well.
                 */
                after?: string;
                /** @description Only these types: a comma list. */
                types?: string[];
                /** @description Only of this workflow. */
                workflowId?: components["schemas"]["WorkflowId"];
                /** @description `full` keeps what an event carries; `slim` is the default for pods, `full` for the inbox. */
                fields?: "slim" | "full";
                /** @description Begin with the newest executions or the open suspensions (`stream_snapshot`). */
                snapshot?: boolean;
                /** @description A stream token, in place of other credentials. */
                token?: string;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: never;
    };
    list_notifications: {
        parameters: {
            query?: {
                /** @description How many rows. */
                limit?: number;
                /** @description Where to go on, from the `Link` header of the page before. */
                cursor?: string;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: never;
    };
}
