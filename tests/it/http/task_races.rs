//! Two words about the same lease at the same instant: one outcome.

use serde_json::json;

use crate::support::{
    app::{Backend, on_both},
    scene::{Scene, line, node},
};

on_both! { a_result_and_the_end_of_the_lease_at_the_same_instant }

async fn a_result_and_the_end_of_the_lease_at_the_same_instant(backend: Backend) {
    let scene = Scene::on(backend).await;
    scene.app.clock.advance_ms(5_000);
    let workflow = scene.workflow(line([node("work", "task", json!({"queue": "q", "leaseSeconds": 5}))])).await;
    let lease = format!("{}/tasks/lease", scene.place.pod());
    let wish = json!({"queues": ["q"], "waitSeconds": 30, "workerId": "w"});
    let (mut in_time, mut late) = (0, 0);
    for _ in 0..20 {
        let run = scene.trigger(&workflow, json!(null)).await;
        let task = scene.ann.post(&lease, wish.clone()).await.expect(200)["tasks"][0].clone();
        let door = format!("{}/tasks/{}/complete", scene.place.pod(), task["taskId"].as_str().unwrap());
        let worker = scene.app.anonymous();
        let ((), reply) = tokio::join!(
            async { scene.app.clock.advance_ms(5_000) },
            worker.post(&door, json!({"leaseToken": task["leaseToken"], "output": "first"}))
        );
        if reply.status == 200 {
            in_time += 1;
            assert_eq!(run.output().await, "first");
            continue;
        }
        late += 1;
        reply.problem(409, "lease_lost");
        let again = scene.ann.post(&lease, wish.clone()).await.expect(200)["tasks"][0].clone();
        assert_eq!(again["fence"], 2);
        worker.post(&door, json!({"leaseToken": again["leaseToken"], "output": "second"})).await.expect(200);
        assert_eq!(run.output().await, "second");
    }
    assert_eq!(in_time + late, 20);
}
