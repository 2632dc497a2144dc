//! How executions run, wait and survive: machine, driver, committer, queue, timers, hub, reconciler.
