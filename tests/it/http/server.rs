//! A real socket: keep-alive, and the graceful stop.

use std::sync::Arc;
use std::time::Duration;

use rebateflow::serve::serve;
use rebateflow::tasks;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;

use super::world::World;

async fn ask(stream: &mut TcpStream, uri: &str) {
    let request = format!("GET {uri} HTTP/1.1\r\nhost: localhost\r\n\r\n");
    stream.write_all(request.as_bytes()).await.expect("sent");
}

async fn answer(stream: &mut TcpStream, ends_with: &str) -> String {
    let mut text = String::new();
    let mut buffer = [0; 4_096];
    while !text.ends_with(ends_with) {
        let read = stream.read(&mut buffer).await.expect("readable");
        assert!(read > 0, "the connection ended after {text}");
        text.push_str(std::str::from_utf8(&buffer[..read]).expect("text"));
    }
    text
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stop_lets_running_requests_end() {
    let world = Arc::new(World::new());
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    let (stop, stopped) = oneshot::channel::<()>();
    let server = tasks::spawn_task(serve(listener, world.app.clone(), async move {
        stopped.await.expect("told to stop");
    }));
    let mut idle = TcpStream::connect(address).await.expect("connected");
    for _ in 0..3 {
        ask(&mut idle, "/v1/views/total").await;
        let text = answer(&mut idle, "}]}").await;
        assert!(text.starts_with("HTTP/1.1 200 OK\r\n") && text.contains("\"12345.00\""), "{text}");
    }
    let mut waiting = TcpStream::connect(address).await.expect("connected");
    ask(&mut waiting, "/v1/views/total?min_epoch=2").await;
    tokio::time::sleep(Duration::from_millis(100)).await;
    stop.send(()).expect("serving");
    assert_eq!(idle.read(&mut [0; 16]).await.expect("closed"), 0, "an idle connection ends at once");
    tokio::time::sleep(Duration::from_millis(100)).await;
    assert!(!server.is_finished(), "a request is running");
    world.hot.publish(world.snapshot(2));
    let text = answer(&mut waiting, "}]}").await;
    assert!(text.contains("\"epoch\":\"3.2\""), "{text}");
    tokio::time::timeout(Duration::from_secs(5), server).await.expect("in time").expect("no panic").expect("ended");
    assert!(TcpStream::connect(address).await.is_err(), "nothing listens any more");
}
