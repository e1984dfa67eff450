//! A proxy that counts requests and can break the connection at a chosen point.

use std::{
    collections::BTreeMap,
    io::{Read, Write},
    net::{Shutdown, TcpListener, TcpStream},
    sync::{Arc, Mutex},
    thread,
    time::Duration,
};

#[derive(Default)]
struct State {
    /// Number of POST requests.
    posts: usize,
    /// GET requests for objects, by path.
    fetches: BTreeMap<String, usize>,
    /// Drop the connection instead of passing on the response to the next POST.
    lose_answer: bool,
    /// Drop the connection once, after this many bytes of an object for the client.
    cut_answer_after: Option<usize>,
    /// Drop the connection once, after this many bytes of a POST to the server.
    cut_post_after: Option<usize>,
}

/// Listens on a free port and forwards connections to the server.
#[derive(Clone)]
pub(crate) struct Proxy {
    pub(crate) port: u16,
    state: Arc<Mutex<State>>,
}

impl Proxy {
    pub(crate) fn to(server: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let proxy = Self {
            port: listener.local_addr().unwrap().port(),
            state: Arc::default(),
        };
        let state = proxy.state.clone();
        thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let state = state.clone();
                thread::spawn(move || pass(client, server, state));
            }
        });
        proxy
    }

    pub(crate) fn web(&self) -> String {
        format!("http://127.0.0.1:{}/dicom-web", self.port)
    }

    /// Number of POST requests.
    pub(crate) fn posts(&self) -> usize {
        self.state.lock().unwrap().posts
    }

    /// Requested objects, with the number of requests for each.
    pub(crate) fn fetches(&self) -> BTreeMap<String, usize> {
        self.state.lock().unwrap().fetches.clone()
    }

    pub(crate) fn lose_next_answer(&self) {
        self.state.lock().unwrap().lose_answer = true;
    }

    pub(crate) fn cut_next_object_after(&self, bytes: usize) {
        self.state.lock().unwrap().cut_answer_after = Some(bytes);
    }

    pub(crate) fn cut_next_post_after(&self, bytes: usize) {
        self.state.lock().unwrap().cut_post_after = Some(bytes);
    }
}

fn pass(mut client: TcpStream, server: u16, state: Arc<Mutex<State>>) {
    let Ok(mut upstream) = TcpStream::connect(("127.0.0.1", server)) else {
        return;
    };
    let (mut back_from, mut back_to) = (upstream.try_clone().unwrap(), client.try_clone().unwrap());
    let back = state.clone();
    let asked = Arc::new(Mutex::new(String::new()));
    let asked_for = asked.clone();
    thread::spawn(move || {
        let mut buffer = vec![0; 16 * 1024];
        let mut passed = 0;
        while let Ok(count @ 1..) = back_from.read(&mut buffer) {
            let request = asked_for.lock().unwrap().clone();
            let mut state = back.lock().unwrap();
            if state.lose_answer && request.starts_with("POST") {
                state.lose_answer = false;
                drop(state);
                // The server has stored the object, but the client never gets the response.
                break;
            }
            let is_object = request.starts_with("GET") && request.contains("/instances/");
            passed = if is_object { passed + count } else { 0 };
            if state
                .cut_answer_after
                .is_some_and(|limit| is_object && passed > limit)
            {
                state.cut_answer_after = None;
                break;
            }
            drop(state);
            if back_to.write_all(&buffer[..count]).is_err() {
                break;
            }
        }
        let _ = back_to.shutdown(Shutdown::Both);
        let _ = back_from.shutdown(Shutdown::Both);
    });
    let mut buffer = vec![0; 16 * 1024];
    let mut passed = 0;
    while let Ok(count @ 1..) = client.read(&mut buffer) {
        let begin = String::from_utf8_lossy(&buffer[..count.min(400)]).into_owned();
        let line = begin.lines().next().unwrap_or_default();
        let mut locked = state.lock().unwrap();
        if line.starts_with("POST ") || line.starts_with("GET ") {
            *asked.lock().unwrap() = line.to_owned();
            passed = 0;
            locked.posts += usize::from(line.starts_with("POST "));
            if line.starts_with("GET ") && line.contains("/instances/") {
                *locked.fetches.entry(line.to_owned()).or_default() += 1;
            }
        }
        passed += count;
        let is_post = asked.lock().unwrap().starts_with("POST");
        if locked
            .cut_post_after
            .is_some_and(|limit| is_post && passed > limit)
        {
            locked.cut_post_after = None;
            break;
        }
        drop(locked);
        if upstream.write_all(&buffer[..count]).is_err() {
            break;
        }
    }
    // Bytes in flight still get through.
    thread::sleep(Duration::from_millis(20));
    let _ = upstream.shutdown(Shutdown::Both);
    let _ = client.shutdown(Shutdown::Both);
}
