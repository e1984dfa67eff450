//! Tests of `queue`.
#![allow(clippy::unwrap_used)]

use super::*;
use labrum_dicom::fixture::Fixture;

fn server() -> Server {
    // Nothing listens on this port.
    Server {
        name: "Nowhere".into(),
        address: "http://127.0.0.1:1/dicom-web".into(),
        ..Server::default()
    }
}

fn queue() -> (tempfile::TempDir, SendQueue, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let file = Fixture::new(2, 1)
        .with_pixels(&[1, 2])
        .write_to_folder(folder.path(), "seg.dcm");
    let queue = SendQueue::open(&folder.path().join("queue")).unwrap();
    (folder, queue, file)
}

fn state(queue: &SendQueue) -> SendState {
    queue.read_items().unwrap()[0].state
}

#[test]
fn an_object_is_queued_once_for_each_server() {
    let (_folder, queue, file) = queue();
    let first = queue.enqueue_file(&file, &server()).unwrap();
    assert_eq!(queue.enqueue_file(&file, &server()).unwrap(), first);
    let other = Server {
        address: "http://127.0.0.1:2/".into(),
        ..server()
    };
    queue.enqueue_file(&file, &other).unwrap();
    assert_eq!(queue.read_items().unwrap().len(), 2);
    fs::write(&file, "no DICOM").unwrap();
    assert!(
        queue
            .enqueue_file(&file, &server())
            .unwrap_err()
            .to_string()
            .contains("not a DICOM file")
    );
}

#[test]
fn sending_to_an_unreachable_server_is_retried_after_a_pause() {
    let (_folder, queue, file) = queue();
    queue.enqueue_file(&file, &server()).unwrap();
    let mut told = Vec::new();
    let mut archive = |s: &Server| Archive::new(s, None);
    let next = queue
        .send_due(
            &mut archive,
            &mut |item| told.push((item.state, item.attempts)),
            &Cancel::default(),
        )
        .unwrap();
    assert_eq!(told, [(SendState::Sending, 1), (SendState::Waiting, 1)]);
    assert!(next.is_some_and(|next| next <= FIRST_PAUSE));
    // After a restart the item and its error are still there.
    let queue = SendQueue::open(&queue.folder).unwrap();
    let item = &queue.read_items().unwrap()[0];
    assert!(
        item.trouble.as_ref().is_some_and(|t| t.contains("refused")),
        "{item:?}"
    );
    queue.cancel_item(&item.id).unwrap();
    assert_eq!(state(&queue), SendState::Cancelled);
    assert!(!queue.object_path(&item.id).exists());
    queue.forget_done().unwrap();
    assert!(queue.read_items().unwrap().is_empty());
}

#[test]
fn a_refused_item_waits_until_the_user_retries_it() {
    let (_folder, queue, file) = queue();
    let item = queue.enqueue_file(&file, &server()).unwrap();
    let mut archive = |s: &Server| {
        Err(server_error(
            ErrorKind::SignIn,
            s,
            "sign in",
            "the password is wrong",
        ))
    };
    let next = queue
        .send_due(&mut archive, &mut |_| {}, &Cancel::default())
        .unwrap();
    assert_eq!((next, state(&queue)), (None, SendState::Refused));
    queue.retry_item(&item.id).unwrap();
    assert_eq!(state(&queue), SendState::Waiting);
}

#[test]
fn only_one_process_sends_at_a_time() {
    let (_folder, queue, file) = queue();
    queue.enqueue_file(&file, &server()).unwrap();
    let turn = queue.acquire_sending_right().unwrap();
    assert!(turn.is_some());
    let mut never = |_: &Server| -> Result<Archive> { unreachable!("the other one is sending") };
    let next = queue
        .send_due(&mut never, &mut |_| {}, &Cancel::default())
        .unwrap();
    assert_eq!(next, Some(FIRST_PAUSE));
}

#[test]
fn retry_pauses_grow_to_ten_minutes() {
    let seconds: Vec<u64> = [1, 2, 3, 9, 10, 60]
        .map(|n| pause_after(n).as_secs())
        .to_vec();
    assert_eq!(seconds, [2, 4, 8, 512, 600, 600]);
}
