//! Servers that cannot be reached, that hang, or that send invalid responses: the right message,
//! and no needless waiting.

use super::{User, study_of};
use std::{
    io::{Read, Write},
    net::{TcpListener, TcpStream},
    process::Stdio,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

/// A server that handles each connection with `answer`.
fn server(answer: impl Fn(TcpStream) + Send + Sync + Clone + 'static) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    thread::spawn(move || {
        for client in listener.incoming().flatten() {
            let answer = answer.clone();
            thread::spawn(move || answer(client));
        }
    });
    format!("http://127.0.0.1:{port}/dicom-web")
}

/// A server that sends the same response to every request.
fn server_with_response(status: &'static str, kind: &'static str, body: &'static [u8]) -> String {
    server(move |mut client| {
        let mut request = [0; 65536];
        while let Ok(1..) = client.read(&mut request) {
            let head = format!(
                "HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {}\r\n\r\n",
                body.len()
            );
            if client.write_all(&[head.as_bytes(), body].concat()).is_err() {
                return;
            }
        }
    })
}

#[test]
fn unreachable_addresses_are_reported() {
    let user = User::new();
    let nowhere = "http://127.0.0.1:1/dicom-web";
    user.is_refused(
        &[&"pacs", &"echo", &nowhere],
        &["connection refused", "Check the server's address"],
    );
    user.is_refused(
        &[&"pacs", &"find", &"http://no-such-host.invalid/"],
        &["host not found"],
    );
    user.is_refused(
        &[&"pacs", &"find", &"hospital"],
        &["no server has this name", "labrum pacs add"],
    );
    user.is_refused(
        &[&"pacs", &"find", &"ftp://x/"],
        &["no server has this name"],
    );
    let run = user.is_refused(
        &[&"pacs", &"find", &"http://me:hidden@x/"],
        &["must not contain a user name or password"],
    );
    assert!(!run.err.contains("hidden"));
}

