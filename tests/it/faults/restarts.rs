//! A PostgreSQL that is restarted again and again, also while servers start and take over what others have left.

use crate::support::{
    own_cluster::OwnCluster,
    process::{Server, Site},
    traffic::{ARGUMENTS, Pauses, Traffic, instances},
};

/// How long the database is away.
const AWAY_MS: u64 = 2_000;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_lost_when_postgres_restarts() {
    let cluster = OwnCluster::start(&[], &[]).await;
    let site = Site::at(cluster.url.clone()).await;
    let mut servers = Vec::new();
    for _ in 0..instances() {
        servers.push(Server::start(&site, &ARGUMENTS).await);
    }
    let mut traffic = Traffic::start(servers.iter().map(Server::caller).collect(), 3, 1).await;
    let mut pauses = Pauses::new(1, 2);
    let (mut restarts, mut amid_a_boot) = (0, 0);
    while pauses.next().await {
        traffic.check();
        let modes = ["immediate", "fast"];
        if restarts % 3 == 1 {
            // One server dies, and with it a database in the middle of what is to be taken over; it comes again before the database.
            let server = &mut servers[pauses.pick(instances())];
            server.kill().await;
            pauses.lasts(2_500).await;
            cluster.halt(modes[restarts % 2]).await;
            let (up, ()) = tokio::join!(server.try_boot(), async {
                pauses.lasts(AWAY_MS).await;
                cluster.resume().await;
                cluster.halt("immediate").await;
                cluster.resume().await;
            });
            amid_a_boot += usize::from(!up);
            // Whoever runs servers starts those again that gave up.
            if !up {
                server.boot().await;
            }
            restarts += 2;
        } else {
            cluster.halt(modes[restarts % 2]).await;
            pauses.lasts(AWAY_MS).await;
            cluster.resume().await;
            restarts += 1;
        }
    }
    let passed = traffic.finish().await;
    println!("{} servers, {restarts} restarts, {amid_a_boot} amid a boot that failed: {passed}", instances());
    assert!(restarts >= 3 && passed.cuts + passed.unclear > 0, "nothing was hit");
}