#[test]
fn invalid_responses_are_reported() {
    let user = User::new();
    let page = server_with_response("200 OK", "text/html", b"<html>Welcome</html>");
    user.is_refused(
        &[&"pacs", &"find", &page],
        &["not DICOMweb JSON", "https://HOST/dicom-web"],
    );
    let noise = server(|mut client| drop(client.write_all(b"220 mail.example.org ESMTP\r\n")));
    user.is_refused(&[&"pacs", &"find", &noise], &["cannot find studies"]);
    let wrong_path = server_with_response("404 Not Found", "text/plain", b"");
    user.is_refused(&[&"pacs", &"find", &wrong_path], &["404"]);
    let closed = server_with_response("401 Unauthorized", "text/plain", b"");
    user.is_refused(
        &[&"pacs", &"find", &closed],
        &["requires a user name and password"],
    );
    let ill = server_with_response("503 Service Unavailable", "text/plain", b"");
    user.is_refused(&[&"pacs", &"find", &ill], &["server error (503"]);
    let short = server(|mut client| {
        let _ = client.read(&mut [0; 65536]);
        let _ = client.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n[{\"0020000D\"");
    });
    user.is_refused(&[&"pacs", &"find", &short], &["the answer is incomplete"]);
    let redirect = server(|mut client| {
        let _ = client.read(&mut [0; 65536]);
        let _ = client.write_all(
            b"HTTP/1.1 302 Found\r\nLocation: /dicom-web/again\r\nContent-Length: 0\r\n\r\n",
        );
    });
    user.is_refused(&[&"pacs", &"find", &redirect], &["cannot find studies"]);
}

/// A server that lists one object in one series and answers requests for it with `object`.
fn with_object(object: &'static [u8]) -> String {
    server(move |mut client| {
        let mut request = vec![0; 65536];
        while let Ok(count @ 1..) = client.read(&mut request) {
            let text = String::from_utf8_lossy(&request[..count]).into_owned();
            let path = text.split(' ').nth(1).unwrap_or_default().to_owned();
            let json = "application/dicom+json";
            let (kind, body): (&str, Vec<u8>) = if path.contains("/instances/") {
                (
                    "multipart/related; type=\"application/dicom\"; boundary=x",
                    object.to_vec(),
                )
            } else if path.contains("/instances") {
                (
                    json,
                    br#"[{"00080018":{"vr":"UI","Value":["1.2.3.4"]}}]"#.to_vec(),
                )
            } else {
                (
                    json,
                    br#"[{"0020000E":{"vr":"UI","Value":["1.2.3"]}}]"#.to_vec(),
                )
            };
            let head = format!(
                "HTTP/1.1 200 OK\r\nContent-Type: {kind}\r\nContent-Length: {}\r\n\r\n",
                body.len()
            );
            if client
                .write_all(&[head.as_bytes(), &body].concat())
                .is_err()
            {
                return;
            }
        }
    })
}

#[test]
fn invalid_objects_are_not_kept() {
    let user = User::new();
    let got = user.folder("got");
    let nonsense =
        with_object(b"--x\r\nContent-Type: application/dicom\r\n\r\nthis is no object\r\n--x--");
    user.is_refused(
        &[&"pacs", &"get", &nonsense, &"1.2", &"--out", &got],
        &["receive an object", "not a DICOM file"],
    );
    assert!(super::files(&got).is_empty(), "{:?}", super::files(&got));

    // A complete object with another UID.
    let (_, files) = study_of(1, &user.folder("study"));
    let object = std::fs::read(&files[0]).unwrap();
    let body = [b"--x\r\n\r\n", &object[..], b"\r\n--x--"].concat();
    let other = with_object(body.leak());
    user.is_refused(
        &[&"pacs", &"get", &other, &"1.2", &"--out", &got],
        &["requested object 1.2.3.4, received"],
    );
    assert!(super::files(&got).is_empty());
    let run = user.run(&[&"pacs", &"get", &other, &"../..", &"--out", &got]);
    assert!(
        run.code == Some(2) && run.err.contains("is not a valid Study Instance UID"),
        "{}",
        run.err
    );
}

#[test]
fn a_server_that_refuses_an_object_is_asked_once() {
    let user = User::new();
    let (_, files) = study_of(1, &user.folder("study"));
    let full = server_with_response("507 Insufficient Storage", "text/plain", b"");
    let arguments: [&dyn AsRef<std::ffi::OsStr>; 6] =
        [&"pacs", &"send", &full, &files[0], &"--patience", &"1"];
    user.is_refused(&arguments, &["not sent", "server error (507"]);
    let no = server_with_response("400 Bad Request", "text/plain", b"");
    user.is_refused(
        &[&"pacs", &"send", &no, &files[0]],
        &["1 of 1 objects were not sent", "400"],
    );
    let queue = user.run_json(&[&"pacs", &"queue", &"--json"]);
    assert_eq!(
        (&queue[0]["state"], &queue[1]["state"]),
        (&"waiting".into(), &"refused".into()),
        "{queue}"
    );
    let no_file = user.folder("none.dcm");
    std::fs::write(&no_file, "x").unwrap();
    user.is_refused(&[&"pacs", &"send", &no, &no_file], &["not a DICOM file"]);
}

/// Ctrl+C ends a command within a second, whatever the server does.
#[cfg(unix)]
#[test]
fn ctrl_c_works_while_a_server_hangs() {
    let asked = Arc::new(AtomicUsize::new(0));
    let (first, second) = (asked.clone(), asked.clone());
    let hangs = server(move |client| {
        first.fetch_add(1, Ordering::SeqCst);
        thread::sleep(Duration::from_secs(30));
        drop(client);
    });
    let half = server(move |mut client| {
        let _ = client.read(&mut [0; 65536]);
        second.fetch_add(1, Ordering::SeqCst);
        let _ = client.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n[{");
        thread::sleep(Duration::from_secs(30));
    });
    let user = User::new();
    let (_, files) = study_of(1, &user.folder("study"));
    let file = files[0].display().to_string();
    let got = user.folder("got").display().to_string();
    for (server, what) in [
        (&hangs, "find"),
        (&half, "find"),
        (&hangs, "get"),
        (&hangs, "send"),
    ] {
        let mut command = user.program(&[&"pacs", &what, server]);
        match what {
            "get" => command.args(["1.2", "--out", &got]),
            "send" => command.arg(&file),
            _ => &mut command,
        };
        asked.store(0, Ordering::SeqCst);
        let mut child = command
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        super::until(
            "the server has received a request",
            Duration::from_secs(30),
            || asked.load(Ordering::SeqCst) > 0,
        );
        thread::sleep(Duration::from_millis(200));
        assert!(
            child.try_wait().unwrap().is_none(),
            "{what} did not wait for {server}"
        );
        let begun = Instant::now();
        let pid = child.id().to_string();
        assert!(
            std::process::Command::new("kill")
                .args(["-INT", &pid])
                .status()
                .unwrap()
                .success()
        );
        let status = child.wait().unwrap();
        assert!(
            begun.elapsed() < Duration::from_secs(1),
            "{what} took {:?} to stop",
            begun.elapsed()
        );
        assert_eq!(status.code(), Some(130), "{what}");
    }
    let queue = user.run_json(&[&"pacs", &"queue", &"--json"]);
    assert_eq!(
        queue[0]["state"], "waiting",
        "the object stays in the queue: {queue}"
    );
}
